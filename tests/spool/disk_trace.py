"""Reads strace's account of a relay: what it did to the spool's folder, and what was said meanwhile. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.spool.disk_model import Call, FolderSynced, Made, Removed, Renamed, Synced, Written

CALLS = "openat,write,fsync,fdatasync,rename,unlink,sendto,recvfrom"


@dataclass(frozen=True)
class Offered:
    """The final dot went to the upstream: from here on it may have this recipient's copy."""

    address: str


@dataclass(frozen=True)
class Answered:
    """The upstream's reply to that."""

    address: str
    code: int


@dataclass(frozen=True)
class ClientTold:
    """250 went to the client."""


Step = Call | Offered | Answered | ClientTold

_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_OPENED = re.compile(r"openat\(AT_FDCWD<[^>]*>, " + _TEXT + r", ([A-Z_|]+).*\) += \d+")
_WRITTEN = re.compile(r"write\(\d+<([^>]*)>, " + _TEXT + r", \d+\) += (\d+)")
_SYNCED = re.compile(r"f(?:data)?sync\(\d+<([^>]*)>\) += 0")
_RENAMED = re.compile(r"rename\(" + _TEXT + ", " + _TEXT + r"\) += 0")
_REMOVED = re.compile(r"unlink\(" + _TEXT + r"\) += 0")
_SENT = re.compile(r"sendto\(\d+<[^>]*>, " + _TEXT)
_RECEIVED = re.compile(r"recvfrom\(\d+<[^>]*>, " + _TEXT)
_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>")


def _bytes(text: str) -> bytes:
    value = ast.literal_eval(f'b"{text}"')
    assert isinstance(value, bytes)
    return value


def whole_calls(trace: str) -> Iterator[str]:
    """Each call as one line, when it ended; what was sent, when it began, since it may have arrived by then."""
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        thread, text = match.groups()
        resumed = _RESUMED.match(text)
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
            if text.startswith("sendto"):
                yield text
        elif resumed is None:
            yield text
        elif not begun[thread].startswith("sendto"):
            yield begun[thread] + resumed[1]


def steps_in(trace: str, folder: str) -> Iterator[Step]:
    """What happened in the folder and on the wires, in order."""
    recipient = ""
    is_offered = False
    for call in whole_calls(trace):
        yield from _disk_step(call, folder + "/")
        sent, received = _SENT.match(call), _RECEIVED.match(call)
        if sent is not None:
            data = _bytes(sent[1])
            named = _RECIPIENT.search(data)
            if named is not None:
                recipient = named[1].decode()
            elif data == b".\r\n" or data.endswith(b"\r\n.\r\n"):
                is_offered = True
                yield Offered(recipient)
            elif data.startswith(b"250 ") and b"[mailglass " in data:
                yield ClientTold()
        elif received is not None and is_offered and re.match(rb"\d{3} ", _bytes(received[1])):
            is_offered = False
            yield Answered(recipient, int(_bytes(received[1])[:3]))


def _disk_step(call: str, folder: str) -> Iterator[Call]:
    def inside(path: str) -> str:
        name = path.removeprefix(folder) if path.startswith(folder) else ""
        return name if name != "lock" and "/" not in name else ""

    if (match := _OPENED.match(call)) and "O_CREAT" in match[2]:
        if name := inside(match[1]):
            yield Made(name)
    elif match := _WRITTEN.match(call):
        if name := inside(match[1]):
            data = _bytes(match[2])
            assert len(data) == int(match[3]), "strace was told to show too little"
            yield Written(name, data)
    elif match := _SYNCED.match(call):
        if match[1] == folder.rstrip("/"):
            yield FolderSynced()
        elif name := inside(match[1]):
            yield Synced(name)
    elif match := _RENAMED.match(call):
        if inside(match[1]):
            yield Renamed(inside(match[1]), inside(match[2]))
    elif (match := _REMOVED.match(call)) and (name := inside(match[1])):
        yield Removed(name)
