"""How many people there must be among those who opened a message that all its recipients share. Pure.

Somebody opened it, but who cannot be told. Two opens are taken for two people's when they fall into the same minute
and came from different networks by different programs: one person reads in one place at a time, and the same program
may reach us over two networks (IPv4 and IPv6) or two programs over one (an office). Anything less may be one person
again, so it counts for nothing; clicks count for nothing either, since a browser beside a mail program is the same
person's. Only opens that are confirmed are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ledger.queries.rows import HitRow
from ledger.records import HitClass

SAME_TIME = timedelta(minutes=1)


def different_readers(hits: Iterable[HitRow], recipients: int) -> int:
    """So many people opened it at least; 0 where no more than one can be told, as most often."""
    opens = sorted((hit for hit in hits if _is_evidence(hit)), key=lambda hit: hit.at)
    most = max((_apart(_within(opens[place:])) for place in range(len(opens))), default=0)
    most = min(most, recipients)
    return most if most > 1 else 0


def _is_evidence(hit: HitRow) -> bool:
    is_confirmed = HitClass(hit.hit_class).column == "confirmed"
    return is_confirmed and hit.copy == 0 and not hit.is_click and bool(hit.ip and hit.user_agent)


def _within(opens: Sequence[HitRow]) -> set[tuple[str, str]]:
    """Network and program of those in the minute that begins with the first."""
    return {(hit.ip, hit.user_agent) for hit in opens if hit.at - opens[0].at <= SAME_TIME}


def _apart(pairs: set[tuple[str, str]]) -> int:
    """How many of the pairs differ from one another in both their halves: a largest matching."""
    programs_of: dict[str, list[str]] = {}
    for network, program in sorted(pairs):
        programs_of.setdefault(network, []).append(program)
    taken: dict[str, str] = {}  # program to network

    def find_place(network: str, tried: set[str]) -> bool:
        for program in programs_of[network]:
            if program not in tried:
                tried.add(program)
                if program not in taken or find_place(taken[program], tried):
                    taken[program] = network
                    return True
        return False

    return sum(find_place(network, set()) for network in programs_of)
