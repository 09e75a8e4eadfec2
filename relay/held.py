"""A message that is held until it has been rewritten: in memory up to 1 MB, beyond that in a file without a name.

The file is the process's alone (mode 0600) and its space is free again when it is closed, whatever happens. The
octets of all held messages together are bounded.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from relay.failpoints import failpoint
from relay.limits import Holding

IN_MEMORY = 1024 * 1024


class HoldingFull(Exception):
    """So much is held already that this message cannot be."""


class Held:
    def __init__(self, holding: Holding, folder: Path) -> None:
        self._holding = holding
        self._file: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - see discard
            max_size=IN_MEMORY, dir=str(folder)
        )
        self.octets = 0

    def write(self, content: bytes) -> None:
        """Raises HoldingFull, and OSError when the disk is full."""
        if not self._holding.take(len(content)):
            raise HoldingFull
        self.octets += len(content)
        failpoint("relay.holding")
        self._file.write(content)

    def read(self) -> bytes:
        self._file.seek(0)
        return bytes(self._file.read())

    def take_out(self) -> bytes:
        """All of it. The file is gone; its octets count as held until they are discarded."""
        content = self.read()
        self._file.close()
        return content

    def discard(self) -> None:
        """Twice is as good as once."""
        self._holding.give_back(self.octets)
        self.octets = 0
        self._file.close()
