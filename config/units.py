"""Sizes and durations as people write them: "32MB", "5m", "400d". Pure; each reads and writes one spelling."""

from __future__ import annotations

import re
from datetime import timedelta

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB)", re.ASCII)
_BYTES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def parse_size(text: object) -> int:
    """Bytes for "1MB" (10**6), "500kB" or a number that is no text. Raises ValueError for anything else: who writes
    "32" hardly means 32 bytes."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'{_shown(text)} is no size; write it like "32MB" or "500kB"')
    return int(float(match[1]) * _BYTES[match[2]])


def parse_duration(text: object) -> timedelta:
    """The span for "30s", "5m", "12h", "400d". Raises ValueError for anything else, a bare number included."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'{_shown(text)} is no duration; write it like "30s", "5m", "12h" or "400d"')
    try:
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        raise ValueError(f'"{text}" is longer than can be counted') from None


def format_size(size: int) -> str:
    """The shortest spelling that ``parse_size`` reads back: 32000000 is "32MB"."""
    for unit in ("GB", "MB", "kB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


def format_duration(span: timedelta) -> str:
    """The shortest spelling that ``parse_duration`` reads back: 300 seconds are "5m", two days are "2d"."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % (_SECONDS[unit] * 1000) == 0:
            return f"{int(milliseconds // (_SECONDS[unit] * 1000))}{unit}"
    return f"{milliseconds}ms"
