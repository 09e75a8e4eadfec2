"""Keeps two instances of one part (relay, pixel server, dashboard) out of the same data folder.

The lock is the kernel's (flock): it goes with the process, however that ends, so nothing has to be cleaned up. The
file stays and tells who has it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mailglass.failures import ConfigurationAtFault, Failed


@contextmanager
def only_instance(data_dir: Path, parts: Sequence[str]) -> Iterator[None]:
    """Holds the locks of these parts. Raises Failed when another process has one, ConfigurationAtFault when the
    folder cannot be used."""
    with ExitStack() as locks:
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in parts:
                locks.enter_context(_locked(data_dir, part))
        except OSError as fault:
            raise ConfigurationAtFault(f"data_dir: cannot use {data_dir}: {fault.strerror or fault}") from None
        yield


@contextmanager
def _locked(data_dir: Path, part: str) -> Iterator[None]:
    descriptor = os.open(data_dir / f"{part}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise Failed(
                f"already running here: another {part} already works in {data_dir} (process {process})"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
