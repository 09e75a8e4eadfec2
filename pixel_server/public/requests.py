"""A request for a pixel or a link as it came, and the plain reader of it.

Reads only what is plain beyond doubt: HTTP/1.1, or one request in 1.0, GET or HEAD, one Host, no body, no folding,
nothing unusual; all else is None, and aiohttp's. The lines behind the first are the same in all requests of one
program, so a block of them is read once and remembered, in bounded memory. The line in which a proxy names the visitor
is taken out before. Pure.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pixel_server.public.answers import Answer
from pixel_server.public.programs import Program
from pixel_server.session_cookie import session_named

# A first line with a target in printable ASCII. The absolute form (RFC 9112 section 3.2.2) is right and rare:
# aiohttp's. Looking in here for what makes a target ours would take a hostile one quadratic time.
_FIRST_LINE = re.compile(rb"(GET|HEAD) (/[!-~]*) HTTP/1\.([01])(?=\r\n|\Z)")
MOST_LINES = 64
# Programs of one kind send the same block, and there are some thousand kinds; 2 MB at most.
REMEMBERED_BLOCKS = 1024
LONGEST_REMEMBERED = 2048
# With one of these a request is no plain GET; aiohttp knows what to do. An Upgrade, which Java and curl offer without
# TLS, may be ignored (RFC 9110 section 7.8), and aiohttp loses what follows it.
_UNUSUAL = (b"\ncontent-", b"\ntransfer-encoding", b"\nexpect", b"\n ", b"\n\t")
_FORWARDED = (b"\r\nX-Forwarded-For: ", b"\r\nx-forwarded-for: ")


@dataclass(slots=True, eq=False)
class Head:
    """All header lines of a request, and what they show (once somebody asked)."""

    lines: tuple[tuple[str, str], ...]
    closes: bool = False
    keeps_open: bool = False  # asks for it, as HTTP/1.0 has to
    forwards: bool = False  # another line than the one that was taken out names who really asks
    session: bytes | None = None  # of the page, by its hash (session_cookie.py)
    program: Program | None = None


class Asked(NamedTuple):
    """``path`` is the raw target, ``peer`` the address asking, ``forwarded`` what the line said that was taken out."""

    method: str
    path: str
    head: Head
    peer: str
    forwarded: str | None = None
    closes: bool = False


class Asker(Protocol):
    """Who asked: is told once."""

    def answer(self, answer: Answer) -> None: ...


class RequestReader:
    def __init__(self) -> None:
        self._heads: OrderedDict[bytes, Head] = OrderedDict()

    def read(self, raw: bytes, peer: str) -> Asked | None:
        """The request that stands before the empty line; None if it is not plain."""
        first = _FIRST_LINE.match(raw)
        if first is None:
            return None
        method, path, minor = first.groups()
        place = path.partition(b"?")[0]
        if b"/o/" not in place and b"/c/" not in place:
            return None
        block, forwarded = _without_forwarded(raw[first.end() :])
        head = self._heads.get(block)
        if head is None:
            head = self._learn(block)
        if head is None or (forwarded is not None and (head.forwards or not forwarded.isprintable())):
            return None
        is_old = minor == b"0"  # nginx speaks it to what is behind it, unless told otherwise
        if is_old and head.keeps_open:
            return None
        return Asked(method.decode("ascii"), path.decode("ascii"), head, peer, forwarded, is_old or head.closes)

    def forget(self) -> None:
        """What programs sent is not kept for long."""
        self._heads.clear()

    def _learn(self, block: bytes) -> Head | None:
        head = _read_head(block)
        # A session is not kept in memory for the next one who sends the same.
        if head is not None and head.session is None and len(block) <= LONGEST_REMEMBERED:
            self._heads[block] = head
            if len(self._heads) > REMEMBERED_BLOCKS:
                self._heads.popitem(last=False)
        return head


def head_of(lines: Iterable[tuple[str, str]]) -> Head:
    """What stands in header lines that somebody else has read."""
    lines = tuple(lines)
    lowered = [(name.lower(), value) for name, value in lines]
    connection = [value.lower() for name, value in lowered if name == "connection"]
    closes, keeps_open = (any(word in value for value in connection) for word in ("close", "keep-alive"))
    forwards = any(name in ("x-forwarded-for", "forwarded") for name, _ in lowered)
    session = next((session_named(value) for name, value in lowered if name == "cookie"), None)
    return Head(lines, closes, keeps_open, forwards, session)


def _without_forwarded(block: bytes) -> tuple[bytes, str | None]:
    for beginning in _FORWARDED:
        place = block.find(beginning)
        if place >= 0:
            behind = place + len(beginning)
            end = block.find(b"\r\n", behind)
            value = block[behind:] if end < 0 else block[behind:end]
            return block[:place] + (b"" if end < 0 else block[end:]), value.decode("latin-1")
    return block, None


def _read_head(block: bytes) -> Head | None:
    """The lines, each of which begins with CR and LF; None when they are not plain."""
    lowered = block.lower()
    if any(unusual in lowered for unusual in _UNUSUAL) or lowered.count(b"\nhost:") != 1 or not block.isascii():
        return None
    lines = []
    for line in block.decode("ascii").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name.replace("-", "").replace("_", "").isalnum() or not _is_printable(value):
            return None
        lines.append((name, value.strip(" \t")))
    return head_of(lines) if len(lines) <= MOST_LINES else None


def _is_printable(value: str) -> bool:
    return value.isprintable() or value.replace("\t", "").isprintable()
