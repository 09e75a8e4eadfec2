"""Who may come in, and how much is held: connections, failed logins, octets of held messages.

Counts only; knows no socket. The clock is an argument.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

LOCK_SECONDS = 600.0
MOST_TOLD = 20  # at a time: who comes in vain costs a handshake and a file descriptor
REMEMBERED_ADDRESSES = 10_000


class Doorkeeper:
    """Counts the connections of each address. IPv6 addresses count by their /64: that is what one person has."""

    def __init__(self, connections: int, per_address: int) -> None:
        self._connections = connections
        self._per_address = per_address
        self._inside: dict[str, int] = {}
        self._total = 0
        self._being_told = 0

    def enter(self, address: str) -> bool:
        """Whether one more connection may come in; if so it is counted."""
        network = network_of(address)
        inside = self._inside.get(network, 0)
        if self._total >= self._connections or inside >= self._per_address:
            return False
        self._total += 1
        self._inside[network] = inside + 1
        return True

    def leave(self, address: str) -> None:
        network = network_of(address)
        self._total -= 1
        self._inside[network] -= 1
        if not self._inside[network]:
            del self._inside[network]

    def may_be_told(self) -> bool:
        """Whether one more of those turned away may learn why; if so it is counted, until ``was_told``."""
        if self._being_told >= MOST_TOLD:
            return False
        self._being_told += 1
        return True

    def was_told(self) -> None:
        self._being_told -= 1


def network_of(address: str) -> str:
    """The address as it counts: an IPv4 address itself, an IPv6 address by its first four groups."""
    if ":" not in address:
        return address
    bare = address.partition("%")[0]
    if bare.lower().startswith("::ffff:") and "." in bare:
        return bare[7:]
    head, gap, tail = bare.partition("::")
    groups = head.split(":") if head else []
    if gap:
        after = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(after)) + after
    return ":".join(groups[:4]).lower() + "::"


@dataclass(slots=True)
class _Failures:
    """From one address, since the last lock; by the name that was tried, empty where that could not be read."""

    by_login: Counter[str] = field(default_factory=Counter)
    locked_until: float = 0.0
    last: float = 0.0


class LoginGuard:
    """Slows guessing down: a delay that doubles with each failure, and a lock after too many from one address.

    A success makes up for the failures of the same name alone: else whoever has an account could guess at others'
    passwords without end.
    """

    def __init__(self, attempts: int, clock: Callable[[], float], first_delay_seconds: float = 0.5) -> None:
        self.attempts = attempts
        self._clock = clock
        self._first_delay = first_delay_seconds
        self._by_network: OrderedDict[str, _Failures] = OrderedDict()

    def is_locked(self, address: str) -> bool:
        failures = self._by_network.get(network_of(address))
        return failures is not None and failures.locked_until > self._clock()

    def failed(self, address: str, login: str) -> float:
        """Counts a failure; gives the seconds to wait before saying so."""
        now = self._clock()
        failures = self._by_network.setdefault(network_of(address), _Failures())
        self._by_network.move_to_end(network_of(address))
        if now - failures.last > LOCK_SECONDS:
            failures.by_login.clear()
        failures.last = now
        failures.by_login[login] += 1
        count = failures.by_login.total()
        delay = min(self._first_delay * 2.0 ** min(count - 1, 4), 8.0)
        if count >= self.attempts:
            failures.locked_until = now + LOCK_SECONDS
            failures.by_login.clear()
        while len(self._by_network) > REMEMBERED_ADDRESSES:
            self._by_network.popitem(last=False)
        return delay

    def succeeded(self, address: str, login: str) -> None:
        failures = self._by_network.get(network_of(address))
        if failures is not None:
            failures.by_login.pop(login, None)


class Holding:
    """The octets of messages held at this moment, over all sessions."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, octets: int) -> bool:
        if self._held + octets > self._limit:
            return False
        self._held += octets
        return True

    def give_back(self, octets: int) -> None:
        self._held -= octets
