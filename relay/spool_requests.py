"""How an administrator's command reaches the process that holds the spool: one small file a request.

The running relay looks into ``requests/`` every few seconds; a command line that finds no relay running opens the
spool itself. Nothing here decides what a request does.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ledger.message_id import MessageId, parse_message_id

REQUESTS = "requests"


class Wish(StrEnum):
    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for one message, or for one of its copies (``number`` from 1; 0 means all)."""

    wish: Wish
    message: MessageId
    number: int = 0


def ask(folder: Path, request: Request) -> Path:
    """Leave a request for the process that holds the spool; its file is gone once it was taken. Raises OSError."""
    requests = folder / REQUESTS
    requests.mkdir(mode=0o700, exist_ok=True)
    owner = folder.stat() if os.geteuid() == 0 else None  # an administrator's shell; the relay must be able to take it
    if owner is not None:
        os.chown(requests, owner.st_uid, owner.st_gid)
    path = requests / f"{request.message}-{request.number}-{secrets.token_hex(4)}.{request.wish}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if owner is not None:  # by its handle: the relay may have taken it already
            os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)
    return path


def take_requests(folder: Path) -> list[Request]:
    """The requests that lie there, oldest name first; their files are removed. What is no request is removed too."""
    try:
        names = sorted(os.listdir(folder / REQUESTS))
    except (FileNotFoundError, NotADirectoryError):
        return []
    taken = []
    for name in names:
        request = _parse(name)
        try:
            (folder / REQUESTS / name).unlink(missing_ok=True)
        except OSError:  # not ours: a request that stays would be carried out again and again
            continue
        if request is not None:
            taken.append(request)
    return taken


def _parse(name: str) -> Request | None:
    stem, _, wish = name.rpartition(".")
    message_text, _, rest = stem.partition("-")
    number_text = rest.partition("-")[0]
    message = parse_message_id(message_text)
    if message is None or not number_text.isdecimal() or wish not in tuple(Wish):
        return None
    return Request(Wish(wish), message, int(number_text))
