"""Prints rows for people (aligned columns) or for programs (JSON). Knows no command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from shutil import get_terminal_size
from unicodedata import east_asian_width

import typer

from ledger.message_id import MessageId

WIDEST_CELL = 60


def print_rows(rows: Iterable[Mapping[str, object]], columns: Sequence[str], as_json: bool) -> None:
    """As a table with these columns, or as one JSON array with everything that stands in the rows."""
    if as_json:
        print_json(list(rows))
        return
    print_table([[_cell(row.get(column)) for column in columns] for row in rows], columns)


def print_json(value: object) -> None:
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def print_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    heads = [column.replace("_", " ") for column in columns]
    widths = [max(map(_width, column), default=0) for column in zip(heads, *rows, strict=True)]
    limit = get_terminal_size().columns if sys.stdout.isatty() else None
    for row in [heads, *rows]:
        line = "  ".join(text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        typer.echo(line[:limit])


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


def _cell(value: object) -> str:
    match value:
        case None | "" | False:
            return ""
        case True:
            return "yes"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case list() | tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    # A subject may hold anything: control characters would speak to the terminal.
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
