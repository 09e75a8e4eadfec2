"""The hits of the last two minutes, by message, in bounded memory: what the second look looks at.

Keeps at most so many messages, so many hits a message and so many hits in all; beyond that the longest-kept message
is let go (its verdicts stand as they are, and ``reclassify`` can look again). Holds full facts for the window only.
A plain data structure: the clock is an argument, and whoever owns it asks ``due`` now and then.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ledger.message_id import MessageId
from pixel_server.public.classify import HitContext
from pixel_server.public.second_look import Observed
from pixel_server.public.signs.tables import Sign
from pixel_server.public.windows import Windows

MAX_MESSAGES = 4096
MAX_HITS_PER_MESSAGE = 128
MAX_HITS = 16_384


@dataclass(slots=True)
class _Group:
    opened_at: float
    hits: deque[Observed] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose hits want a second look now."""

    message: MessageId
    hits: Sequence[Observed]


class NeighbourWindow:
    """Hits by message, from the first of them until the window closes."""

    def __init__(
        self,
        windows: Windows,
        max_messages: int = MAX_MESSAGES,
        max_hits_per_message: int = MAX_HITS_PER_MESSAGE,
        max_hits: int = MAX_HITS,
    ) -> None:
        self._windows = windows
        self._limits = (max_messages, max_hits_per_message, max_hits)
        self._groups: OrderedDict[MessageId, _Group] = OrderedDict()  # in order of opening
        self._office: OrderedDict[MessageId, float] = OrderedDict()  # when to ask whether a browser followed
        self._count = 0
        # Never longer than the window itself, or a message let go would be due again at once.
        self._carried = min(max(windows.burst, windows.office_browser, windows.shadow), windows.second_look)

    def __len__(self) -> int:
        """How many hits are held."""
        return self._count

    def add(self, message: MessageId, hit: Observed) -> Sequence[Observed]:
        """Takes a hit in and gives all that are held of its message, this one included. One that is held already
        (it comes again, from a journal) stays as it was."""
        group = self._groups.get(message)
        if group is None:
            group = self._groups[message] = _Group(hit.at)
        elif any(held.id == hit.id for held in group.hits):
            return tuple(group.hits)
        if len(group.hits) >= self._limits[1]:
            group.hits.popleft()
            self._count -= 1
        group.hits.append(hit)
        self._count += 1
        if hit.is_click and hit.marks.shows(Sign.OFFICE):
            self._office[message] = hit.at + self._windows.office_browser
            self._office.move_to_end(message)
        self._stay_in_bounds(message)
        return tuple(group.hits)

    def learn(self, message: MessageId, contexts: Mapping[str, HitContext]) -> None:
        """Keeps what is known of hits by now (by their ids): who looks at some of them later, without the others, must
        not forget what all together have shown."""
        group = self._groups.get(message)
        for place, hit in enumerate(group.hits if group and contexts else ()):
            context = contexts.get(hit.id, hit.context)
            if context is not hit.context and group is not None:
                group.hits[place] = replace(hit, context=context)

    def due(self, now: float) -> list[Due]:
        """Messages to look at again: an Office program's time is up, or the window closes and they are let go.

        Hits so young that later ones may still belong to them stay for another window.
        """
        found: dict[MessageId, Due] = {}
        while self._office and next(iter(self._office.values())) <= now:
            message, _ = self._office.popitem(last=False)
            found[message] = Due(message, tuple(self._groups[message].hits))
        # A clock that was set back closes windows early, rather than holding them open until it has caught up.
        while self._groups and not 0 <= now - next(iter(self._groups.values())).opened_at < self._windows.second_look:
            message, group = self._let_go()
            found[message] = Due(message, tuple(group.hits))
            for hit in group.hits:
                if hit.at > now - self._carried:
                    self.add(message, hit)
        return list(found.values())

    def next_due(self) -> float | None:
        """When ``due`` will have something to say, if no hit comes before; None when nothing is held."""
        times = [next(iter(self._office.values()))] if self._office else []
        if self._groups:
            times.append(next(iter(self._groups.values())).opened_at + self._windows.second_look)
        return min(times, default=None)

    def forget(self, message: MessageId) -> None:
        """Lets a message's hits go without a look: recording was stopped, or its recipient erased."""
        group = self._groups.pop(message, None)
        self._office.pop(message, None)
        if group is not None:
            self._count -= len(group.hits)

    def _let_go(self) -> tuple[MessageId, _Group]:
        message, group = self._groups.popitem(last=False)
        self._office.pop(message, None)
        self._count -= len(group.hits)
        return message, group

    def _stay_in_bounds(self, keep: MessageId) -> None:
        max_messages, _, max_hits = self._limits
        while (len(self._groups) > max_messages or self._count > max_hits) and len(self._groups) > 1:
            oldest = next(iter(self._groups))
            if oldest == keep:  # the newest hit's own message stays
                self._groups.move_to_end(oldest)
                self._groups[oldest].opened_at = max(group.opened_at for group in self._groups.values())
                continue
            self._let_go()
