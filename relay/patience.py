"""Keeps the upstream from giving up while a message is held (docs/decisions/0016).

In DATA it gets one finished header line now and then, before DATA a NOOP. What was sent stands in ``sent`` and must
not be sent again.
"""

from __future__ import annotations

import asyncio

from relay.outlet import Outlet
from relay.upstream import UpstreamLink

SECONDS = 20.0


class Patience:
    """``header`` is the message's header block as it will go up, stuffed, with its blank line."""

    def __init__(self, link: UpstreamLink, outlet: Outlet, header: bytes) -> None:
        self._link = link
        self._outlet = outlet
        self._lines = header.splitlines(keepends=True)[:-1]  # the blank line waits: it could be the body's beginning
        self._lines.reverse()
        self._timer = self._again()
        self.sent = b""

    def stop(self) -> None:
        self._timer.cancel()

    def rest_of(self, content: bytes) -> bytes | None:
        """The content less what was sent; None when that is not its header's beginning, which it must be.

        Fields that were put in front of all others meanwhile (a signature of our own, the request for a receipt) come
        behind what was sent.
        """
        if content.startswith(self.sent):
            return content[len(self.sent) :]
        at = content.find(b"\r\n" + self.sent) + 2
        front, rest = content[:at], content[at + len(self.sent) :]
        if at < 2 or b"\r\n\r\n" in front:
            return None
        field_end = 0  # of the field of which only the first lines were sent
        while rest.startswith((b" ", b"\t"), field_end):
            field_end = rest.index(b"\n", field_end) + 1
        return rest[:field_end] + front + rest[field_end:]

    def _again(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(SECONDS, self._give_sign)

    def _give_sign(self) -> None:
        if self._outlet.is_open:
            if self._lines:
                line = self._lines.pop()
                self._link.write(line)
                self.sent += line
        elif self._link.is_open and not self._link.awaited:
            self._link.send(b"NOOP\r\n", lambda _: None)
        self._timer = self._again()
