"""Who may come in, and how much is held: connections, failed logins, octets of held messages.

Counts only; knows no socket. The clock is an argument.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

LOCK_SECONDS = 600.0
MOST_TOLD = 20  # at a time: who comes in vain costs a handshake and a file descriptor
REMEMBERED_ADDRESSES = 10_000
KNOWN_NAMES = 100  # of each: an office, or everybody behind one proxy who has logged in of late


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
    """In a row: since the last lock, success or long silence."""

    by_name: Counter[bytes] = field(default_factory=Counter)
    locked_until: float = 0.0
    last: float = 0.0

    def count(self, name: bytes, now: float) -> int:
        if now - self.last > LOCK_SECONDS:
            self.by_name.clear()
        self.last = now
        self.by_name[name] += 1
        return self.by_name.total()

    def lock(self, now: float) -> None:
        self.locked_until = now + LOCK_SECONDS
        self.by_name.clear()


@dataclass(slots=True)
class _Network:
    strangers: _Failures = field(default_factory=_Failures)  # of all names that have not logged in from there
    known: dict[bytes, _Failures | None] = field(default_factory=dict)  # of each that has; the latest last

    def failures_of(self, name: bytes) -> _Failures:
        if name not in self.known:
            return self.strangers
        failures = self.known[name] or _Failures()
        self.known[name] = failures
        return failures

    def welcome(self, name: bytes) -> None:
        self.strangers.by_name.pop(name, None)
        failures = self.known.pop(name, None)
        if failures is not None:
            failures.by_name.clear()
        self.known[name] = failures
        if len(self.known) > KNOWN_NAMES:
            del self.known[next(iter(self.known))]


class LoginGuard:
    """Slows guessing down: a delay that doubles with each failure, and a lock after too many from one address.

    A name that has logged in from there is locked by its own failures alone, and not by the others': one device with an
    old password must not shut everybody out behind the same NAT or proxy. All other names add up. A success makes up
    for the failures of the same name alone: else whoever has an account could guess at others' passwords without end.

    A name is kept as a digest: what was tried may be long. One that could not be read is empty, and never known.
    """

    def __init__(self, attempts: int, clock: Callable[[], float], first_delay_seconds: float = 0.5) -> None:
        self.attempts = attempts
        self._clock = clock
        self._first_delay = first_delay_seconds
        self._networks: OrderedDict[str, _Network] = OrderedDict()

    def is_locked(self, address: str) -> bool:
        """Whether nobody can log in from there, whatever the name."""
        network = self._networks.get(network_of(address))
        return network is not None and not network.known and network.strangers.locked_until > self._clock()

    def is_locked_for(self, address: str, login: str) -> bool:
        network = self._networks.get(network_of(address))
        if network is None:
            return False
        failures = network.known.get(_digest(login), network.strangers)
        return failures is not None and failures.locked_until > self._clock()

    def failed(self, address: str, login: str) -> float:
        """Counts a failure; gives the seconds to wait before saying so."""
        now, name = self._clock(), _digest(login)
        failures = self._network(address).failures_of(name)
        count = failures.count(name, now)
        if count >= self.attempts:
            failures.lock(now)
        return min(self._first_delay * 2.0 ** min(count - 1, 4), 8.0)

    def succeeded(self, address: str, login: str) -> None:
        if login:
            self._network(address).welcome(_digest(login))
        else:
            self._network(address).strangers.by_name.pop(_digest(login), None)

    def _network(self, address: str) -> _Network:
        key = network_of(address)
        network = self._networks.setdefault(key, _Network())
        self._networks.move_to_end(key)
        if len(self._networks) > REMEMBERED_ADDRESSES:
            self._networks.popitem(last=False)
        return network


def _digest(login: str) -> bytes:
    return blake2b(login.encode("utf-8", "surrogateescape"), digest_size=16).digest()


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
