"""Prints rows for people (aligned columns) or for programs (JSON). Knows no command."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from shutil import get_terminal_size
from unicodedata import east_asian_width

import typer

from ledger.message_id import MessageId

WIDEST_CELL = 60
NARROWEST_CELL = 14  # to which a text is cut before a column is left out
GAP = 2
Rows = Sequence[Mapping[str, object]]


def print_rows(
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    as_json: bool,
    spare: Sequence[str] = (),
    cuttable: Collection[str] = (),
) -> None:
    """As a table with these columns, or as one JSON array with everything that stands in the rows.

    On a terminal that has no room for all, see ``fitted``.
    """
    found = list(rows)
    if as_json:
        print_json(found)
        return
    shown, cells = fitted(found, columns, _terminal_width(), spare, cuttable)
    print_table(cells, shown)
    left_out = [column.replace("_", " ") for column in columns if column not in shown]
    if left_out and found:
        typer.echo(f"No room for: {', '.join(left_out)}. A wider terminal shows them, and so does --json.", err=True)


def fitted(
    rows: Rows, columns: Sequence[str], limit: int | None, spare: Sequence[str], cuttable: Collection[str]
) -> tuple[list[str], list[list[str]]]:
    """The columns that there is room for, and their cells. Where all do not fit into ``limit``, times lose year and
    seconds, then ``spare`` columns go, in this order, and at last the ``cuttable`` texts share what is left."""
    shown = list(columns)
    cells = {column: [cell(row.get(column)) for row in rows] for column in columns}
    if limit is not None and _room_for(cells, shown) > limit:
        cells = {column: [cell(row.get(column), short=True) for row in rows] for column in columns}
        for column in spare:
            if _room_for(cells, shown, cuttable) > limit:
                shown.remove(column)
        _cut(cells, shown, limit, cuttable)
    return shown, [list(row) for row in zip(*(cells[column] for column in shown), strict=True)]


def _room_for(cells: Mapping[str, list[str]], shown: Sequence[str], cuttable: Collection[str] = ()) -> int:
    """How wide the table is, or, with ``cuttable`` columns, can be made."""
    widths = (
        min(_wide(cells, column), NARROWEST_CELL) if column in cuttable else _wide(cells, column) for column in shown
    )
    return sum(widths) + GAP * (len(shown) - 1)


def _wide(cells: Mapping[str, list[str]], column: str) -> int:
    return max(map(_width, [column, *cells[column]]))


def _cut(cells: dict[str, list[str]], shown: Sequence[str], limit: int, cuttable: Collection[str]) -> None:
    """Makes the widest of the cuttable columns narrower until the table fits, or none can be."""
    widths = {column: _wide(cells, column) for column in shown}
    texts = [column for column in shown if column in cuttable]
    while sum(widths.values()) + GAP * (len(shown) - 1) > limit:
        widest = max(texts, key=lambda column: widths[column], default=None)
        if widest is None or widths[widest] <= NARROWEST_CELL:
            return
        widths[widest] -= 1
        cells[widest] = [_shortened(text, widths[widest]) for text in cells[widest]]


def _shortened(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    kept = text.removesuffix("…")
    while _width(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def _terminal_width() -> int | None:
    return get_terminal_size().columns if sys.stdout.isatty() else None


def print_json(value: object) -> None:
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def print_table(rows: Sequence[Sequence[str]], columns: Sequence[str], whole: bool = False) -> None:
    """The rows below their heads; on a terminal cut to its width unless every word is needed (``whole``)."""
    heads = [column.replace("_", " ") for column in columns]
    widths = [max(map(_width, column), default=0) for column in zip(heads, *rows, strict=True)]
    gap, limit = " " * GAP, None if whole else _terminal_width()
    for row in [heads, *rows]:
        padded = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
        line = gap.join(padded).rstrip()
        typer.echo(line if limit is None else _shortened(line, limit))


def plain(value: object) -> object:
    """The value as JSON knows it; times in UTC ISO 8601."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case MessageId():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return str(value)


def cell(value: object, short: bool = False, widest: int = WIDEST_CELL) -> str:
    """A value as people read it: local time, no control characters, at most ``widest`` letters."""
    match value:
        case None | "" | False:
            return ""
        case True:
            return "yes"
        case datetime():
            return _moment(value.astimezone(), short)
        case list() | tuple():
            text = ", ".join(map(str, value))
        case Mapping():
            text = "; ".join(f"{name}: {cell(item, short, widest)}" for name, item in value.items() if item)
        case _:
            text = str(value)
    # A subject may hold anything: control characters would speak to the terminal.
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= widest else text[: widest - 1] + "…"


def _moment(local: datetime, short: bool) -> str:
    if not short:
        return f"{local:%Y-%m-%d %H:%M:%S}"
    return f"{local:%m-%d %H:%M}" if local.year == datetime.now(local.tzinfo).year else f"{local:%Y-%m-%d}"


def counted(number: int, one: str, several: str = "") -> str:
    """ "1 hit", "2 hits"; ``several`` where it is more than an s."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
