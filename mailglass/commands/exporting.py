"""``mailglass export``: all hits with their messages, as CSV or JSON, oldest knowledge last (newest first)."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from ledger.message_id import MessageId
from ledger.queries import ADMINISTRATOR, HitRow, MessageRow, list_hits
from ledger.queries import message as message_detail
from ledger.queries.facts import count_hits_since
from ledger.reading import LedgerReader
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.commands.progress import is_watched, progress
from mailglass.commands.reading import moment_from, reading, run_to_end
from mailglass.commands.shapes import hit_shape, message_shape
from mailglass.commands.tables import counted, plain
from mailglass.failures import Failed
from pixel_server.dashboard.comma_separated import harmless

PAGE = 500

_COLUMNS = (
    "id", "at", "kind", "class", "confidence", "rule", "repeats", "user_agent", "ip", "copy", "link", "url", "address",
    "message", "submitted_at", "sender", "recipients", "subject", "tags", "meta", "state",
)  # fmt: skip


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


def export(
    config: Config = DEFAULT_CONFIG,
    since: Annotated[str | None, typer.Option("--since", help='"7d" or "2026-01-31"')] = None,
    form: Annotated[Format, typer.Option("--format", help="csv or json")] = Format.CSV,
    out: Annotated[Path | None, typer.Option("--out", help="a file instead of standard output")] = None,
) -> None:
    """Write out hits with their messages, newest first."""
    settings = settings_from_file(config)
    earliest = moment_from(since, datetime.now(UTC)) if since else None

    async def work() -> int:
        async with reading(settings) as ledger:
            total = 0
            if is_shown := is_watched() and (out is not None or not sys.stdout.isatty()):
                async with ledger.read() as connection:
                    total = await count_hits_since(connection, earliest)
            with _opened(out) as file, progress(total, "Writing out", is_shown) as advance:
                return await _write(_rows(ledger, earliest), file, form, advance)

    count = run_to_end(work())
    if out is not None:
        typer.echo(f"{counted(count, 'hit')} written to {out}", err=True)


async def _rows(ledger: LedgerReader, earliest: datetime | None) -> AsyncIterator[dict[str, object]]:
    known: dict[MessageId, MessageRow | None] = {}
    cursor: str | None = None
    while True:
        async with ledger.read() as connection:
            page = await list_hits(connection, ADMINISTRATOR, cursor=cursor, limit=PAGE)
            for hit in page.items:
                if hit.message is not None and hit.message not in known:
                    detail = await message_detail(connection, ADMINISTRATOR, hit.message)
                    known[hit.message] = detail.message if detail else None
        for hit in page.items:
            # Hits are numbered as they come, and one replayed from a journal is older than its number says.
            if earliest is None or hit.at >= earliest:
                yield _row(hit, known.get(hit.message) if hit.message else None)
        if page.next is None:
            return
        cursor = page.next


def _row(hit: HitRow, message: MessageRow | None) -> dict[str, object]:
    about = message_shape(message) if message else {}
    row = {**about, **hit_shape(hit), "repeats": hit.repeats, "url": hit.url, "address": hit.address}
    return {column: row.get(column) for column in _COLUMNS}


async def _write(
    rows: AsyncIterator[dict[str, object]], file: TextIO, form: Format, advance: Callable[[int], object]
) -> int:
    count = 0
    writer: Any = csv.writer(file)
    if form is Format.CSV:
        writer.writerow(_COLUMNS)
    async for row in rows:
        if form is Format.CSV:
            writer.writerow([_csv_cell(value) for value in row.values()])
        else:
            file.write(("[\n" if count == 0 else ",\n") + json.dumps(plain(row), ensure_ascii=False))
        count += 1
        if count % PAGE == 0:
            advance(PAGE)
    advance(count % PAGE)
    if form is Format.JSON:
        file.write("\n]\n" if count else "[]\n")
    return count


def _csv_cell(value: object) -> str:
    shown = plain(value)
    text = "" if shown is None else json.dumps(shown, ensure_ascii=False) if isinstance(shown, dict) else str(shown)
    if isinstance(shown, list):
        text = ", ".join(map(str, shown))
    return str(harmless(text))


def _for_its_owner(path: str, flags: int) -> int:
    """A new file is nobody else's to read: it is full of addresses. One that is there keeps its mode."""
    return os.open(path, flags, 0o600)


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    try:
        with open(out, "w", encoding="utf-8", newline="", opener=_for_its_owner) as file:
            yield file
    except OSError as fault:
        raise Failed(f"cannot write {out}: {fault.strerror}") from None
