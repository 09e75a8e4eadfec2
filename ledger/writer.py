"""Group commit: all changes that wait share the next transaction; each caller hears after its commit.

One task owns the transactions, so a caller that is cancelled can never leave one open: its change is left out when it
has not begun, and its result is dropped when it has. Knows no table.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from ledger.faults import LedgerFault, LedgerUnavailable
from ledger.transactions import Locked, Transactions

log = logging.getLogger("mailglass.ledger")
T = TypeVar("T")
# One transaction must not grow so long that the answers to its first hits are late.
GROUP_LIMIT = 500
PAUSE_WHEN_LOCKED_SECONDS = 0.02


@dataclass(slots=True, eq=False)
class _Change:
    work: Callable[[Connection], Any]
    done: asyncio.Future[Any]
    is_one: bool
    patient_until: float | None  # on the loop's clock; None: as long as its caller


class Writer:
    """The only place where the ledger changes. ``on_rollback`` is called, in no particular thread, when work that
    already ran was undone: what it remembered is not so."""

    def __init__(self, transactions: Transactions, on_rollback: Callable[[], None] = lambda: None) -> None:
        self._transactions = transactions
        self._on_rollback = on_rollback
        self._waiting: deque[_Change] = deque()
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger writer")
        self._closing = False
        self.fault: str | None = None  # why the last attempt failed; None when it succeeded

    async def write(
        self, work: Callable[[Connection], T], is_one: bool = False, lock_patience: float | None = None
    ) -> T:  # fmt: skip
        """What ``work`` returned, after its commit. Raises LedgerUnavailable, or what ``work`` raised. ``is_one``: as
        in ledger/transactions.py. ``lock_patience``: so many seconds it waits while another process has the lock, and
        is then left out; None is for as long as the caller waits."""
        if self._closing:
            raise LedgerUnavailable("the ledger is closed")
        loop = asyncio.get_running_loop()
        until = None if lock_patience is None else loop.time() + lock_patience
        change = _Change(work, loop.create_future(), is_one, until)
        self._waiting.append(change)
        self._wake.set()
        result: T = await change.done
        return result

    async def close(self) -> None:
        """Commits what waits, then closes the database. A second time does nothing."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        await self._task
        await self._transactions.close()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            group = self._take()
            if group:
                await self._commit(group)
            elif self._closing:
                return
            else:
                self._wake.clear()

    def _take(self) -> list[_Change]:
        group: list[_Change] = []
        while self._waiting and len(group) < GROUP_LIMIT:
            change = self._waiting.popleft()
            if not change.done.done():  # its caller still waits
                group.append(change)
        return group

    async def _commit(self, group: Sequence[_Change]) -> None:
        def work(connection: Connection) -> list[tuple[_Change, Any]]:
            # Getting the lock may have taken so long that some callers went away: nothing is done for them.
            return [(change, change.work(connection)) for change in group if not change.done.done()]

        try:
            results = await self._transactions.run(work, is_one=len(group) == 1 and group[0].is_one)
        except Locked as fault:
            await self._wait_for_the_lock(group, fault)
        except LedgerFault as fault:
            self._note(str(fault))
            self._on_rollback()
            _fail(group, fault)
        except Exception as fault:
            self._on_rollback()
            await self._one_by_one(group, fault)
        else:
            self._note(None)
            for change, result in results:
                if not change.done.done():
                    change.done.set_result(result)

    async def _wait_for_the_lock(self, group: Sequence[_Change], fault: Locked) -> None:
        self._note(str(fault))
        self._on_rollback()
        if self._closing:
            _fail(group, fault)
            return
        self._waiting.extendleft(reversed(group))
        now = asyncio.get_running_loop().time()
        # Those behind the group, too: as long as there is a lock no other group gets a turn.
        _fail([one for one in self._waiting if one.patient_until is not None and one.patient_until <= now], fault)
        await asyncio.sleep(PAUSE_WHEN_LOCKED_SECONDS)

    async def _one_by_one(self, group: Sequence[_Change], fault: Exception) -> None:
        # Only the change at fault may hear of it: the others committed nothing yet and get their own transactions.
        if len(group) == 1:
            _fail(group, fault)
            return
        for change in group:
            if not change.done.done():
                await self._commit([change])

    def _note(self, fault: str | None) -> None:
        if fault != self.fault:
            if fault is None:
                log.warning("the ledger takes changes again")
            else:
                log.error("%s", fault)
            self.fault = fault


def _fail(group: Sequence[_Change], fault: Exception) -> None:
    for change in group:
        if not change.done.done():
            change.done.set_exception(fault)
