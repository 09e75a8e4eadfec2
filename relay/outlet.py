"""The upstream's DATA for one message: open already, or opened when the first content is to go.

With one recipient the client's DATA went up at once and its 354 came from the upstream. With several the relay gave
the 354 itself, so that the header block can be read before the upstream is in DATA: it may ask for one copy each. What
the upstream says to the late DATA then comes back as the message's final reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from relay.replies import Reply
from relay.upstream import OnReply, UpstreamLink

END_MARK = b".\r\n"


class _State(Enum):
    CLOSED = auto()
    OPENING = auto()
    OPEN = auto()
    REFUSED = auto()


# Python 3.11 looks a member of an Enum up with a Python function; these are looked up with every chunk.
_CLOSED: Final = _State.CLOSED
_OPENING: Final = _State.OPENING
_OPEN: Final = _State.OPEN
_REFUSED: Final = _State.REFUSED


class Outlet:
    is_finished = False  # the final dot was sent: from here on nobody but the upstream knows
    refusal: Reply | None = None  # said to its DATA instead of 354
    _on_final: OnReply | None = None

    def __init__(self, link: UpstreamLink, is_open: bool, final_seconds: float, wait: Callable[[bool], None]) -> None:
        self._link = link
        self._state = _OPEN if is_open else _CLOSED
        self._final_seconds = final_seconds
        self._wait = wait
        self._pending: list[bytes] = []
        self._answered: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._state is _OPEN

    def write(self, content: bytes) -> None:
        """Sends stuffed content."""
        if self._state is _OPEN:
            self._link.write(content)
        elif self._state is not _REFUSED:
            self._pending.append(content)
            self._open()

    async def opened(self) -> None:
        """Opens it, if it is not, and waits for what the upstream says to that."""
        self._open()
        if self._state is _OPENING:
            self._answered = asyncio.get_running_loop().create_future()
            await self._answered

    def finish(self, content: bytes, on_final: OnReply) -> None:
        """Sends the last content and the final dot; ``on_final`` gets the verdict."""
        if self._state is _OPEN:
            self.is_finished = self._link.is_open
            self._link.send(content + END_MARK, on_final, self._final_seconds)
        elif self.refusal is not None:
            on_final(self.refusal)
        else:
            self._on_final = on_final
            self._pending.append(content)
            self._open()

    def _open(self) -> None:
        if self._state is _CLOSED:
            self._state = _OPENING
            self._wait(True)
            self._link.send_data(self._opened)

    def _opened(self, reply: Reply) -> None:
        self._wait(False)
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)
        pending, self._pending = b"".join(self._pending), []
        if reply.code == 354:
            self._state = _OPEN
            if self._on_final is not None:
                self.finish(pending, self._on_final)
            else:
                self._link.write(pending)
            return
        self._state = _REFUSED
        self.refusal = reply
        if reply.fault is None and reply.code != 421:
            # For the client the transaction ends with this verdict; for the upstream, which was sent no message, it
            # does not, and it would refuse the next MAIL.
            self._link.send(b"RSET\r\n", lambda _: None)
        if self._on_final is not None:
            self._on_final(reply)
