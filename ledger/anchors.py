"""What stood at the end of the chained lists, kept outside of the database.

A chain shows every change but one: cutting its newest rows off, or making all hashes anew. Against an anchor, both
show: the row it names must still be there with just that hash. The process that writes keeps one beside the ledger
every hour; ``consent verify`` prints one, which an auditor keeps where the operator cannot write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ANCHORS_FILE = "chains.json"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest row of a list: its number and its hash in hexadecimal."""

    row: int
    hash: str


class AnchorFault(ValueError):
    """A file of anchors that is none."""


def read_anchors(path: Path) -> dict[str, Anchor]:
    """By the list's name; nothing when there is no file yet. Raises AnchorFault, and OSError."""
    try:
        raw = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    try:
        lists = json.loads(raw)
        return {str(one["list"]): Anchor(int(one["rows"]), str(one["last_hash"])) for one in lists if one["rows"]}
    except (ValueError, TypeError, KeyError):
        raise AnchorFault(f"{path} holds no anchors; it is what consent verify --json printed") from None


def write_anchors(path: Path, anchors: Mapping[str, Anchor]) -> None:
    """All or nothing, mode 0600. Raises OSError."""
    lists = [
        {"list": name, "rows": anchor.row, "last_hash": anchor.hash} for name, anchor in anchors.items() if anchor.row
    ]
    unfinished = path.with_suffix(".new")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(lists, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
