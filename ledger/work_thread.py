"""One thread that does one piece of work after the other, for an event loop that waits for each.

A thread pool does the same; but it makes two futures, a condition and a work item for every group of hits, under the
interpreter's lock that everything else waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

A = TypeVar("A")
T = TypeVar("T")
_Item = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[Any], Any], Any]


class WorkThread:
    def __init__(self, name: str) -> None:
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[A], T], argument: A) -> asyncio.Future[T]:
        """What ``work(argument)`` returns or raises. It is done even if nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._items.put((loop, done, work, argument))
        return done

    def close(self) -> None:
        """Ends the thread when it has done what it was given."""
        self._items.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            loop, done, work, argument = item
            tell: Callable[[asyncio.Future[Any], Any], None]
            try:
                result, tell = work(argument), _set_result
            except BaseException as fault:
                result, tell = fault, _set_fault
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(tell, done, result)
            del item, done, result  # or the last result would live until there is more to do


def _set_result(done: asyncio.Future[Any], result: Any) -> None:
    if not done.done():
        done.set_result(result)


def _set_fault(done: asyncio.Future[Any], fault: BaseException) -> None:
    if not done.done():
        done.set_exception(fault)
