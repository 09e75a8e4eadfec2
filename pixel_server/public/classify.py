"""Who made a hit: the decision table, as rules in their order. The first that matches decides.

Knows what a request shows (``Marks``), when it came, and what the neighbouring hits of the same message say
(``HitContext``). Refuses to know addresses, user agents, clocks and the ledger. The verdict changes only what is
counted: every class gets the same answer from the server.

R02 and R03 (hidden links as a trap) are left out on purpose: spam filters dislike hidden links, and they are patented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger.records import Confidence, HitClass, HitKind, Verdict
from pixel_server.public.signs.tables import Marks, NetworkSign, Sign
from pixel_server.public.windows import Windows

_CERTAIN, _PROBABLE = Confidence.CERTAIN, Confidence.PROBABLE
_BURST_LINKS = 3  # or all of a message's links, where it has fewer; one link is never a burst


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the other hits of the same message say about this one.

    ``links_from_source``: how many of the message's links its source asked for within the burst window, this one
    included. ``links_in_message`` is None when unknown. ``browser_followed``: a browser asked for the same link
    after an Office program did; None while that may yet happen.
    """

    links_from_source: int = 1
    links_in_message: int | None = None
    browser_followed: bool | None = None


@dataclass(frozen=True, slots=True)
class HitContext:
    """What is known round a request. ``delay_seconds`` counts from the upstream's 250; None when unknown."""

    kind: HitKind
    delay_seconds: float | None = None
    own_session: bool = False  # carried a valid dashboard session
    own_network_match: bool = False  # from where the message was submitted, or a session lives
    neighbours: Neighbours = Neighbours()
    loopback: bool = False  # asked from this machine: its address is no evidence
    asn: int | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    marks: Marks
    context: HitContext
    windows: Windows

    @property
    def is_click(self) -> bool:
        return self.context.kind is HitKind.CLICK

    @property
    def on_loopback(self) -> bool:
        return self.marks.loopback or self.context.loopback

    def by_kind(self, pixel: HitClass, click: HitClass) -> HitClass:
        return click if self.is_click else pixel


_Answer = tuple[HitClass, Confidence] | None


def decide(marks: Marks, context: HitContext, windows: Windows) -> Verdict:
    """Who made the hit, as far as one request and its context tell: the verdict of the first rule that matches. Never
    raises."""
    case = _Case(marks, context, windows)
    for rule, ask in RULES:
        answer = ask(case)
        if answer is not None:
            return Verdict(answer[0], answer[1], rule)
    return Verdict(HitClass.HUMAN, _PROBABLE, "R22")


def is_burst(neighbours: Neighbours) -> bool:
    """Whether one source asked for so many of a message's links at once that no person did."""
    links = neighbours.links_in_message
    wanted = _BURST_LINKS if links is None else max(2, min(_BURST_LINKS, links))
    return neighbours.links_from_source >= wanted


def _own_session(case: _Case) -> _Answer:
    return (HitClass.OWN, _CERTAIN) if case.context.own_session else None


def _before_acceptance(case: _Case) -> _Answer:
    delay = case.context.delay_seconds
    return (HitClass.SECURITY_SCANNER, _CERTAIN) if delay is not None and delay < 0 else None


def _other_method(case: _Case) -> _Answer:
    if case.marks.method in ("GET", "HEAD"):
        return None
    return (HitClass.LINK_PREVIEW if case.marks.shows(Sign.OFFICE) else HitClass.BOT), _CERTAIN


def _head(case: _Case) -> _Answer:
    if case.marks.method != "HEAD":
        return None
    if case.marks.shows(Sign.OFFICE) or case.marks.shows(Sign.PREVIEW):
        return HitClass.LINK_PREVIEW, _CERTAIN
    return case.by_kind(HitClass.BOT, HitClass.SECURITY_SCANNER), _PROBABLE


def _speculative(case: _Case) -> _Answer:
    return (HitClass.LINK_PREVIEW, _CERTAIN) if case.marks.speculative else None


def _no_user_agent(case: _Case) -> _Answer:
    return (HitClass.BOT, _PROBABLE) if case.marks.shows(Sign.EMPTY) else None


def _scanner(case: _Case) -> _Answer:
    return (HitClass.SECURITY_SCANNER, _CERTAIN) if case.marks.shows(Sign.SCANNER) else None


def _gmail_prefetch(case: _Case) -> _Answer:
    if not case.marks.shows(Sign.GMAIL_PREFETCH):
        return None
    return (HitClass.SECURITY_SCANNER, _PROBABLE) if case.is_click else (HitClass.PRIVACY_PREFETCH, _CERTAIN)


def _bare_user_agent(case: _Case) -> _Answer:
    if not case.marks.shows(Sign.BARE):
        return None
    if case.is_click:
        return HitClass.BOT, _PROBABLE
    return HitClass.PRIVACY_PREFETCH, _CERTAIN if NetworkSign.APPLE_RELAY in case.marks.networks else _PROBABLE


def _image_proxy(case: _Case) -> _Answer:
    if not case.marks.shows(Sign.IMAGE_PROXY):
        return None
    # An image proxy has no business on a link.
    return (HitClass.SECURITY_SCANNER, _PROBABLE) if case.is_click else (HitClass.IMAGE_PROXY, _CERTAIN)


def _preview(case: _Case) -> _Answer:
    return (HitClass.LINK_PREVIEW, _CERTAIN) if case.marks.shows(Sign.PREVIEW) else None


def _filter_network(case: _Case) -> _Answer:
    return (HitClass.SECURITY_SCANNER, _CERTAIN) if NetworkSign.FILTER in case.marks.networks else None


def _vendor_network(case: _Case) -> _Answer:
    delay = case.context.delay_seconds
    early = delay is not None and delay <= case.windows.vendor_network
    return (HitClass.SECURITY_SCANNER, _PROBABLE) if early and NetworkSign.VENDOR in case.marks.networks else None


def _burst(case: _Case) -> _Answer:
    applies = case.is_click and not case.on_loopback and is_burst(case.context.neighbours)
    return (HitClass.SECURITY_SCANNER, _CERTAIN) if applies else None


def _office_on_a_link(case: _Case) -> _Answer:
    if not (case.is_click and case.marks.shows(Sign.OFFICE)):
        return None
    if case.context.neighbours.browser_followed is False:
        return HitClass.HUMAN, _PROBABLE
    return HitClass.LINK_PREVIEW, _PROBABLE


def _own_network(case: _Case) -> _Answer:
    own = case.context.own_network_match and not case.on_loopback
    return (HitClass.OWN, _PROBABLE) if own else None


def _mail_client(case: _Case) -> _Answer:
    return (HitClass.HUMAN, _PROBABLE) if case.marks.shows(Sign.MAIL_CLIENT) else None


def _program(case: _Case) -> _Answer:
    return (HitClass.BOT, _CERTAIN) if case.marks.shows(Sign.PROGRAM) else None


def _too_early(case: _Case) -> _Answer:
    delay = case.context.delay_seconds
    limit = case.windows.early_click if case.is_click else case.windows.early_pixel
    early = delay is not None and delay < limit and not case.on_loopback
    return (HitClass.SECURITY_SCANNER, _PROBABLE) if early else None


RULES: tuple[tuple[str, Callable[[_Case], _Answer]], ...] = (
    ("R01", _own_session),
    ("R04", _before_acceptance),
    ("R05", _other_method),
    ("R06", _head),
    ("R07", _speculative),
    ("R08", _no_user_agent),
    ("R09", _scanner),
    ("R10", _gmail_prefetch),
    ("R11", _bare_user_agent),
    ("R12", _image_proxy),
    ("R13", _preview),
    ("R14", _filter_network),
    ("R15", _vendor_network),
    ("R16", _burst),
    ("R17", _office_on_a_link),
    ("R18", _own_network),
    ("R19", _mail_client),
    ("R20", _program),
    ("R21", _too_early),
)
