"""Lists of messages with every filter of the page, by keyset, newest first; and one message whole.

Which index is walked is decided here, not by the planner: it has no statistics of a young ledger and would rather sort
a million rows. Every walk goes backwards in the order of the page and ends after a page is full.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, column, false, literal, or_, select, table, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.message_id import MessageId
from ledger.queries.rows import CopyRow, LinkRow, MessageDetail, MessageRow, Page, Viewer, counts_of, page_of
from ledger.records import PROBE_TAG
from ledger.schema import copy, link, message, tag
from ledger.words import fts5_query, tsquery

HIGHEST_LIMIT = 500
_words = table("message_words", column("rowid", BigInteger), column("words"))


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """None and "" ask nothing. Opened and clicked mean confirmed; their False means tracked for it and not (yet)."""

    tracked: bool | None = None
    opened: bool | None = None
    clicked: bool | None = None
    unopened_for: timedelta | None = None  # tracked for opens, sent at least that long ago, not opened
    tag: str = ""
    sender: str = ""
    state: str = ""
    q: str = ""  # words of recipients and subject
    since: datetime | None = None
    until: datetime | None = None

    @property
    def by_time(self) -> bool:
        return bool(self.since or self.until or self.unopened_for) and not (self.q or self.tag)


async def list_messages(
    connection: AsyncConnection,
    viewer: Viewer,
    wanted: MessageFilter = MessageFilter(),
    cursor: str | None = None,
    limit: int = 50,
    now: datetime | None = None,
) -> Page[MessageRow]:
    """``now`` is needed for ``unopened_for``. A cursor that is not one of ours gives the first page."""
    limit = max(1, min(limit, HIGHEST_LIMIT))
    conditions = [*_conditions(wanted, now), *_before(wanted, cursor)]
    dialect = connection.dialect.name
    seqs = _walk(viewer, wanted, conditions, limit + 1, dialect)
    if seqs is None:
        return Page(())
    order = _order(wanted)
    statement = select(message).where(message.c.seq.in_(seqs)).order_by(*order)
    rows = (await connection.execute(statement)).all()
    return page_of(list(rows), limit, message_row, lambda row: _cursor(wanted, row))


async def message_detail(connection: AsyncConnection, viewer: Viewer, message_id: MessageId) -> MessageDetail | None:
    """None when there is no such message, or it is somebody else's."""
    row = (await connection.execute(select(message).where(message.c.id == message_id.raw, visible(viewer)))).first()
    if row is None:
        return None
    copies = await connection.execute(select(copy).where(copy.c.message_seq == row.seq).order_by(copy.c.number))
    links = await connection.execute(select(link).where(link.c.message_seq == row.seq).order_by(link.c.number))
    return MessageDetail(
        message_row(row), tuple(_copy_row(one) for one in copies), tuple(_link_row(one) for one in links)
    )


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The condition under which a viewer may see a message."""
    if viewer.admin:
        return literal(True)
    mine: list[ColumnElement[bool]] = [column == value for column, value in _owners(viewer)]
    return or_(*mine) if mine else false()


def no_probe() -> ColumnElement[bool]:
    """The condition that a message is none of our own probes, of which there are few."""
    return message.c.seq.not_in(select(tag.c.message_seq).where(tag.c.word == PROBE_TAG))


def _owners(viewer: Viewer) -> list[tuple[ColumnElement[str], str]]:
    # Submitted without a login is nobody's by login.
    by_login = [(message.c.login, viewer.login)] if viewer.login else []
    return [*by_login, *((message.c.sender, address.lower()) for address in dict.fromkeys(viewer.addresses))]


def _walk(
    viewer: Viewer, wanted: MessageFilter, conditions: list[ColumnElement[bool]], limit: int, dialect: str
) -> Select[Any] | None:
    """The numbers of a page's messages; None when the viewer can see nothing."""
    order = _order(wanted)
    if wanted.q:
        return _walk_words(viewer, wanted.q, conditions, limit, dialect)
    if wanted.tag:
        tagged = select(message.c.seq).join(tag, message.c.seq == tag.c.message_seq.op("+")(0))
        tagged = tagged.where(tag.c.word == wanted.tag, visible(viewer), *conditions)
        return _first(tagged.order_by(tag.c.message_seq.desc()), limit)
    if viewer.admin or wanted.by_time or wanted.sender:
        hint = "ix_message_submitted_at" if wanted.by_time else _index_for(wanted)
        walked = select(message.c.seq).where(visible(viewer), *conditions).order_by(*order)
        return _first(_hinted(walked, hint), limit)
    branches = []
    for owner, value in _owners(viewer):
        index = "ix_message_login_seq" if owner is message.c.login else "ix_message_sender_seq"
        branch = select(message.c.seq).where(owner == value, *conditions).order_by(*order)
        branches.append(_first(_hinted(branch, index), limit))
    if not branches:
        return None
    together = branches[0] if len(branches) == 1 else branches[0].union(*branches[1:]).subquery()
    if isinstance(together, Select):
        return together
    return _first(select(together.c.seq).order_by(together.c.seq.desc()), limit)


def _walk_words(
    viewer: Viewer, typed: str, conditions: list[ColumnElement[bool]], limit: int, dialect: str
) -> Select[Any]:
    if dialect == "sqlite":
        expression = fts5_query(typed)
        matches: ColumnElement[bool] = text("message_words MATCH :words").bindparams(words=expression)  # type: ignore[assignment]
    else:
        expression = tsquery(typed)
        matches = text("to_tsvector('simple', words) @@ to_tsquery('simple', :words)").bindparams(words=expression)  # type: ignore[assignment]
    if not expression:
        return select(message.c.seq).where(false())
    # "+ 0" keeps the planner from looking every message up in the words, instead of every word's message.
    found = select(message.c.seq).join(_words, message.c.seq == _words.c.rowid.op("+")(0))
    return _first(found.where(matches, visible(viewer), *conditions).order_by(_words.c.rowid.desc()), limit)


def _index_for(wanted: MessageFilter) -> str:
    if wanted.sender:
        return "ix_message_sender_seq"
    if wanted.clicked:
        return "ix_message_clicked"
    if wanted.opened:
        return "ix_message_opened"
    if wanted.state and wanted.state != "sent":  # nearly all are
        return "ix_message_state_seq"
    return "ix_message_tracked_seq" if wanted.tracked is not None else ""


def _hinted(statement: Select[Any], index: str) -> Select[Any]:
    return statement.with_hint(message, f"INDEXED BY {index}" if index else "NOT INDEXED", "sqlite")


def _first(statement: Select[Any], limit: int) -> Select[Any]:
    # A subquery of its own: SQLite takes no LIMIT in the branches of a UNION.
    inner = statement.limit(limit).subquery()
    return select(inner.c.seq)


def _order(wanted: MessageFilter) -> tuple[ColumnElement[Any], ...]:
    return (message.c.submitted_at.desc(), message.c.seq.desc()) if wanted.by_time else (message.c.seq.desc(),)


def _cursor(wanted: MessageFilter, row: Any) -> str:
    return f"{round(row.submitted_at.timestamp() * 1000)}.{row.seq}" if wanted.by_time else str(row.seq)


def _before(wanted: MessageFilter, cursor: str | None) -> list[ColumnElement[bool]]:
    at, _, seq = (cursor or "").rpartition(".")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 19):
        return []
    if not wanted.by_time:
        return [message.c.seq < int(seq)]
    if not (at.isascii() and at.isdigit() and len(at) < 19):
        return []
    moment = message.c.submitted_at.expression
    return [tuple_(moment, message.c.seq) < tuple_(literal(int(at), BigInteger), literal(int(seq), BigInteger))]


def _conditions(wanted: MessageFilter, now: datetime | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.tracked is not None:
        found.append(message.c.tracked == wanted.tracked)
    for asked, at, able in (
        (wanted.opened, message.c.first_opened_at, message.c.opens),
        (wanted.clicked, message.c.first_clicked_at, message.c.links),
    ):
        if asked is not None:
            found.append(at.is_not(None) if asked else and_(able, at.is_(None)))
    if wanted.unopened_for is not None and now is not None:
        found += [message.c.opens, message.c.first_opened_at.is_(None)]
        found.append(message.c.submitted_at <= now - wanted.unopened_for)
    about_people = (wanted.tracked, wanted.opened, wanted.clicked, wanted.unopened_for)
    if any(asked is not None for asked in about_people) and wanted.tag != PROBE_TAG:
        found.append(no_probe())
    if wanted.sender:
        found.append(message.c.sender == wanted.sender.lower())
    if wanted.state:
        found.append(message.c.state == wanted.state)
    if wanted.since:
        found.append(message.c.submitted_at >= wanted.since)
    if wanted.until:
        found.append(message.c.submitted_at < wanted.until)
    return found


def message_row(row: Any) -> MessageRow:
    return MessageRow(
        seq=row.seq,
        id=MessageId(bytes(row.id)),
        submitted_at=row.submitted_at,
        accepted_at=row.accepted_at,
        login=row.login,
        sender=row.sender,
        listener=row.listener,
        recipients=tuple(row.recipients),
        recipient_count=row.recipient_count,
        subject=row.subject,
        message_id=row.header_id,
        tags=tuple(row.tags),
        meta=row.meta,
        notes=tuple(row.notes),
        own_note=row.own_note,
        opens=row.opens,
        links=row.links,
        individually=row.individually,
        tracked=row.tracked,
        counts_only=row.counts_only,
        reason=row.reason,
        notify=row.notify,
        record_until=row.record_until,
        stopped_at=row.stopped_at,
        state=row.state,
        reply=row.reply,
        first_opened_at=row.first_opened_at,
        last_opened_at=row.last_opened_at,
        first_clicked_at=row.first_clicked_at,
        last_clicked_at=row.last_clicked_at,
        open_counts=counts_of(row, "opens"),
        click_counts=counts_of(row, "clicks"),
    )


def _copy_row(row: Any) -> CopyRow:
    return CopyRow(
        row.number, row.address, row.state, row.reply, row.first_opened_at, row.last_opened_at, row.first_clicked_at,
        row.last_clicked_at, counts_of(row, "opens"), counts_of(row, "clicks"), row.tracks_opens, row.tracks_links,
    )  # fmt: skip


def _link_row(row: Any) -> LinkRow:
    return LinkRow(
        row.number, row.url, row.text, row.name, row.part, row.tracked, row.reason, row.first_clicked_at,
        row.last_clicked_at, counts_of(row, "clicks"),
    )  # fmt: skip
