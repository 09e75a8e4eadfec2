"""How long a message waits for the ledger, all that it has to ask there taken together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEDGER_SECONDS = 2.0  # the contract


class LedgerTime:
    """The time of one message, from its first question on."""

    def __init__(self) -> None:
        self._left = LEDGER_SECONDS

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """For one question. Raises TimeoutError when the time is over, and at once when it was over before."""
        if self._left <= 0:
            raise TimeoutError("the ledger took too long before")
        now = asyncio.get_running_loop().time
        began = now()
        try:
            async with asyncio.timeout(self._left):
                yield
        finally:
            self._left -= now() - began
