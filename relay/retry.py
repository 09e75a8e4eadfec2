"""When a waiting copy is tried again, and when it is given up. Pure: clock and chance are arguments.

The pause doubles with every try, up to an hour, and is spread by a quarter to either side so that many copies
refused together do not come back together. RFC 5321 section 4.5.4.1 asks for at least half an hour between later
tries and for giving up after days; the first tries come sooner because greylisting ends within minutes.

A copy is given up by a try that fails, never by the clock alone: a machine that slept over the expiry, or whose clock
was set forward, tries once more before it tells the sender. Two are given up without: one that only its client's login
could send, and one whose client said when it is to come back (deliver_by.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """How long to wait after the first failed try, how old a copy may become, and after how long the sender is told
    that it still waits (as long as the expiry, or longer: never)."""

    first_retry: timedelta = timedelta(minutes=5)
    expiry: timedelta = timedelta(days=2)
    delay_report: timedelta = timedelta(hours=4)

    def expires_at(self, spooled_at: datetime) -> datetime:
        return spooled_at + self.expiry

    def is_late(self, spooled_at: datetime, now: datetime) -> bool:
        """Whether the sender of a copy that still waits is to be told so."""
        return spooled_at + self.delay_report <= now < self.expires_at(spooled_at)

    def next_try(self, spooled_at: datetime, now: datetime, tries: int, chance: float) -> datetime | None:
        """When to try again after ``tries`` failed ones; None when the copy has expired.

        ``chance`` is a number from 0 up to 1. The last try falls on the expiry itself. With a clock that was set back
        behind the beginning, the number of tries says when it is enough.
        """
        end = self.expires_at(spooled_at)
        if now >= end or (now < spooled_at and tries >= self._most_tries):
            return None
        return min(now + self.pause(tries, chance), end)

    @property
    def _most_tries(self) -> int:
        """As many as fit into the expiry when every pause is as short as may be."""
        tries, age = 1, timedelta(0)
        while age < self.expiry:
            age += self.pause(tries, chance=0.0)
            tries += 1
        return tries

    def pause(self, tries: int, chance: float) -> timedelta:
        """The wait after that many failed tries (from 1)."""
        # 2**10 first pauses exceed any ceiling that is not silly; a larger exponent would only overflow.
        doubled = self.first_retry * (1 << min(max(tries, 1) - 1, 10))
        return min(doubled, max(LONGEST_PAUSE, self.first_retry)) * (0.75 + 0.5 * chance)
