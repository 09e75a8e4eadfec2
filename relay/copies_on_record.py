"""Tells the ledger what became of copies, while the mail goes on: nothing waits for the ledger.

What is to be told gathers in ``SpooledMessage.unsettled``, and goes over in batches, which the ledger commits
together. A ledger that hangs or fails is left alone for a while and told then; a message is not forgotten before. After
a restart it is told of every copy that is found.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime
from typing import Protocol

from ledger.message_id import MessageId
from ledger.records import State
from relay.spool_states import CopyState
from relay.spooled_message import SpooledMessage

log = logging.getLogger("mailglass.spool")

SECONDS = 30.0  # for one answer of the ledger; nothing waits for it, so it may be busy
WAIT_SECONDS = 2.0  # for somebody who wants to forget a message, and may do so later as well
REST_SECONDS = 10.0
BATCH = 100


class CopyRecords(Protocol):
    """Where it is put on record what became of a copy."""

    async def settle(
        self, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None, copy: int
    ) -> object:
        """Committed when it returns. Raises OSError when the ledger is not to be had."""


class CopiesOnRecord:
    def __init__(self, records: CopyRecords, rest_seconds: float = REST_SECONDS) -> None:
        self._records = records
        self._rest_seconds = rest_seconds
        self._rests_until = 0.0  # monotonic
        self._nobody_waits_until = 0.0  # monotonic
        self._tasks: dict[MessageId, asyncio.Task[None]] = {}

    def note(self, message: SpooledMessage, *numbers: int) -> None:
        """These copies have another standing than before. Waits for nothing."""
        if message.header.notification:  # the ledger knows no such message
            return
        message.unsettled.update(numbers)
        self._begin(message)

    async def told(self, message: SpooledMessage) -> None:
        """All that was noted about a message is on record, as far as the ledger is to be had soon; then ``unsettled``
        is empty. Of many messages only the first waits for a ledger that is slow."""
        self._begin(message)
        task = self._tasks.get(message.header.id)
        if task is not None and time.monotonic() >= self._nobody_waits_until:
            _, late = await asyncio.wait([task], timeout=WAIT_SECONDS)
            if late:
                self._nobody_waits_until = time.monotonic() + self._rest_seconds

    async def close(self) -> None:
        """Tell what can be told soon; the rest is told after the next start."""
        tasks = [*self._tasks.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=WAIT_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def all_told(self) -> None:
        """Everything that was noted is on record, or could not be put there."""
        if self._tasks:
            await asyncio.wait([*self._tasks.values()])

    def _begin(self, message: SpooledMessage) -> None:
        if message.unsettled and message.header.id not in self._tasks and time.monotonic() >= self._rests_until:
            self._tasks[message.header.id] = asyncio.create_task(self._tell_all(message))

    async def _tell_all(self, message: SpooledMessage) -> None:
        try:
            while batch := sorted(message.unsettled)[:BATCH]:
                if not all(await asyncio.gather(*(self._tell(message, number) for number in batch))):
                    return
        finally:
            del self._tasks[message.header.id]

    async def _tell(self, message: SpooledMessage, number: int) -> bool:
        standing = message.standing.copies[number]
        accepted_at = standing.since if standing.state is CopyState.DELIVERED else None
        try:
            async with asyncio.timeout(SECONDS):
                await self._records.settle(
                    message.header.id, standing.state.in_ledger, standing.reply, accepted_at, copy=number
                )
        except Exception as error:  # a broken ledger must never stop mail, however it breaks
            self._rests_until = time.monotonic() + self._rest_seconds
            log.warning(
                "copy not put on record: message=%s copy=%d %s", message.header.id, number, type(error).__name__
            )
            return False
        if message.standing.copies[number] == standing:  # else it has moved on meanwhile, and is to be told again
            message.unsettled.discard(number)
        return True
