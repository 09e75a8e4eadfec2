"""How this process's hits fared, for /metrics: stored, written down, replayed, lost. Tells nobody from anybody.

Written in Prometheus's text format by hand: four numbers are not worth importing its library at every start.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakSet


@dataclass(slots=True, weakref_slot=True, eq=False)
class HitNumbers:
    """Since it was made. ``dropped`` hits were answered and could be kept nowhere."""

    stored: int = 0
    journaled: int = 0
    replayed: int = 0
    dropped: int = 0

    def __post_init__(self) -> None:
        _alive.add(self)


_alive: WeakSet[HitNumbers] = WeakSet()
_HELP = {
    "stored": "Hits committed before their answer",
    "journaled": "Hits written to the journal before their answer",
    "replayed": "Hits brought from the journal into the ledger",
    "dropped": "Hits answered that neither ledger nor journal took",
}


def exposition() -> bytes:
    """The numbers of all that live in this process, in Prometheus's text format."""
    lines = []
    for name, text in _HELP.items():
        metric = f"mailglass_hits_{name}_total"
        total = sum(getattr(numbers, name) for numbers in _alive)
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} counter", f"{metric} {total}"]
    return "\n".join([*lines, ""]).encode("ascii")
