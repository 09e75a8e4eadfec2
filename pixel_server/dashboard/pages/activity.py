"""The Activity page: hits as they come, newest first, and the button that sets the bell back."""

from __future__ import annotations

from itertools import groupby

from aiohttp import web

from ledger.accounts import set_seen
from ledger.queries.hits import HitFilter, newest_hit_seq
from ledger.records import HitClass, HitKind
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.pages.message_page import rule_words
from pixel_server.dashboard.reasons import SHORT_CLASS_WORDS
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.shown_hits import is_again, only_counts, shown_hits

PER_PAGE = 60


async def show_activity(request: web.Request) -> web.Response:
    desk, reader, words = request.app[DESK], request[READER], request[WORDING]
    kind = request.query.get("kind", "")
    kind = kind if kind in list(HitKind) else ""
    everything = request.query.get("all") == "1"
    cursor = request.query.get("cursor")
    wanted = HitFilter(kind=kind, confirmed=not everything)
    async with desk.ledger.read() as connection:
        listed = await shown_hits(desk.settings, connection, reader.viewer, wanted, cursor, PER_PAGE)
    return await page(
        request,
        "activity.html",
        days=[(day, list(group)) for day, group in groupby(listed.items, lambda hit: words.day(hit.at))],
        kind=kind,
        everything=everything,
        older=_link(kind, everything, listed.next) if listed.next else None,
        link=_link,
        seen=reader.account.seen_hit_seq,
        only_counts=only_counts(desk.settings),
        rule=lambda hit: rule_words(hit, request),
        class_of=lambda hit: words._(SHORT_CLASS_WORDS[HitClass(hit.hit_class)]),
        is_again=is_again,
        column_of=lambda hit: HitClass(hit.hit_class).column,
    )


async def mark_seen(request: web.Request) -> web.Response:
    """The bell begins anew after the newest hit there is."""
    desk = request.app[DESK]
    async with desk.ledger.read() as connection:
        newest = await newest_hit_seq(connection)
    await desk.ledger.write(set_seen, request[READER].account.id, newest)
    return web.Response(status=303, headers={"Location": "/activity"})


def _link(kind: str, everything: bool, cursor: str | None = None) -> str:
    parts = [f"kind={kind}"] if kind else []
    parts += ["all=1"] if everything else []
    parts += [f"cursor={cursor}"] if cursor else []
    return "/activity" + ("?" + "&".join(parts) if parts else "")


ROUTES = (
    web.get("/activity", show_activity),
    web.post("/activity/seen", mark_seen),
)
