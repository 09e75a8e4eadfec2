"""The Messages page: newest first, filtered by plain links, with an icon each for opened and clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from aiohttp import web

from ledger.queries.labels import used_senders, used_tags
from ledger.queries.messages import list_messages
from ledger.queries.rows import MessageRow
from ledger.records import PROBE_TAG
from pixel_server.dashboard.filters import Asked, read_filters
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.reasons import reason_words
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.wording import Wording

UNOPENED_DAYS = 3
PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter as a link."""

    name: str
    href: str
    here: bool


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    rows: tuple[MessageRow, ...]


async def show_messages(request: web.Request) -> web.Response:
    desk, reader, words = request.app[DESK], request[READER], request[WORDING]
    asked = read_filters(request.query, words.zone, PER_PAGE)
    async with desk.ledger.read() as connection:
        listed = await list_messages(connection, reader.viewer, asked.wanted, asked.cursor, asked.limit, words.now)
        tags = await used_tags(connection, reader.viewer)
        senders = await used_senders(connection, reader.viewer)
    return await page(
        request,
        "messages.html",
        asked=asked,
        days=by_day(words, listed.items),
        chips=chips(words, asked, PROBE_TAG in tags),
        tags=[tag for tag in tags if tag != PROBE_TAG],
        probe_tag=PROBE_TAG,
        senders=senders,
        older=asked.link(cursor=listed.next) if listed.next else None,
        newest=asked.link() if asked.cursor else None,
        reason_words=reason_words,
        settings=desk.settings,
    )


def by_day(words: Wording, rows: Sequence[MessageRow]) -> list[Day]:
    """The rows under their days, in their order."""
    return [Day(name, tuple(group)) for name, group in groupby(rows, lambda row: words.day(row.submitted_at))]


def chips(words: Wording, asked: Asked, probes: bool) -> list[Chip]:
    """``probes``: there are some to be filtered by."""
    # Another number of days than ours is from an address that somebody wrote or was sent.
    unopened = {UNOPENED_DAYS, int(asked.parameters.get("unopened_for", UNOPENED_DAYS))}
    offers: list[tuple[str, dict[str, str]]] = [
        (words._("All"), {}),
        (words._("Tracked"), {"tracked": "true"}),
        (words._("Opened"), {"opened": "true"}),
        (words._("Not opened"), {"opened": "false"}),
        *((_unopened_for(words, days), {"unopened_for": str(days)}) for days in sorted(unopened)),
        (words._("Links followed"), {"clicked": "true"}),
    ]
    cleared: dict[str, str | None] = dict.fromkeys(("tracked", "opened", "clicked", "unopened_for"))
    tests = asked.wanted.tag == PROBE_TAG
    if tests:
        cleared["tag"] = None
    found = [
        Chip(name, asked.link(**{**cleared, **parameters}), asked.is_asked(**parameters) and not tests)
        for name, parameters in offers
    ]
    if probes or tests:
        found.append(Chip(words._("Tests"), asked.link(**{**cleared, "tag": PROBE_TAG}), tests))
    return found


def _unopened_for(words: Wording, days: int) -> str:
    return words._("Not opened after %(span)s") % {"span": words.after(timedelta(days=days))}


ROUTES = (web.get("/messages", show_messages),)
