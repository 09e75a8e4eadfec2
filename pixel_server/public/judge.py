"""From a request's facts to the hit that is kept: its class, among its neighbours, with nothing more than [privacy]
allows. Also says whose earlier verdicts a new hit changes. Clock and randomness are arguments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from config.settings import Settings
from ledger.message_id import mint_message_id
from ledger.recording import RecordingState
from ledger.records import Hit, HitFacts, HitKind, Verdict
from ledger.tokens import Target
from pixel_server.public.classify import HitContext, Neighbours, decide
from pixel_server.public.minimise import day_salt, evidence, fingerprint, kept_ip, kept_user_agent, refuses_identity
from pixel_server.public.neighbours import NeighbourWindow
from pixel_server.public.second_look import Look, Observed, look_after, second_look
from pixel_server.public.signs.tables import Signs, observe
from pixel_server.public.sources import source_of
from pixel_server.public.user_agents import system_of
from pixel_server.public.windows import windows_from

REMEMBERED_VERDICTS = 20_000
_NOT_YET = -0.001  # seconds


@dataclass(frozen=True, slots=True)
class Judged:
    """The hit to keep, and earlier hits that it makes something else."""

    hit: Hit
    changes: list[tuple[str, Verdict]] = field(default_factory=list)


class Judge:
    """Holds the hits of the last two minutes. ``secret`` is made at start and written nowhere."""

    def __init__(self, settings: Settings, signs: Signs, secret: bytes) -> None:
        self._privacy = settings.privacy
        self._windows = windows_from(settings.hits)
        self._signs = signs
        self._secret = secret
        self._longest_wait = settings.limits.upstream_final.total_seconds()
        self._salt: tuple[int, bytes] = (0, b"")
        self._window = NeighbourWindow(self._windows)
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()

    def judge(
        self, facts: HitFacts, kind: HitKind, target: Target, state: RecordingState, at: datetime, random_bytes: bytes
    ) -> Judged:
        """``random_bytes``: 10 of them. The hit's id sorts by the time that is kept."""
        now = at.timestamp()
        marks = observe(facts, self._signs)
        source = "" if marks.loopback else source_of(facts.ip)
        user_agent = _header(facts, "user-agent")
        context = self._context(kind, state, now, source)
        kept_at = at.replace(second=0, microsecond=0) if self._privacy.whole_minutes else at
        hit_id = str(mint_message_id(round(kept_at.timestamp() * 1000), random_bytes))
        seen = Observed(
            hit_id, now, target.copy, target.link, marks, context,
            self._fingerprint(source, at), system_of(user_agent),
        )  # fmt: skip
        together = self._window.add(target.message, seen)
        verdict, hints = decide(marks, context, self._windows), frozenset[object]()
        changes: list[tuple[str, Verdict]] = []
        for look in look_after(seen, together, context.neighbours.links_in_message, self._windows, now):
            if look.id == hit_id:
                verdict, context, hints = look.verdict, look.context, frozenset(look.hints)
            else:
                changes += self._changed([look])
        self._remember(hit_id, verdict)
        nameless = self._privacy.honour_gpc and kind is HitKind.CLICK and refuses_identity(facts.headers)
        hit = Hit(
            hit_id, kept_at, kind, target.message, target.copy, target.link, marks.method, verdict,
            "" if nameless else kept_user_agent(user_agent, self._privacy.user_agent),
            "" if nameless else kept_ip(facts.ip, self._privacy.ip_address),
            evidence(marks, context, "" if nameless else seen.source, hints),  # type: ignore[arg-type]
        )  # fmt: skip
        return Judged(hit, changes)

    def visitor(self, facts: HitFacts, at: datetime) -> str:
        """A name for who asks that holds for the day and leads back to nobody."""
        return self._fingerprint(f"{facts.ip} {_header(facts, 'user-agent')}", at)

    def due(self, now: float) -> list[tuple[str, Verdict]]:
        """Verdicts that are different now that a message's window closes."""
        changes: list[tuple[str, Verdict]] = []
        for due in self._window.due(now):
            totals = [hit.context.neighbours.links_in_message for hit in due.hits]
            links = max((total for total in totals if total is not None), default=None)
            changes += self._changed(second_look(due.hits, links, self._windows, now))
        return changes

    def _context(self, kind: HitKind, state: RecordingState, now: float, source: str) -> HitContext:
        delay = self._delay(state, now)
        own = bool(source) and any(source_of(network) == source for network in state.own_networks)
        links = state.tracked_links if state.known else None
        return HitContext(kind, delay, own_network_match=own, neighbours=Neighbours(links_in_message=links))

    def _delay(self, state: RecordingState, now: float) -> float | None:
        if state.accepted_at is not None:
            return now - state.accepted_at.timestamp()
        # The upstream has not said 250: nobody but a filter on the way can have the message. How long before is not
        # known. A verdict that never came (a crash in between) says nothing, once the longest wait for it is over.
        if state.awaited_since is not None and now - state.awaited_since.timestamp() <= self._longest_wait:
            return _NOT_YET
        return None

    def _changed(self, looks: Iterable[Look]) -> list[tuple[str, Verdict]]:
        found = []
        for look in looks:
            before = self._verdicts.get(look.id)
            if before is not None and before != look.verdict:
                self._verdicts[look.id] = look.verdict
                found.append((look.id, look.verdict))
        return found

    def _remember(self, hit_id: str, verdict: Verdict) -> None:
        self._verdicts[hit_id] = verdict
        if len(self._verdicts) > REMEMBERED_VERDICTS:
            self._verdicts.popitem(last=False)

    def _fingerprint(self, source: str, at: datetime) -> str:
        day = at.toordinal()
        if self._salt[0] != day:
            self._salt = (day, day_salt(self._secret, at.date()))
        return fingerprint(source, self._salt[1])


def _header(facts: HitFacts, name: str) -> str:
    return next((value for key, value in facts.headers.items() if key.lower() == name), "")
