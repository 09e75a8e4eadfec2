"""One instance per spool: a file lock that the system lets go of when the process ends, however it ends.

Two relays on one spool would deliver every waiting copy twice.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK_NAME = "lock"


class SpoolInUse(BlockingIOError):
    """Another process works on this spool; ``holder`` is its process id, as far as is known."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"another mailglass (process {holder or 'unknown'}) works on {folder}")
        self.holder = holder


class SpoolLock:
    """Holds the spool until ``release`` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises SpoolInUse when another process, or another lock in this one, has it."""
        self._descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # flock, not lockf: it belongs to the open file, so a second spool in the same process is kept out too.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise SpoolInUse(folder, holder) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let go; doing so twice is harmless. The file stays: removing it would let two processes lock two files."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
