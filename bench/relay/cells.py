"""What is measured: sizes, sessions, ways to submit, and the goals of each."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT, POSTFIX, NGINX, HARAKA, STOCK, STOCK_UVLOOP, OURS = (
    "sink (the limit)", "Postfix before-queue", "nginx mail proxy", "Haraka smtp_proxy",
    "aiosmtpd + aiosmtplib", "the same on uvloop", "mailglass",
)  # fmt: skip
SMALL = ((POSTFIX, 2.5), (NGINX, 0.75), (STOCK, 5.0))


@dataclass(frozen=True)
class Cell:
    """``goals``: at least so many times the messages a second of another relay in the same cell."""

    title: str
    octets: int
    sessions: int
    arguments: tuple[str, ...] = ()
    goals: tuple[tuple[str, float], ...] = ()
    quick: bool = False


PLAIN = Cell("2 kB, 10 sessions", 2000, 10, goals=SMALL, quick=True)
PIPELINED = Cell("2 kB, 10 sessions, client pipelines", 2000, 10, ("--pipelined",), quick=True)
ALONE = Cell("2 kB, 1 session", 2000, 1, quick=True)
RECONNECT = ("--reconnect",)
CELLS = (
    ALONE,
    PLAIN,
    Cell("2 kB, 50 sessions", 2000, 50, goals=SMALL, quick=True),
    PIPELINED,
    Cell("2 kB, 1 session, one message per connection", 2000, 1, RECONNECT),
    Cell("2 kB, 10 sessions, one message per connection", 2000, 10, RECONNECT, ((POSTFIX, 1.5),), True),
    Cell("2 kB, 50 sessions, one message per connection", 2000, 50, RECONNECT, ((POSTFIX, 1.5),)),
    Cell("50 kB, 1 session", 50_000, 1),
    Cell("50 kB, 10 sessions", 50_000, 10, goals=((LIMIT, 0.85),), quick=True),
    Cell("50 kB, 50 sessions", 50_000, 50, goals=((LIMIT, 0.85),)),
    Cell("50 kB, 10 sessions, one message per connection", 50_000, 10, RECONNECT),
    Cell("10 MB, 1 session", 10_000_000, 1, goals=((LIMIT, 0.95),), quick=True),
    Cell("10 MB, 4 sessions", 10_000_000, 4, goals=((LIMIT, 0.95),)),
    Cell("10 MB, 10 sessions", 10_000_000, 10, goals=((LIMIT, 0.95),)),
    Cell("50 kB newsletter, opted in, 10 sessions", 50_000, 10, ("--html",), ((POSTFIX, 0.6),), True),
)
# Octets and sessions; the last one is a single message.
MEMORY = (("2 kB", 2000, 10, 2.0), ("10 MB", 10_000_000, 4, 2.0), ("200 MB", 200_000_000, 1, 0.5))
MOST_MEGABYTES = 40.0
MOST_ADDED_MS = 0.5
PIPELINING_GAIN = 1.5
