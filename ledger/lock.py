"""Which process of an installation writes the ledger: the one that holds this lock. It goes with the process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class WriterLock:
    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "ledger.lock"
        self._handle: int | None = None

    def take(self) -> bool:
        """Whether this process writes from here on; never waits. Raises OSError when the folder cannot be written."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def give_back(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = None
