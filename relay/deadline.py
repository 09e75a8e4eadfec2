"""A deadline that is moved often and passes seldom: moving it costs an addition, not a timer.

By the loop's monotonic clock, so that a change of the wall clock neither fires nor stalls it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_NEVER = float("inf")


class Deadline:
    def __init__(self, loop: asyncio.AbstractEventLoop, on_passed: Callable[[], None]) -> None:
        self._loop = loop
        self._now = loop.time
        self._on_passed = on_passed
        self.at: float | None = None  # by the loop's clock; set to None it never passes
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = _NEVER  # when the timer does, not when the deadline passes

    def set(self, seconds: float) -> None:
        """The deadline is so many seconds from now, whatever it was before."""
        self.at = at = self._now() + seconds
        if at < self._fires_at:
            self._arm(at)

    def extend(self, seconds: float, at_most: float) -> None:
        """Later by so many seconds, but not later than ``at_most`` seconds from now."""
        now = self._now()
        self.at = at = min((self.at or now) + seconds, now + at_most)
        if at < self._fires_at:
            self._arm(at)

    def cancel(self) -> None:
        """It never passes, and no timer is left."""
        self.at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._fires_at = None, _NEVER

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = at
        self._timer = self._loop.call_at(at, self._fire)

    def _fire(self) -> None:
        self._timer, self._fires_at = None, _NEVER
        if self.at is None:
            return
        if self._now() < self.at:
            self._arm(self.at)
            return
        self.at = None
        self._on_passed()
