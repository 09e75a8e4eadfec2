"""How often somebody may ask: token buckets by key, with the clock as an argument. Pure.

Knows neither addresses nor requests; who is counted is the caller's word.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

REMEMBERED = 10_000  # keys; the longest unused one goes first


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, and as many again every ``seconds``."""

    burst: int
    seconds: float


@dataclass(slots=True)
class Buckets:
    rate: Rate
    _levels: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, key: str, now: float) -> float:
        """Seconds to wait; 0.0 when the request may go on. ``now`` is a monotonic clock in seconds."""
        level, at = self._levels.get(key, (float(self.rate.burst), now))
        level = min(self.rate.burst, level + (now - at) * self.rate.burst / self.rate.seconds)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now)
        self._levels.move_to_end(key)
        if len(self._levels) > REMEMBERED:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - level) * self.rate.seconds / self.rate.burst

    def give_back(self, key: str) -> None:
        """The one that was taken last, as after a login that succeeded; those before it count on, or whoever has an
        account could guess at others without end."""
        if key in self._levels:
            level, at = self._levels[key]
            self._levels[key] = (min(self.rate.burst, level + 1), at)
