"""What goes with time: hits after ``[privacy] keep_hits``, which leave numbers a day; recipients and evidence
(ledger/forgetting.py); the networks mail was sent from after a day; and the hope for a verdict that never came.

Counts stay in their rows, and links redirect for ever, since their destinations are in the links.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from ledger.access import Ledger
from ledger.anchors import ANCHORS_FILE, AnchorFault, read_anchors, write_anchors
from ledger.changes import change
from ledger.daily_writing import count_purged
from ledger.faults import LedgerFault
from ledger.forgetting import forget_recipients, forget_texts, redact_evidence
from ledger.message_id import MessageId
from ledger.portions import portions_of
from ledger.queries.consents import ends, hold
from ledger.reading import LedgerReader
from ledger.record_rows import milliseconds
from ledger.records import State, state_of_copies
from ledger.records_writing import forget_networks
from ledger.schema import message

log = logging.getLogger("mailglass.ledger")
CHUNK = 2000  # of one transaction: hits that come meanwhile wait for it
FORGET_CHUNK = 200  # these take longer: their words go out of the index
EVERY = timedelta(hours=1)
PATIENCE = timedelta(minutes=10)  # beyond the longest wait for a final reply
FIRST_AFTER_SECONDS = 20.0  # not while everything starts
AT_START_SECONDS = 1.0

DUE = text("SELECT seq FROM hit WHERE at < :before ORDER BY at LIMIT :chunk")
PURGE = text("DELETE FROM hit WHERE seq IN :gone").bindparams(bindparam("gone", expanding=True))


# Copies of one's own, which are numbered from 1, wait in the spool.
_IN_THE_SPOOL = "EXISTS (SELECT 1 FROM copy WHERE copy.message_seq = message.seq AND copy.number > 0)"
_WAITING = f"state = 'queued' AND submitted_at < :before AND NOT {_IN_THE_SPOOL}"
GIVE_UP_COPIES = text("UPDATE copy SET state = 'in-doubt' WHERE number = 0 AND message_seq IN :given_up").bindparams(
    bindparam("given_up", expanding=True)
)
GIVE_UP_MESSAGES = text("UPDATE message SET state = 'in-doubt' WHERE seq IN :given_up").bindparams(
    bindparam("given_up", expanding=True)
)
OF_COPIES = text(
    f"SELECT seq, id FROM message WHERE state = 'queued' AND submitted_at < :before AND {_IN_THE_SPOOL}"  # noqa: S608
)
GIVE_UP_COPIES_OF = text("UPDATE copy SET state = 'in-doubt' WHERE message_seq = :seq AND state = 'queued'")
STATES_OF = text("SELECT state FROM copy WHERE message_seq = :seq")
SET_STATE = text("UPDATE message SET state = :state WHERE seq = :seq")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Messages that no longer say to whom they went, and rows of consents whose evidence went."""

    messages: int
    evidence: int


@change
def purge_chunk(connection: Connection, before: datetime, chunk: int) -> int:
    gone = list(connection.execute(DUE, {"before": milliseconds(before), "chunk": chunk}).scalars())
    if gone:
        count_purged(connection, gone)
        connection.execute(PURGE, {"gone": gone})
    return len(gone)


@change
def empty_networks(connection: Connection, before: datetime) -> int:
    return forget_networks(connection, before)


@change
def give_up_waiting(connection: Connection, before: datetime) -> int:
    """Messages registered before then of which nobody said what became of them (the relay died in between): whether
    the upstream has them is not known. Copies of one's own wait in the spool, which settles them. How many."""
    waiting, doubtful = text(_WAITING).bindparams(before=milliseconds(before)), 0
    for seqs in portions_of(connection, message.c.seq, waiting):
        connection.execute(GIVE_UP_COPIES, {"given_up": seqs})
        connection.execute(GIVE_UP_MESSAGES, {"given_up": seqs})
        doubtful += len(seqs)
    return doubtful


@change
def give_up_copies(connection: Connection, before: datetime, spooled: tuple[MessageId, ...]) -> int:
    """Copies of one's own of messages registered before then that are not in the spool, where nothing will settle them:
    its file was lost, or set aside. Of how many messages."""
    kept = {one.raw for one in spooled}
    found = connection.execute(OF_COPIES, {"before": milliseconds(before)}).all()
    lost = [row.seq for row in found if bytes(row.id) not in kept]
    for seq in lost:
        connection.execute(GIVE_UP_COPIES_OF, {"seq": seq})
        states = connection.execute(STATES_OF, {"seq": seq}).scalars()
        whole = state_of_copies(State(one) for one in states)
        connection.execute(SET_STATE, {"seq": seq, "state": whole.value})
    return len(lost)


async def purge(ledger: Ledger, keep: timedelta | None = None) -> int:
    """Deletes hits older than ``keep`` (the setting's, when None); how many. Raises LedgerUnavailable."""
    before = ledger.clock() - (keep if keep is not None else ledger.settings.privacy.keep_hits)
    purged = 0
    while gone := await ledger.write(purge_chunk, before, CHUNK):
        purged += gone
    return purged


async def forget(ledger: Ledger) -> Forgotten:
    """Recipients and evidence whose time is up. Raises LedgerUnavailable."""
    privacy, now, messages = ledger.settings.privacy, ledger.clock(), 0
    while done := await ledger.write(forget_recipients, now - privacy.keep_recipients, now, FORGET_CHUNK):
        messages += done
    evidence = await ledger.write(redact_evidence, now, privacy.consent_valid, privacy.keep_evidence)
    await ledger.write(forget_texts)
    return Forgotten(messages, evidence)


async def tidy(ledger: Ledger) -> int:
    """Everything whose time is up; how many hits were purged. Raises LedgerUnavailable."""
    await ledger.write(empty_networks, ledger.clock() - ledger.settings.hits.own_address)
    await _give_up_waiting(ledger, ledger.clock() - ledger.settings.limits.upstream_final - PATIENCE)
    purged = await purge(ledger)
    await forget(ledger)
    return purged


async def give_up_what_was_left(ledger: Ledger, before: datetime, spooled: tuple[MessageId, ...]) -> None:
    """For a relay that started then, with these messages in its spool: whatever else waits for a verdict since is what
    an earlier one did not live to settle.

    A ledger that cannot be had at once is not waited for: ``tidy`` finds it, too.
    """
    try:
        async with asyncio.timeout(AT_START_SECONDS):
            await _give_up_waiting(ledger, before)
            lost = await ledger.write(give_up_copies, before, spooled)
            if lost:
                log.warning("what became of the copies of these messages is not known: %d", lost)
    except (LedgerFault, TimeoutError) as fault:
        log.warning("what an earlier relay left open could not be looked for: %s", fault or "no answer in time")


async def _give_up_waiting(ledger: Ledger, before: datetime) -> None:
    doubtful = await ledger.write(give_up_waiting, before)
    if doubtful:
        log.warning("what became of these messages is not known: %d", doubtful)


async def keep_anchors(ledger: LedgerReader) -> bool:
    """Notes beside the ledger how far the chained lists go; False, with nothing noted, when they no longer go as far
    as was noted before."""
    path = ledger.settings.data_dir / ANCHORS_FILE
    before = await asyncio.to_thread(read_anchors, path)
    async with ledger.read() as connection:
        if not await hold(connection, before):
            return False
        anchors = await ends(connection)
    anchors = {name: anchor for name, anchor in anchors.items() if anchor.row}
    if anchors != before:
        await asyncio.to_thread(write_anchors, path, anchors)
    return True


async def keep_tidy(ledger: Ledger) -> None:
    """Runs until it is cancelled."""
    await asyncio.sleep(FIRST_AFTER_SECONDS)
    while True:
        try:
            purged = await tidy(ledger)
            if purged:
                log.info("hits whose time was up are purged: %d", purged)
            if not await keep_anchors(ledger):
                log.error("somebody changed the lists of consents or deeds: mailglass consent verify")
        except (LedgerFault, AnchorFault, OSError) as fault:
            log.warning("the ledger could not be tidied: %s", fault)
        await asyncio.sleep(EVERY.total_seconds())
