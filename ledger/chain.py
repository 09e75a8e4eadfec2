"""Append-only lists whose rows carry the hash of the row before: changing or removing one shows. Pure.

The hash of a row is SHA-256 over the previous hash and the row's values as JSON with sorted keys. A chain cannot show
that its newest rows were cut off; for that, keep the last hash elsewhere (``consent verify`` prints it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

START = b"\0" * 32


def chained(previous: bytes, values: Mapping[str, object]) -> bytes:
    """The hash of a row with these values (str, int, None, lists and mappings of them) behind ``previous``."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + text.encode("ascii")).digest()


def first_broken(rows: Iterable[tuple[int, Mapping[str, object], bytes, bytes]]) -> int | None:
    """The number of the first row that does not follow from the one before; None when all do.

    ``rows`` are (number, values, previous hash, hash) in order.
    """
    last = START
    for number, values, previous, own in rows:
        if previous != last or chained(previous, values) != own:
            return number
        last = own
    return None
