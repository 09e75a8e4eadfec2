"""Who of those who got a copy each has opened it, perhaps opened it, or not: the groups behind the chips over the
recipients. Pure.

Each copy is in one of the groups that its icon tells apart; who followed a link is a group beside them. A copy that
was refused, that still waits to be sent, or whose recipient allows no tracking, is none that somebody left unopened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.queries.rows import CopyRow
from ledger.records import State
from pixel_server.dashboard.marking import N_
from pixel_server.dashboard.wording import Fill, fill_of

# Key in the address, icon, name. In this order.
_GROUPS = (
    ("opened", "open-filled", N_("Opened")),
    ("perhaps", "open-half", N_("Perhaps opened")),
    ("unopened", "open-hollow", N_("Not opened")),
    ("clicked", "click-filled", N_("Links followed")),
    ("refused", "stop", N_("refused")),
)


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    icon: str
    name: str  # still to be translated
    copies: tuple[CopyRow, ...]


def groups_of(opens: bool, links: bool, copies: Sequence[CopyRow]) -> tuple[Group, ...]:
    """The groups somebody is in; ``opens`` and ``links`` say what the message was tracked for. Nothing for a single
    copy and for what was tracked for nothing: there is nobody to be told apart."""
    if len(copies) < 2 or not (opens or links):
        return ()
    found: dict[str, list[CopyRow]] = {}
    for copy in copies:
        for key in _keys_of(opens, links, copy):
            found.setdefault(key, []).append(copy)
    return tuple(Group(key, icon, name, tuple(found[key])) for key, icon, name in _GROUPS if key in found)


def _keys_of(opens: bool, links: bool, copy: CopyRow) -> set[str]:
    keys = set()
    if links and copy.click_counts.confirmed:
        keys.add("clicked")
    match fill_of(opens and copy.tracks_opens, copy.open_counts):
        case Fill.FILLED:
            keys.add("opened")
        case Fill.HALF:
            keys.add("perhaps")
        case Fill.HOLLOW if copy.state == State.REFUSED:
            keys.add("refused")
        case Fill.HOLLOW if copy.state != State.QUEUED:
            keys.add("unopened")
        case Fill.NONE if copy.state == State.REFUSED:
            keys.add("refused")
        case Fill.HOLLOW | Fill.NONE:
            pass
    return keys
