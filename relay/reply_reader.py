"""Turns the bytes of an upstream into whole replies, at whatever places the network cuts them. Pure.

Decides what is a reply at all (RFC 5321 section 4.2): lenient where the meaning is plain (bare LF, no space after the
code, differing codes: the last line's counts), `Nonsense` where it is not. Whatever it gives back is well-formed, so
that no odd server can put a line of its own between us and the client.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relay.replies import Reply

LONGEST_REPLY = 64 * 1024  # a hundred times the longest EHLO answer in use
MOST_LINES = 4096

_LINE = re.compile(rb"([2-5][0-9][0-9])([ -]?)(.*)", re.DOTALL)
_WELL_FORMED = re.compile(rb"[2-5][0-9][0-9] [^\x00-\x08\x0a-\x1f\x7f]*\r\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# Most of what an upstream says are the same few octets for ever ("250 2.1.0 Ok", its answer to EHLO): what was once
# found to be whole replies need not be looked at again. Of a login's challenges nothing is kept.
MOST_KNOWN = 64
LONGEST_KNOWN = 512
_known: dict[bytes, tuple[Reply, ...]] = {}


class Nonsense(ValueError):
    """What came is no SMTP reply, or is longer than any."""


class ReplyReader:
    def __init__(self) -> None:
        self.is_inside_reply = False
        self._rest = b""
        self._lines: list[tuple[bytes, bytes]] = []
        self._size = 0

    def feed(self, data: bytes) -> Sequence[Reply]:
        """The replies that are complete with these bytes, oldest first. Raises Nonsense."""
        is_between = not self.is_inside_reply
        if is_between:
            known = _known.get(data)
            if known is not None:
                return known
            if _WELL_FORMED.fullmatch(data):
                return _remember(data, (Reply(int(data[:3]), data),))
        *lines, self._rest = (self._rest + data).split(b"\n")
        replies = [reply for line in lines if (reply := self._take(line)) is not None]
        if self._size + len(self._rest) > LONGEST_REPLY:
            raise Nonsense("the reply is too long")
        self.is_inside_reply = bool(self._rest or self._lines)
        return _remember(data, tuple(replies)) if is_between and not self.is_inside_reply else replies

    def _take(self, line: bytes) -> Reply | None:
        match = _LINE.fullmatch(line.removesuffix(b"\r"))
        self._size += len(line)
        if match is None or self._size > LONGEST_REPLY or len(self._lines) >= MOST_LINES:
            raise Nonsense("no SMTP reply")
        code, separator, text = match.groups()
        self._lines.append((code, _CONTROL.sub(b"?", text)))
        return None if separator == b"-" else self._finish(code)

    def _finish(self, code: bytes) -> Reply:
        *first, (_, last) = self._lines
        raw = b"".join(code + b"-" + text + b"\r\n" for _, text in first) + code + b" " + last + b"\r\n"
        self._lines, self._size = [], 0
        return Reply(int(code), raw)


def _remember(data: bytes, replies: tuple[Reply, ...]) -> tuple[Reply, ...]:
    if len(data) <= LONGEST_KNOWN and not data.startswith(b"334"):
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[data] = replies
    return replies
