"""Judges stored hits again by the present rules, from the facts that were kept.

All hits of one message are looked at together, as the second look does; what was kept whole (user agents and
addresses, where [privacy] allows it) is compared with the present tables of signs. What a person said themselves is
never overruled. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf

from ledger.queries.facts import StoredFacts
from ledger.records import HitFacts, Verdict
from pixel_server.public.minimise import context_of, marks_of
from pixel_server.public.second_look import Observed, second_look
from pixel_server.public.signs.tables import Marks, Signs, observe
from pixel_server.public.user_agents import system_of
from pixel_server.public.windows import Windows
from pixel_server.rule_words import SAID_BY_SENDER


def can_be_judged(hit: StoredFacts) -> bool:
    """Whether its facts were kept, and no person has said what it was."""
    return hit.facts is not None and hit.verdict.rule != SAID_BY_SENDER


def judge_again(hits: Iterable[StoredFacts], signs: Signs, windows: Windows) -> list[tuple[StoredFacts, Verdict]]:
    """The hits of one message whose verdict is another one by the present rules, with that verdict."""
    by_id = {hit.id: hit for hit in hits if can_be_judged(hit)}
    observed = [_observed(hit, signs) for hit in by_id.values()]
    links = max((hit.context.neighbours.links_in_message or 0 for hit in observed), default=0) or None
    looks = second_look(observed, links, windows, now=inf)
    return [
        (by_id[look.id], look.verdict)
        for look in looks
        if look.verdict != by_id[look.id].verdict and not _knew_more(by_id[look.id], look.verdict)
    ]


def _knew_more(hit: StoredFacts, verdict: Verdict) -> bool:
    # What was seen among neighbours stands against what is found without them: a hit whose message the ledger does not
    # know is alone here, and a burst's have no source any more after a while.
    before = hit.verdict.rule
    if hit.message_seq is None:
        return before in ("R16", "R17") and verdict.rule >= before
    return before == "R16" and verdict.rule > before and not (hit.facts or {}).get("source")


def _observed(hit: StoredFacts, signs: Signs) -> Observed:
    facts = hit.facts or {}
    source = facts.get("source")
    return Observed(
        hit.id,
        hit.at.timestamp(),
        hit.copy,
        hit.link,
        _present_marks(hit, marks_of(facts, hit.method), signs),
        context_of(facts, hit.kind),
        source if isinstance(source, str) else "",
        system_of(hit.user_agent),
    )


def _present_marks(hit: StoredFacts, kept: Marks, signs: Signs) -> Marks:
    whole_agent = hit.user_agent if _is_whole(hit.user_agent) else ""
    if not whole_agent and not hit.ip:
        return kept
    seen = observe(HitFacts(hit.method, {"User-Agent": whole_agent}, hit.ip), signs, kept.asn)
    tokens = seen.tokens if whole_agent else kept.tokens
    # A truncated address is in no table, so that what its whole one showed at the time stays.
    return replace(kept, tokens=tokens, networks=kept.networks | seen.networks)


def _is_whole(user_agent: str) -> bool:
    # Families hold neither (user_agents.py); programs write their version behind a stroke.
    return any(letter == "/" or letter.isdigit() for letter in user_agent)
