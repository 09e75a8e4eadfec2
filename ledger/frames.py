"""Values between processes of one installation: length and JSON on a Unix socket that only its owner can open."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from ledger import wire

NAME = "ledger.sock"
LONGEST = 64 * 2**20
LONGEST_SOCKET_PATH = 100  # sun_path has 108 bytes on Linux, 104 on macOS


def socket_path(data_dir: Path) -> Path:
    """``data_dir/ledger.sock``, or a stand-in of the owner's in the temporary folder where that path is too long."""
    path = data_dir.absolute() / NAME
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mailglass-{os.getuid()}" / f"{name}.sock"


def is_safe_place(path: Path) -> bool:
    """Whether only its owner can have put a socket there. Who may write data_dir is its owner's affair; in the
    temporary folder anybody may have made that folder first."""
    if path.name == NAME:
        return True
    try:
        status = path.parent.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def write_frame(writer: asyncio.StreamWriter, value: object) -> None:
    """Raises ConnectionError when nobody is at the other end any more."""
    if writer.is_closing():  # asyncio's own transports take what is written to nobody, uvloop's have words of their own
        raise ConnectionResetError("the other process went away")
    writer.write(frame_of(value))


def frame_of(value: object) -> bytes:
    raw = wire.dump(value)
    return len(raw).to_bytes(4, "big") + raw


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Raises ConnectionError at the end, and ValueError for what is no frame."""
    try:
        length = int.from_bytes(await reader.readexactly(4), "big")
        if length > LONGEST:
            raise ValueError("the frame is too long")
        return wire.load(await reader.readexactly(length))
    except asyncio.IncompleteReadError as end:
        raise ConnectionResetError("the other process went away") from end
