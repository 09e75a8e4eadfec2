"""``mailglass messages`` and ``mailglass hits``: the lists of the page, in a terminal or for a script."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from ledger.queries import ADMINISTRATOR, HitFilter, HitRow, MessageFilter, MessageRow, list_hits, list_messages
from ledger.records import HitClass, HitKind
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.reading import (
    LOOK_AGAIN_SECONDS,
    message_id_from,
    moment_from,
    reading,
    run_to_end,
    until_there,
)
from mailglass.commands.shapes import hit_shape, message_shape
from mailglass.commands.tables import plain, print_rows

Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="how many")]
Since = Annotated[str | None, typer.Option("--since", help='"7d" or "2026-01-31"')]

_MESSAGE_COLUMNS = ("id", "submitted_at", "sender", "recipients", "subject", "opened", "clicked", "state", "reason")
_HIT_COLUMNS = ("at", "kind", "class", "rule", "subject", "url", "user_agent", "message")
# Where there is no room for all: what goes first, and what is cut.
_SPARE_OF_MESSAGES = ("reason", "sender", "id", "state")
_SPARE_OF_HITS = ("message", "user_agent", "rule")
_TEXTS = frozenset(("sender", "recipients", "subject", "url", "user_agent"))


def messages(
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
    limit: Limit = 50,
    tracked: Annotated[bool | None, typer.Option("--tracked/--untracked")] = None,
    opened: Annotated[bool | None, typer.Option("--opened/--not-opened", help="confirmed opens")] = None,
    clicked: Annotated[bool | None, typer.Option("--clicked/--not-clicked", help="confirmed clicks")] = None,
    tag: Annotated[str, typer.Option("--tag")] = "",
    sender: Annotated[str, typer.Option("--sender")] = "",
    words: Annotated[str, typer.Option("--q", help="words of subject and recipients")] = "",
    since: Since = None,
) -> None:
    """List messages, newest first."""
    settings = settings_from_file(config)
    now = datetime.now(UTC)
    wanted = MessageFilter(
        tracked, opened, clicked, tag=tag, sender=sender, q=words, since=moment_from(since, now) if since else None
    )

    async def ask() -> tuple[MessageRow, ...]:
        async with reading(settings) as ledger, ledger.read() as connection:
            return (await list_messages(connection, ADMINISTRATOR, wanted, limit=limit, now=now)).items

    found = run_to_end(ask())
    if as_json:
        print_rows([message_shape(row) for row in found], (), as_json=True)
    else:
        cells = [_message_cells(row) for row in found]
        print_rows(cells, _MESSAGE_COLUMNS, as_json=False, spare=_SPARE_OF_MESSAGES, cuttable=_TEXTS)


def hits(
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
    limit: Limit = 50,
    follow: Annotated[bool, typer.Option("--follow", help="print hits as they come, until interrupted")] = False,
    message: Annotated[str | None, typer.Option("--message", help="of this message only")] = None,
    kind: Annotated[HitKind | None, typer.Option("--kind", help="of this kind only")] = None,
    hit_class: Annotated[HitClass | None, typer.Option("--class", help="of this class only")] = None,
) -> None:
    """List hits, newest first; with --follow those that come, oldest first (with --json one object a line)."""
    settings = settings_from_file(config)
    wanted = HitFilter(message_id_from(message) if message else None, kind or "", hit_class or "")

    async def ask(asked: HitFilter, most: int) -> tuple[HitRow, ...]:
        async with reading(settings) as ledger, ledger.read() as connection:
            return (await list_hits(connection, ADMINISTRATOR, asked, limit=most)).items

    async def watch() -> None:
        await until_there(settings)
        async with reading(settings) as ledger:
            async with ledger.read() as connection:
                newest = (await list_hits(connection, ADMINISTRATOR, limit=1)).items
            last = newest[0].id if newest else ""
            while True:
                asked = replace(wanted, after=last)
                async with ledger.read() as connection:
                    come = (await list_hits(connection, ADMINISTRATOR, asked, limit=500)).items
                for row in reversed(come):
                    last = row.id
                    _print_one(row, as_json)
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    if follow:
        with suppress(KeyboardInterrupt):  # the way to end it
            run_to_end(watch())
    else:
        found = run_to_end(ask(wanted, limit))
        if as_json:
            print_rows([hit_shape(row) for row in found], (), as_json=True)
        else:
            cells = [_hit_cells(row) for row in found]
            print_rows(cells, _HIT_COLUMNS, as_json=False, spare=_SPARE_OF_HITS, cuttable=_TEXTS)


def _print_one(row: HitRow, as_json: bool) -> None:
    if as_json:
        line = json.dumps(plain(hit_shape(row)), ensure_ascii=False)
    else:
        what = f"link {row.link} {row.url}" if row.is_click else "opened"
        what += " (again)" if row.message is not None and not row.counted else ""
        line = f"{row.at.astimezone():%H:%M:%S}  {row.hit_class:<16} {row.rule:<4} {row.subject or row.message}  {what}"
    typer.echo("".join(letter if letter.isprintable() else " " for letter in line))


def _message_cells(row: MessageRow) -> dict[str, object]:
    return {
        "id": row.id,
        "submitted_at": row.submitted_at,
        "sender": row.sender,
        "recipients": row.recipients,
        "subject": row.subject,
        "opened": row.first_opened_at or ("possibly" if row.open_counts.possible else ""),
        "clicked": row.first_clicked_at or "",
        "state": "stopped" if row.stopped_at else row.state,
        "reason": row.reason,
    }


def _hit_cells(row: HitRow) -> dict[str, object]:
    return hit_shape(row) | {"subject": row.subject, "url": row.url}
