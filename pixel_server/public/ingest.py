"""From a hit to its answer: committed in the ledger, or synced in the journal, and only then answered.

Hits that arrive while a group is being committed make up the next group. What the ledger does not take within 250 ms
goes to the journal, which is replayed when the ledger is well again. When both fail the visitor is answered all the
same and the hit is counted as dropped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ledger.access import Ledger
from ledger.faults import LedgerUnavailable
from ledger.journal import Journal, left_behind, read_journal
from ledger.records import DayCount, DayCounts, Hit
from pixel_server.hit_numbers import HitNumbers
from pixel_server.public.answers import Answer
from pixel_server.public.requests import Asker

log = logging.getLogger("mailglass.hits")
PATIENCE_SECONDS = 0.25
GATHER_SECONDS = 0.003
CHORES_SECONDS = 1.0
REPLAY_CHUNK = 200


@dataclass(slots=True)
class _Group:
    hits: list[Hit] = field(default_factory=list)
    repeats: dict[str, int] = field(default_factory=dict)
    counts: list[DayCount] = field(default_factory=list)
    answers: list[tuple[Asker, Answer]] = field(default_factory=list)
    safe: list[Callable[[], None]] = field(default_factory=list)  # to be called if nothing of it is lost
    since: float = 0.0
    id: str = ""  # only with counts: asking for random bytes gives the interpreter's lock away

    def values(self) -> list[object]:
        """As the journal takes them."""
        return [*self.hits, *self.day_counts(), *self.repeats.items()]

    def day_counts(self) -> list[DayCounts]:
        return [DayCounts(self.id, tuple(self.counts))] if self.counts else []


class Ingest:
    """Of one process."""

    def __init__(self, ledger: Ledger, journal_folder: Path, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.counters = HitNumbers()
        self._ledger = ledger
        self._folder = journal_folder
        self._journal = Journal(journal_folder)
        self._patience = patience_seconds
        self._group = _Group()
        self._wake = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._is_behind = False  # what was written down is not all in the ledger yet

    async def start(self) -> None:
        try:
            await self._in_thread(self._journal.open)
        except OSError as fault:
            log.error("the journal of hits cannot be written: %s", fault)
        self._tasks = [
            asyncio.create_task(self._run(), name="ingest"),
            asyncio.create_task(self._do_chores(), name="ingest chores"),
        ]

    async def close(self) -> None:
        """Stores and answers what waits."""
        self._closing = True
        self._wake.set()
        if self._tasks:
            self._tasks[1].cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._in_thread(self._journal.rotate)
        self._disk.shutdown()

    @property
    def alarm(self) -> str | None:
        """What an operator should see to; None when all is well."""
        if self._ledger.fault is not None:
            return "ledger"
        return "journal" if self._is_behind or not self._journal.is_empty else None

    def record(self, hit: Hit, asker: Asker, answer: Answer) -> None:
        """Answers when the hit is safe, or when nothing can be done for it."""
        group = self._waiting()
        group.hits.append(hit)
        group.answers.append((asker, answer))

    def count_on(self, row: str, stands_for: int, asker: Asker, answer: Answer) -> None:
        """The same for a hit that is counted in another's row."""
        group = self._waiting()
        group.repeats[row] = stands_for
        group.answers.append((asker, answer))

    def count(
        self, counts: Sequence[DayCount], asker: Asker, answer: Answer, safe: Callable[[], None] | None = None
    ) -> None:
        """The same for what is counted without a row. ``safe`` is called after the answer if it was not lost."""
        group = self._waiting()
        group.id = group.id or secrets.token_hex(8)
        group.counts.extend(counts)
        group.answers.append((asker, answer))
        if safe is not None:
            group.safe.append(safe)

    def _waiting(self) -> _Group:
        group = self._group
        if not group.answers:
            group.since = asyncio.get_running_loop().time()
            self._wake.set()
        return group

    async def _run(self) -> None:
        # Who was answered together asks again together: as long as hits keep coming in, one commit takes them all.
        while True:
            await self._wake.wait()
            waiting, until = 0, self._group.since + GATHER_SECONDS
            while len(self._group.answers) > waiting and asyncio.get_running_loop().time() < until:
                waiting = len(self._group.answers)
                await asyncio.sleep(0)
            self._wake.clear()
            group, self._group = self._group, _Group()
            if group.answers:
                await self._keep(group)
            elif self._closing:
                return
            if self._closing:
                self._wake.set()

    async def _keep(self, group: _Group) -> None:
        if await self._store(group):
            self.counters.stored += len(group.answers)
        elif await self._write_down(group):
            self.counters.journaled += len(group.answers)
        else:
            self.counters.dropped += len(group.answers)
            group.safe.clear()
        for asker, answer in group.answers:
            try:
                asker.answer(answer)
            except Exception:  # one visitor's broken connection must not keep the others waiting for ever
                log.exception("an answer could not be given")
        for tell in group.safe:
            tell()

    async def _store(self, group: _Group) -> bool:
        if self._ledger.fault is not None:
            return False
        try:
            async with asyncio.timeout_at(group.since + self._patience):
                if group.hits:
                    await self._ledger.add_hits(group.hits)
                for counts in group.day_counts():
                    await self._ledger.add_counts(counts)
                # A row that waits in a journal cannot be counted on yet; what is stored already is stored once.
                if group.repeats and await self._ledger.set_repeats(list(group.repeats.items())):
                    return False
        except (LedgerUnavailable, TimeoutError):
            return False
        except Exception:  # a fault of ours must not cost the hit, nor the visitor the answer
            log.exception("hits could not be stored")
            return False
        return True

    async def _write_down(self, group: _Group) -> bool:
        try:
            await self._in_thread(self._journal.append, group.values())
        except OSError as fault:
            log.error("hits are lost: neither ledger nor journal takes them: %s", fault)
            return False
        return True

    async def _do_chores(self) -> None:
        while True:
            await asyncio.sleep(CHORES_SECONDS)
            try:
                if self._ledger.fault is None:
                    await self.replay()
            except (LedgerUnavailable, OSError) as fault:
                log.warning("the ledger is behind: %s", fault)
            except Exception:
                log.exception("a chore failed")

    async def replay(self) -> None:
        """Brings into the ledger what this process and those before it wrote down. Raises LedgerUnavailable."""
        if not self._journal.is_empty:
            self._is_behind = True
            await self._in_thread(self._journal.rotate)
        paths = await self._in_thread(left_behind, self._folder)
        self._is_behind = bool(paths)
        for path in paths:
            values, found = read_journal(path), 0
            while chunk := await self._in_thread(lambda values=values: list(islice(values, REPLAY_CHUNK))):
                hits = [value for value in chunk if isinstance(value, Hit)]
                self.counters.replayed += await self._ledger.add_hits(hits, again=True)
                for counts in (value for value in chunk if isinstance(value, DayCounts)):
                    await self._ledger.add_counts(counts, again=True)
                await self._ledger.set_repeats([value for value in chunk if isinstance(value, tuple)])
                found += len(chunk)
            path.unlink(missing_ok=True)
            if found:  # a process that was killed, or could not start, leaves a journal of nothing
                log.warning("hits that were written down are in the ledger")
        self._is_behind = False

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._disk, function, *arguments)
