"""Clicks among their neighbours: what those of the last two minutes make of each other's verdicts.

Works from what is kept of a hit, so it knows no address and no user agent. A click is given back with the verdict that
its neighbours give it; what it makes of earlier ones, and what time brings, is gathered until somebody takes it. Pixels
have no second look: no rule compares them. Knows no ledger; the clock is an argument.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from config.settings import Settings
from ledger.message_id import MessageId
from ledger.records import Hit, HitKind, Verdict
from pixel_server.public.minimise import context_of, evidence, marks_of
from pixel_server.public.neighbours import NeighbourWindow
from pixel_server.public.second_look import Look, Observed, look_after, second_look
from pixel_server.public.user_agents import system_of
from pixel_server.public.windows import windows_from

log = logging.getLogger("mailglass.hits")
REMEMBERED_VERDICTS = 20_000
KEPT_CHANGES = 10_000


class Neighbourhood:
    def __init__(self, settings: Settings) -> None:
        self._windows = windows_from(settings.hits)
        self._whole_minutes = settings.privacy.whole_minutes
        self._window = NeighbourWindow(self._windows)
        self._verdicts: dict[str, Verdict] = {}
        self._arrivals: deque[tuple[float, str]] = deque()  # of the same hits, oldest first
        self._changes: dict[str, Verdict] = {}

    def look(self, hits: Sequence[Hit], now: float | None) -> Sequence[Hit]:
        """The hits as they are to be stored. ``now`` is in seconds since 1970; None for hits that come from a journal,
        some time after they happened."""
        if not any(hit.link for hit in hits):
            return hits
        return [self._look_at(hit, now) if hit.kind is HitKind.CLICK else hit for hit in hits]

    def due(self, now: float) -> None:
        """Notes the verdicts that are different now that a message's window closes."""
        for due in self._window.due(now):
            totals = [hit.context.neighbours.links_in_message for hit in due.hits]
            links = max((total for total in totals if total is not None), default=None)
            looks = second_look(due.hits, links, self._windows, now)
            self._note(looks)
            self._learn(due.message, due.hits, looks)

    def forget(self, now: float) -> list[str]:
        """Forgets hits that nothing can change any more, and gives their ids. To be called after ``due``."""
        # A window, and once more what a window takes along into the next; a clock that was set back ends all.
        longest = 2 * self._windows.second_look
        gone = []
        while self._arrivals and not 0 <= now - self._arrivals[0][0] < longest:
            gone.append(self._arrivals.popleft()[1])
            self._verdicts.pop(gone[-1], None)
        return gone

    def taken_changes(self) -> dict[str, Verdict]:
        """Verdicts of earlier hits that changed since this was last asked, by the hits' ids."""
        changes, self._changes = self._changes, {}
        return changes

    def take_back(self, changes: dict[str, Verdict]) -> None:
        """They could not be written: whoever asks next gets them again."""
        self._changes = changes | self._changes

    def _look_at(self, hit: Hit, now: float | None) -> Hit:
        try:
            if now is None and self._whole_minutes:
                return hit  # its minute says nothing of seconds
            return self._among_its_neighbours(hit, hit.at.timestamp() if now is None else now)
        except Exception:  # a fault of ours must not cost the hit
            log.exception("a second look failed")
            return hit

    def _among_its_neighbours(self, hit: Hit, at: float) -> Hit:
        facts = json.loads(hit.evidence or "{}")
        context = context_of(facts, hit.kind)
        system, source = system_of(hit.user_agent), str(facts.get("source") or "")
        seen = Observed(hit.id, at, hit.copy, hit.link, marks_of(facts, hit.method), context, source, system)
        together = self._window.add(hit.message, seen)
        found = hit
        self._remember(hit, at)
        looks = look_after(seen, together, context.neighbours.links_in_message, self._windows, at)
        self._learn(hit.message, together, looks)
        for look in looks:
            if look.id == hit.id:
                found = _as_seen(hit, seen, look)
                self._verdicts[hit.id] = look.verdict
            else:
                self._note([look])
        return found

    def _learn(self, message: MessageId, hits: Iterable[Observed], looks: Iterable[Look]) -> None:
        known = {hit.id: hit.context for hit in hits}
        self._window.learn(message, {look.id: look.context for look in looks if look.context != known[look.id]})

    def _note(self, looks: Iterable[Look]) -> None:
        for look in looks:
            before = self._verdicts.get(look.id)
            if before is not None and before != look.verdict:
                self._verdicts[look.id] = self._changes[look.id] = look.verdict
        while len(self._changes) > KEPT_CHANGES:  # the ledger is away; reclassify can look again
            del self._changes[next(iter(self._changes))]

    def _remember(self, hit: Hit, at: float) -> None:
        if hit.id in self._verdicts:
            return
        self._verdicts[hit.id] = hit.verdict
        self._arrivals.append((at, hit.id))
        if len(self._arrivals) > REMEMBERED_VERDICTS:
            self._verdicts.pop(self._arrivals.popleft()[1], None)


def _as_seen(hit: Hit, seen: Observed, look: Look) -> Hit:
    """The hit with its verdict among its neighbours, and what was seen of them in its evidence."""
    if look.verdict == hit.verdict and look.context == seen.context and not look.hints:
        return hit
    return replace(
        hit, verdict=look.verdict, evidence=json.dumps(evidence(seen.marks, look.context, seen.source, look.hints))
    )
