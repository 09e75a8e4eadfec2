"""The page of one message: time line, recipients, links, every hit with its reason; stop, note, tags, "that was me"."""

from __future__ import annotations

from dataclasses import astuple

from aiohttp import web

from ledger.message_id import MessageId, parse_message_id
from ledger.own_words import set_note, set_tags
from ledger.queries.hits import HitFilter, list_hits
from ledger.queries.messages import message_detail
from ledger.queries.rows import HitRow, MessageDetail
from ledger.records import Confidence, HitClass, Verdict
from pixel_server.dashboard import timeline
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.readers import different_readers
from pixel_server.dashboard.reasons import SHORT_CLASS_WORDS, link_reason_words, reason_words, state_sentence
from pixel_server.dashboard.recipient_groups import groups_of
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.shown_hits import only_counts, shown_hits
from pixel_server.rule_words import SAID_BY_SENDER, words_of

HITS_SHOWN = 200
LONGEST_NOTE = 4000
LONGEST_TAGS = 500
TOLD = Verdict(HitClass.OWN, Confidence.CERTAIN, SAID_BY_SENDER)


def message_id_of(request: web.Request) -> MessageId:
    message_id = parse_message_id(request.match_info["id"])
    if message_id is None:
        raise web.HTTPNotFound
    return message_id


async def find_message(request: web.Request) -> MessageDetail:
    """The message the address names, if the reader may see it. Raises HTTPNotFound."""
    async with request.app[DESK].ledger.read() as connection:
        detail = await message_detail(connection, request[READER].viewer, message_id_of(request))
    if detail is None:
        raise web.HTTPNotFound
    return detail


async def show_message(request: web.Request) -> web.Response:
    desk, words = request.app[DESK], request[WORDING]
    detail = await find_message(request)
    async with desk.ledger.read() as connection:
        wanted = HitFilter(message=detail.message.id)
        hits = await shown_hits(
            desk.settings, connection, request[READER].viewer, wanted, request.query.get("cursor"), HITS_SHOWN
        )  # fmt: skip
    one = detail.message
    groups = groups_of(one.opens, one.links, detail.copies) if one.individually and not one.counts_only else ()
    chosen = next((group for group in groups if group.key == request.query.get("who")), None)
    return await page(
        request,
        "message.html",
        detail=detail,
        one=one,
        groups=groups,
        chosen=chosen,
        copies=chosen.copies if chosen else detail.copies,
        state_sentence=state_sentence(one.state),
        hits=hits.items,
        older=f"/messages/{detail.message.id}?cursor={hits.next}" if hits.next else None,
        readers=different_readers(hits.items, detail.message.recipient_count),
        picture=picture_of(detail, hits.items, request),
        rule=lambda hit: rule_words(hit, request),
        class_of=lambda hit: words._(SHORT_CLASS_WORDS[HitClass(hit.hit_class)]),
        column_of=lambda hit: HitClass(hit.hit_class).column,
        reason_words=reason_words,
        link_reason_words=link_reason_words,
        link_of={link.number: link for link in detail.links},
        only_counts=only_counts(desk.settings),
        counted=any(map(sum, (astuple(detail.message.open_counts), astuple(detail.message.click_counts)))),
        saved=request.query.get("saved", ""),
    )


def picture_of(detail: MessageDetail, hits: tuple[HitRow, ...], request: web.Request) -> timeline.Timeline | None:
    """None where there is nothing to draw."""
    one = detail.message
    kinds = [kind for kind, tracked in (("open", one.opens), ("click", one.links)) if tracked]
    kinds = kinds or sorted({hit.kind for hit in hits}, reverse=True)
    if not kinds:
        return None
    return timeline.draw(one.accepted_at or one.submitted_at, hits, request[WORDING].now, kinds)


def rule_words(hit: HitRow, request: web.Request) -> str:
    return words_of(hit.rule, request[WORDING].language.code)


async def stop(request: web.Request) -> web.Response:
    detail = await find_message(request)
    desk = request.app[DESK]
    await desk.ledger.stop(detail.message.id, desk.clock())
    return _back(detail, "stopped")


async def save_words(request: web.Request) -> web.Response:
    """The reader's own note and tags."""
    detail = await find_message(request)
    form = await request.post()
    note = str(form.get("note", ""))[:LONGEST_NOTE].replace("\r\n", "\n").replace("\0", "")
    tags = [word.strip() for word in str(form.get("tags", ""))[:LONGEST_TAGS].replace("\0", "").split(",")]
    ledger = request.app[DESK].ledger
    await ledger.write(set_note, detail.message.id, note)
    await ledger.write(set_tags, detail.message.id, [word for word in dict.fromkeys(tags) if word])
    return _back(detail, "saved")


async def was_me(request: web.Request) -> web.Response:
    """The reader says that a hit was their own; it stays, and counts for nobody else."""
    detail = await find_message(request)
    hit_id = request.match_info["hit"]
    desk = request.app[DESK]
    async with desk.ledger.read() as connection:
        hits = await list_hits(connection, request[READER].viewer, HitFilter(message=detail.message.id), None, 500)
    if all(hit.id != hit_id for hit in hits.items):
        raise web.HTTPNotFound
    await desk.ledger.change_verdicts([(hit_id, TOLD)])
    return _back(detail, "own")


def _back(detail: MessageDetail, done: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/messages/{detail.message.id}?saved={done}"})


ROUTES = (
    web.get("/messages/{id}", show_message),
    web.post("/messages/{id}/stop", stop),
    web.post("/messages/{id}/words", save_words),
    web.post("/messages/{id}/hits/{hit}/own", was_me),
)
