"""How far each recipient of a message may be followed, and what is said where that is less than was asked. Pure.

Consent is per purpose: somebody may allow links and not opens. Of a message that is taken apart each recipient gets
the version that was permitted to be made for them, of which there are three at most; it may be one without marks and
with nothing tracked. Who allows nothing gets the message as it was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ledger.people import normalise
from ledger.records import Reason
from relay.ports import Allowed
from relay.prepared_copies import Tracks
from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.rewrite import Prepared


@dataclass(frozen=True, slots=True)
class Version:
    """What those get who permit the same: made once, rendered for each of them. ``is_part``: they permit a part of
    what was asked."""

    outcome: Tracked
    prepared: Prepared
    is_part: bool

    @property
    def tracks(self) -> Tracks:
        return Tracks(self.prepared.opens, any(link.tracked for link in self.prepared.link_list))


def is_anything_planned(plan: Plan) -> bool:
    return plan.opens or plan.html_links or plan.text_links


def under_consent(plan: Plan, allowed: Iterable[Allowed]) -> Plan:
    """The plan without what one of them does not allow."""
    everybody = tuple(allowed)
    opens, links = all(one.opens for one in everybody), all(one.links for one in everybody)
    return replace(
        plan,
        opens=plan.opens and opens,
        html_links=plan.html_links and links,
        text_links=plan.text_links and links,
    )


def withheld(plan: Plan, permitted: Plan) -> Iterator[str]:
    """One sentence each on the purposes that were asked for and that not everybody who shares a copy allows."""
    if plan.opens and not permitted.opens:
        yield f"opens not tracked, {Reason.NO_CONSENT}"
    if (plan.html_links or plan.text_links) and not (permitted.html_links or permitted.text_links):
        yield f"links not tracked, {Reason.NO_CONSENT}"


def too_few(recipients: int, minimum: int) -> str:
    """The note on a message whose numbers would tell who it was."""
    return f"numbers only from {minimum} recipients on, this has {recipients}"


def is_excluded(address: str, never: tuple[str, ...]) -> bool:
    """Whether an address is one of these, or in one of these ``@domains``."""
    known = normalise(address)
    return any(known == one or (one.startswith("@") and known.endswith(one)) for one in _normalised(never))


# The list of the settings, and with several listeners a few: made anew for each of 1,000 recipients it takes 0.3 s.
@lru_cache(maxsize=8)
def _normalised(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(normalise, addresses))


def permitted_to(plan: Plan, address: str, allowed: Allowed, never: tuple[str, ...]) -> Plan | Reason:
    """What of the plan may be done to one recipient's copy, or why nothing."""
    if is_excluded(address, never):
        return Reason.EXCLUDED_RECIPIENT
    permitted = under_consent(plan, (allowed,))
    return permitted if is_anything_planned(permitted) else Reason.NO_CONSENT


def together(outcomes: Sequence[Tracked]) -> Tracked:
    """What was done to a message, all its versions taken together; there is one at least."""
    most = max(outcomes, key=lambda outcome: sum(link.tracked for link in outcome.link_list))
    return replace(most, opens=any(outcome.opens for outcome in outcomes))


def exceptions(copies: Sequence[Version | Reason]) -> Iterator[str]:
    """One sentence each on those who are followed less far than was asked."""
    total = len(copies)
    reasons = (one if isinstance(one, Reason) else one.outcome.reason for one in copies)
    for reason, count in Counter(reason for reason in reasons if reason).items():
        yield f"{count} of {total} recipients not tracked, {reason}"
    partly = sum(isinstance(one, Version) and one.is_part and not one.outcome.reason for one in copies)
    if partly:
        yield f"{partly} of {total} recipients tracked in part, {Reason.NO_CONSENT}"
