"""The second look: what the neighbouring hits of one message change about each other's verdicts.

A burst over a message's links makes scanners of all its clicks (R16), those before it included; a click by an Office
program becomes a person's when no browser followed (R17). Everything else here is a hint, which never decides.
Facts and verdicts are values; keeping the hits of the last two minutes is neighbours.py's, storing is the ledger's.
Pure: the present is an argument.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ledger.records import HitKind, Verdict
from pixel_server.public.classify import HitContext, Neighbours, decide, is_burst
from pixel_server.public.signs.tables import Marks, Sign
from pixel_server.public.windows import Windows

_CLUSTER_RECIPIENTS = 3


class Hint(StrEnum):
    """Signs of a scanner that are too weak to decide, alone or together."""

    SHADOW = "shadow"  # the same link again at once, from elsewhere, with another system
    CLUSTER = "cluster"  # one source asked for the copies of several recipients of one domain at once


@dataclass(frozen=True, slots=True)
class Observed:
    """One hit as the second look needs it. ``at`` is in seconds of any clock, the same for all.

    ``source`` names who asked (sources.py), or is a fingerprint of it; "" when that is no evidence.
    """

    id: str
    at: float
    copy: int
    link: int
    marks: Marks
    context: HitContext
    source: str = ""
    system: str = ""  # the operating system of the user agent, when known
    domain: str = ""  # of the copy's recipient, when known

    @property
    def is_click(self) -> bool:
        return self.context.kind is HitKind.CLICK


@dataclass(frozen=True, slots=True)
class Look:
    """What a hit is, seen among its neighbours; ``context`` is what is known of it by now, for keeping."""

    id: str
    verdict: Verdict
    context: HitContext
    hints: frozenset[Hint] = frozenset()


def second_look(
    hits: Sequence[Observed], links_in_message: int | None, windows: Windows, now: float
) -> tuple[Look, ...]:
    """The verdict and hints of every hit in the light of the others, in order of time. Quick: one pass per question."""
    ordered = sorted(hits, key=lambda hit: (hit.at, hit.id))
    bursts = _bursts(ordered, links_in_message, windows.burst)
    followed = _followed(ordered, windows.office_browser, now)
    hints = _hints(ordered, windows)
    looks = []
    for hit in ordered:
        context = _among(hit, bursts, followed, links_in_message)
        looks.append(Look(hit.id, decide(hit.marks, context, windows), context, hints[hit.id]))
    return tuple(looks)


def look_after(
    newest: Observed, hits: Sequence[Observed], links_in_message: int | None, windows: Windows, now: float
) -> tuple[Look, ...]:
    """What the newest hit changes: the second look at those near enough for it to matter. Nothing for an open."""
    if not newest.is_click:
        return ()
    reach = max(windows.burst, windows.office_browser, windows.shadow)
    return second_look([hit for hit in hits if hit.at >= newest.at - reach], links_in_message, windows, now)


def _among(
    hit: Observed, bursts: Mapping[str, int], followed: Mapping[str, bool], links_in_message: int | None
) -> HitContext:
    told = hit.context.neighbours
    # What was known when the hit came (or is told with stored facts) is not forgotten.
    total = links_in_message if links_in_message is not None else told.links_in_message
    links = max(told.links_from_source, bursts.get(hit.id, 1))
    return replace(hit.context, neighbours=Neighbours(links, total, followed.get(hit.id, told.browser_followed)))


def _bursts(ordered: Iterable[Observed], links_in_message: int | None, within: float) -> dict[str, int]:
    """Of each click in a burst, how many links its source asked for then. Loopback is no evidence."""
    clicks_by_source: dict[str, list[Observed]] = defaultdict(list)
    for hit in ordered:
        if hit.is_click and hit.source and not hit.marks.loopback and not hit.context.loopback:
            clicks_by_source[hit.source].append(hit)
    found: dict[str, int] = {}
    for clicks in clicks_by_source.values():
        first, marked, links = 0, 0, Counter[int]()
        for position, click in enumerate(clicks):
            links[click.link] += 1
            while clicks[first].at < click.at - within:
                links[clicks[first].link] -= 1
                links += Counter()  # drops what has come to nothing
                first += 1
            if is_burst(Neighbours(len(links), links_in_message)):
                marked = max(marked, first)
                for member in clicks[marked : position + 1]:
                    found[member.id] = len(links)
                marked = position + 1
    return found


def _followed(ordered: Sequence[Observed], within: float, now: float) -> dict[str, bool]:
    """Of each Office program's click, whether the link was asked for again in time: by a browser, or by the program.

    Of several looks by the program only the last can stand for a person; while its time runs nothing is said.
    """
    found: dict[str, bool] = {}
    next_at: dict[tuple[int, int], float] = {}
    for hit in reversed(ordered):
        if not hit.is_click or hit.marks.method != "GET":
            continue
        target, is_office = (hit.copy, hit.link), hit.marks.shows(Sign.OFFICE)
        if is_office:
            if target in next_at and next_at[target] - hit.at <= within:
                found[hit.id] = True
            elif hit.at + within <= now:
                found[hit.id] = False
        if is_office or _is_browser(hit.marks):
            next_at[target] = hit.at
    return found


def _is_browser(marks: Marks) -> bool:
    return not marks.speculative and set(marks.tokens) <= {Sign.MAIL_CLIENT}


def _hints(ordered: Sequence[Observed], windows: Windows) -> dict[str, frozenset[Hint]]:
    found: dict[str, set[Hint]] = {hit.id: set() for hit in ordered}
    last_click: dict[tuple[int, int], Observed] = {}
    by_domain: dict[tuple[str, str], list[Observed]] = defaultdict(list)
    for hit in ordered:
        if hit.is_click:
            earlier = last_click.get((hit.copy, hit.link))
            if earlier is not None and _is_shadow(earlier, hit, windows.shadow):
                found[hit.id].add(Hint.SHADOW)
            last_click[hit.copy, hit.link] = hit
        if hit.source and hit.domain and not hit.marks.loopback:
            near = by_domain[hit.source, hit.domain]
            near[:] = [other for other in near if other.at >= hit.at - windows.cluster] + [hit]
            if len({other.copy for other in near}) >= _CLUSTER_RECIPIENTS:
                for other in near:
                    found[other.id].add(Hint.CLUSTER)
    return {id_: frozenset(hints) for id_, hints in found.items()}


def _is_shadow(earlier: Observed, later: Observed, within: float) -> bool:
    elsewhere = bool(earlier.source and later.source) and earlier.source != later.source
    other_system = bool(earlier.system and later.system) and earlier.system != later.system
    return elsewhere and other_system and later.at - earlier.at <= within
