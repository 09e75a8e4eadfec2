"""Questions that many ask at the same time, put to the database together.

Whoever asks while others are being answered shares the next question, so an answer never comes from a look that began
before it was asked for. Knows no table.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

from ledger.faults import LedgerUnavailable

K = TypeVar("K")
A = TypeVar("A")
# PostgreSQL takes 32767 values a statement, SQLite 32766 (SQLITE_MAX_VARIABLE_NUMBER since 3.32).
MOST_KEYS = 10_000
ANSWER_SECONDS = 2.0  # as long as a message waits: who asks behind a question without an answer has to get a turn


class SharedQuestions(Generic[K, A]):
    """``look_up`` is given all keys that are asked for and answers each of them, within so many seconds."""

    def __init__(
        self, look_up: Callable[[Collection[K]], Awaitable[Mapping[K, A]]], seconds: float = ANSWER_SECONDS
    ) -> None:
        self._look_up = look_up
        self._seconds = seconds
        self._waiting: deque[tuple[Collection[K], asyncio.Future[Mapping[K, A]]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    def ask(self, keys: Collection[K]) -> asyncio.Future[Mapping[K, A]]:
        """The answers to these keys, perhaps among others. Raises what ``look_up`` raised, or LedgerUnavailable."""
        answer: asyncio.Future[Mapping[K, A]] = asyncio.get_running_loop().create_future()
        self._waiting.append((keys, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answer(), name="shared questions")
        return answer

    async def _answer(self) -> None:
        while self._waiting:
            keys, answers = self._take()
            try:
                found = await self._answered(keys)
            except Exception as fault:
                for answer in answers:
                    if not answer.done():
                        answer.set_exception(fault)
            else:
                for answer in answers:
                    if not answer.done():  # its caller has given up
                        answer.set_result(found)

    async def _answered(self, keys: Collection[K]) -> Mapping[K, A]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._look_up(keys)
        except TimeoutError:
            raise LedgerUnavailable("the ledger does not answer") from None

    def _take(self) -> tuple[set[K], list[asyncio.Future[Mapping[K, A]]]]:
        """Keys that fit one statement; those of the first who waits in any case."""
        keys: set[K] = set()
        answers: list[asyncio.Future[Mapping[K, A]]] = []
        while self._waiting and (not answers or len(keys) + len(self._waiting[0][0]) <= MOST_KEYS):
            wanted, answer = self._waiting.popleft()
            if not answer.done():
                keys.update(wanted)
                answers.append(answer)
        return keys, answers
