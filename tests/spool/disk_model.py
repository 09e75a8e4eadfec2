"""A disk that loses its power: what may be found on it afterwards. Pure.

Between two syncs a file system may write what it likes in any order. So after a power failure a file holds what was
synced, and of what was written since nothing, all, a part, or zeros of its length; and of the names that were made,
moved or removed since the folder was last synced any may be there and any not. ``Disk`` follows the calls of a process
and gives every such state (of the names every combination, while they are few).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations

# Beyond so many changes of names in one go, only the states that keep their order are tried.
MOST_FREE_CHANGES = 5


@dataclass(frozen=True)
class Made:
    name: str


@dataclass(frozen=True)
class Written:
    name: str
    data: bytes


@dataclass(frozen=True)
class Synced:
    name: str


@dataclass(frozen=True)
class FolderSynced:
    pass


@dataclass(frozen=True)
class Renamed:
    old: str
    new: str


@dataclass(frozen=True)
class Removed:
    name: str


Call = Made | Written | Synced | FolderSynced | Renamed | Removed


@dataclass
class _File:
    durable: bytes = b""
    volatile: bytes = b""  # what every process sees

    def after_power_loss(self, how: str) -> bytes:
        lost = self.volatile[len(self.durable) :]  # files here only grow
        match how:
            case "nothing":
                return self.durable
            case "all":
                return self.volatile
            case "a part":
                return self.durable + lost[: len(lost) // 2]
            case _:
                return self.durable + bytes(len(lost))


@dataclass(frozen=True)
class _Change:
    """Of the folder: a name that goes, and one that comes."""

    gone: str = ""
    come: str = ""
    file: int = 0


@dataclass
class Disk:
    """One folder."""

    files: list[_File] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    durable_names: dict[str, int] = field(default_factory=dict)
    changes: list[_Change] = field(default_factory=list)  # of names, since the folder was synced

    def follow(self, call: Call) -> None:
        match call:
            case Made(name):
                self.files.append(_File())
                self._change(_Change(come=name, file=len(self.files) - 1))
            case Written(name, data):
                self.files[self.names[name]].volatile += data
            case Synced(name):
                file = self.files[self.names[name]]
                file.durable = file.volatile
            case FolderSynced():
                self.durable_names, self.changes = dict(self.names), []
            case Renamed(old, new):
                self._change(_Change(gone=old, come=new, file=self.names[old]))
            case Removed(name):
                self._change(_Change(gone=name))

    def _change(self, change: _Change) -> None:
        self.changes.append(change)
        _apply(self.names, change)

    def after_power_loss(self) -> Iterator[dict[str, bytes]]:
        """Every state: what is found under which name."""
        for kept in _selections(self.changes):
            names = dict(self.durable_names)
            for change in kept:
                _apply(names, change)
            for how in ("nothing", "all", "a part", "zeros"):
                yield {name: self.files[number].after_power_loss(how) for name, number in names.items()}


def _apply(names: dict[str, int], change: _Change) -> None:
    names.pop(change.gone, None)
    if change.come:
        names[change.come] = change.file


def _selections(changes: list[_Change]) -> Iterator[tuple[_Change, ...]]:
    if len(changes) > MOST_FREE_CHANGES:
        return (tuple(changes[:count]) for count in range(len(changes) + 1))
    return chain.from_iterable(combinations(changes, count) for count in range(len(changes) + 1))
