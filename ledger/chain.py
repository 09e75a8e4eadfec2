"""Append-only lists whose rows carry the hash of the row before: changing or removing one shows. Pure.

The hash of a row is SHA-256 over the previous hash and the row's values as JSON with sorted keys. What has to go one
day while the row stays (evidence, when its time is up) enters as a salted hash of its own. A chain cannot show that its
newest rows were cut off, nor that somebody made all hashes anew: for that, what stood at the end is kept elsewhere as
an anchor (ledger/anchors.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

START = b"\0" * 32


def chained(previous: bytes, values: Mapping[str, object]) -> bytes:
    """The hash of a row with these values (str, int, None, lists and mappings of them) behind ``previous``."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + text.encode("ascii")).digest()


def detailed(salt: bytes, details: Mapping[str, object]) -> bytes:
    """The hash that stands for a row's details."""
    return chained(salt, details)
