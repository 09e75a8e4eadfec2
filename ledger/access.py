"""What relay, pixel server and pages can do with the ledger, wherever the process is that writes it.

``ledger.store.Store`` writes itself; ``ledger.shared.SharedLedger`` writes or hands over to the process that does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from ledger.message_id import MessageId
from ledger.reading import LedgerReader
from ledger.recording import LedgerEvent
from ledger.records import DayCount, DayCounts, Hit, MessageRecord, State, Verdict

P = ParamSpec("P")
T = TypeVar("T")


# Is given hits and whether they are stored again (a replay), and gives what is to be stored in their place.
Watch = Callable[[Sequence[Hit], bool], Sequence[Hit]]
# A hit that leaves no row, and what it counted as: None when its visitor just looked again.
Counted = tuple[Hit, DayCount | None]
WatchCounted = Callable[[Sequence[Counted]], None]


class Ledger(LedgerReader, ABC):
    """Every method that changes something returns after its commit, and raises LedgerUnavailable when there is none."""

    @property
    @abstractmethod
    def fault(self) -> str | None:
        """Why the ledger takes no changes at the moment; None when all is well."""

    @abstractmethod
    def watch_hits(self, watch: Watch, counted: WatchCounted) -> None:
        """From now on ``watch`` sees all hits, of all processes, on their way into the ledger, if this is the process
        that writes it or becomes it; and ``counted`` those that leave no row."""

    @abstractmethod
    async def write(self, change: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``change(connection, …)`` in a transaction; what it returned, after the commit. It must be a function
        marked with ``ledger.changes.change``, so that other processes can name it. Not done, and not later either, when
        the ledger stays locked for longer than somebody waits who asked for it, unless it is one that waits."""

    @abstractmethod
    async def register(self, record: MessageRecord) -> None:
        """Commits a record before its message leaves. Raises LedgerUnavailable after two seconds at most; then the
        record is not there, nor will it be."""

    @abstractmethod
    async def settle(
        self,
        message: MessageId,
        state: State,
        reply: str = "",
        accepted_at: datetime | None = None,
        copy: int | None = None,
    ) -> bool:
        """What became of a message, or of one of its copies. False when the ledger does not know it."""

    @abstractmethod
    async def stop(self, message: MessageId, at: datetime) -> bool:
        """Ends recording for a message. False when the ledger does not know it."""

    @abstractmethod
    async def add_hits(self, hits: Sequence[Hit], again: bool = False) -> int:
        """Stores and counts hits; how many. ``again``: some may be stored already, as when a journal is replayed."""

    @abstractmethod
    async def add_counts(self, counts: DayCounts, again: bool = False) -> None:
        """Counts hits of messages that are counted only. ``again``: as when a journal is replayed."""

    @abstractmethod
    async def show_counted(self, counted: Sequence[Counted]) -> None:
        """Shows hits that leave no row to whoever watches in the process that writes. They are written nowhere."""

    @abstractmethod
    async def set_repeats(self, repeats: Sequence[tuple[str, int]]) -> int:
        """How many hits a row stands for by now: pairs of hit id and number, which never goes down. Gives how many of
        the rows are not there; the same has to be said again when what is in the journals is."""

    @abstractmethod
    async def change_verdicts(self, changes: Sequence[tuple[str, Verdict]]) -> int:
        """Gives hits another class and moves their counts along, in one transaction; how many changed."""

    @abstractmethod
    def subscribe(self) -> AsyncIterator[LedgerEvent]:
        """What is committed from here on, by any process. One who falls far behind misses the oldest."""

    @abstractmethod
    async def close(self) -> None: ...
