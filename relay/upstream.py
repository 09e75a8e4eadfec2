"""One open session with the upstream: bytes out, replies in, each given to whoever asked for it, in order.

Knows nothing of the client. Every command is sent with a callback; exactly one reply comes back to it: the upstream's
own, or, when the upstream is lost, slow or talks nonsense, one of ours that carries a fault. A late answer can thus
never be taken for the answer to the next command: after a fault the connection is gone. Nor can an early one: a reply
that nobody awaited when it arrived is nonsense, even if what was answered before it has had a command sent meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from relay.capabilities import Capabilities
from relay.deadline import Deadline
from relay.replies import Fault, Reply, UpstreamFault
from relay.reply_reader import Nonsense, ReplyReader

_NONE_KNOWN: Final = Capabilities()
OnReply = Callable[[Reply], None]

# So much of a message that lies here whole is written at a time, and so much may wait in a transport: what is written
# after it leaves soon, so that the time for its reply can be taken from then.
PIECE = 64 * 1024
# More than MAIL, as many RCPT as a message may have, and DATA; what waits here has no other bound.
MOST_AWAITED = 2000


class UpstreamOwner(Protocol):
    """Who is told what happens beside the replies."""

    def upstream_answers(self) -> None:
        """Several replies are about to be handed out."""

    def upstream_answered(self, several: bool) -> None:
        """One reply was handed out, or several."""

    def upstream_lost(self, fault: Fault, said: Reply | None) -> None:
        """The connection is gone while no reply was awaited; ``said`` is what the upstream said uninvited."""

    def upstream_full(self, is_full: bool) -> None:
        """Stop sending; go on sending."""

    def incident(self, fault: Fault, detail: str = "") -> Reply:
        """Our own reply for a fault."""

    def broke(self, error: Exception) -> None:
        """Dealing with a reply failed: a bug."""


class UpstreamLink(asyncio.Protocol):
    def __init__(self, owner: UpstreamOwner, reply_seconds: float) -> None:
        self.capabilities = _NONE_KNOWN
        self.reply_seconds = reply_seconds
        self._owner = owner
        self._reader = ReplyReader()
        # Whose reply is to come, oldest first. Seconds None: no command of ours to the upstream, but a reply of the
        # relay that has to keep its turn.
        self.awaited: deque[tuple[OnReply | Callable[[], None], float | None]] = deque()
        self._deadline = Deadline(asyncio.get_running_loop(), self._too_slow)
        self.is_open = True
        self._is_uninvited = False  # the reply of which a part is here: nobody awaited it when it began
        self._corked: list[bytes] | None = None
        self._room: asyncio.Future[None] | None = None  # set while the upstream takes nothing more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @property
    def owes_many(self) -> bool:
        """Whether so many replies are awaited that whoever asks had better wait."""
        return len(self.awaited) >= MOST_AWAITED

    def send(self, data: bytes, on_reply: OnReply, seconds: float | None = None) -> None:
        """Sends one command (or the end of a message) that has one reply."""
        seconds = seconds or self.reply_seconds
        self.awaited.append((on_reply, seconds))
        if not self.is_open:
            self._fail_pending(Fault.UPSTREAM_GONE)
            return
        self._deadline.set(seconds)
        if self._corked is None:
            self._transport.write(data)
        else:
            self._corked.append(data)

    def send_data(self, on_reply: OnReply, line: bytes = b"DATA") -> None:
        """Sends DATA, which is answered with 354 or refused with 4yz or 5yz (RFC 5321 section 4.3.2).

        Any other answer makes no sense, and the connection goes: a 250 would be taken for the message's verdict.
        """

        def answered(reply: Reply) -> None:
            if reply.code != 354 and not 400 <= reply.code <= 599:
                self.abandon()
                reply = self._owner.incident(Fault.UPSTREAM_NONSENSE, "answer to DATA")
            on_reply(reply)

        self.send(line + b"\r\n", answered)

    def hold_back(self, is_on: bool) -> None:
        """Stops and starts reading replies."""
        if not self.is_open:
            return
        if is_on:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def cork(self) -> None:
        """From here on what is sent is collected, so that a pipelined batch goes up in one packet."""
        if self._corked is None:
            self._corked = []

    def uncork(self) -> None:
        out, self._corked = self._corked, None
        if out and self.is_open:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def in_turn(self, act: Callable[[], None]) -> None:
        """Does something when all replies awaited so far are in; at once when there are none."""
        if self.awaited:
            self.awaited.append((act, None))
        else:
            act()

    async def ask(self, line: bytes, seconds: float | None = None) -> Reply:
        """Sends one command line (without CR LF). Raises UpstreamFault when no answer of the upstream's comes."""
        return await self.ask_raw(line + b"\r\n", seconds)

    async def ask_raw(self, data: bytes, seconds: float | None = None) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.send(data, _into(answer), seconds)
        return _unless_fault(await answer)

    async def ask_data(self) -> Reply:
        """Sends DATA: 354 or a refusal. Raises UpstreamFault."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.send_data(_into(answer))
        return _unless_fault(await answer)

    def write(self, data: bytes) -> None:
        """Sends what has no reply of its own: the content of a message."""
        if not self.is_open:
            return
        if self._corked is None:
            self._transport.write(data)
        else:
            self._corked.append(data)

    async def write_all(self, data: bytes) -> None:
        """Sends much, piece by piece as the upstream takes it: what is written next, a final dot, leaves at once."""
        for start in range(0, len(data), PIECE):
            self.write(data[start : start + PIECE])
            while self._room is not None:
                await self._room

    def _give_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            if not room.done():
                room.set_result(None)
            self._owner.upstream_full(False)

    def leave(self) -> None:
        """Says QUIT and closes; nothing is awaited any more."""
        if self.is_open:
            self.uncork()
            self._transport.write(b"QUIT\r\n")
            self.hang_up()

    def hang_up(self) -> None:
        """Closes after the upstream has answered QUIT."""
        self.is_open = False
        self.awaited.clear()
        self._deadline.cancel()
        self._give_room()
        self._transport.close()

    def abandon(self) -> None:
        """Drops the connection at once: a message whose final dot was not sent is not delivered (RFC 5321, 4.1.1.4)."""
        self.is_open = False
        self.awaited.clear()
        self._deadline.cancel()
        self._give_room()
        self._transport.abort()

    def cut(self) -> None:
        """Drops the connection at once, and tells whoever awaits a reply that none will come."""
        self._lose(Fault.STOPPING)

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            return
        try:
            replies = self._reader.feed(data)
        except Nonsense:
            self._lose(Fault.UPSTREAM_NONSENSE)
            return
        several, awaited = len(replies) > 1, self.awaited
        if (
            not (several or self._is_uninvited or self._reader.is_inside_reply)
            and awaited
            and awaited[0][1] is not None
        ):
            invited = 1  # nearly always: what was asked has its reply
        else:
            invited = 0 if self._is_uninvited else self._invited(len(replies) + 1)
            self._is_uninvited = self._reader.is_inside_reply and invited <= len(replies)
        try:
            if several:
                self._owner.upstream_answers()
            for number, reply in enumerate(replies):
                if number >= invited:
                    self._lose(Fault.UPSTREAM_NONSENSE if reply.is_positive else Fault.UPSTREAM_GONE, reply)
                if not self.is_open:
                    break
                awaited.popleft()[0](reply)  # type: ignore[call-arg]
                if awaited:
                    self._turn_to_next()
                elif self._room is None:  # else what the reply let go still has to be taken in, and has its time
                    self._deadline.at = None
            self._owner.upstream_answered(several)
        except Exception as error:
            self._owner.broke(error)

    def _invited(self, most: int) -> int:
        """How many of so many replies are awaited."""
        count = 0
        for _, seconds in self.awaited:
            if count == most:
                break
            count += seconds is not None
        return count

    def _turn_to_next(self) -> None:
        """Says what has its turn now; then the time for the next reply begins."""
        awaited = self.awaited
        while awaited and awaited[0][1] is None:
            awaited.popleft()[0]()  # type: ignore[call-arg]
        if awaited:
            self._deadline.set(awaited[0][1] or self.reply_seconds)
        else:
            self._deadline.at = None

    def eof_received(self) -> bool:
        self._lose(Fault.UPSTREAM_GONE)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(Fault.UPSTREAM_GONE)

    def pause_writing(self) -> None:
        if not self.is_open:
            return
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        self._deadline.set(self.reply_seconds)  # for taking in what is written already
        self._owner.upstream_full(True)

    def resume_writing(self) -> None:
        if not self.is_open:
            return
        if self.awaited:  # what was written last, a final dot, leaves only now: its time begins here
            self._deadline.set(self.awaited[0][1] or self.reply_seconds)
        else:
            self._deadline.at = None
        self._give_room()

    def _too_slow(self) -> None:
        self._lose(Fault.UPSTREAM_SLOW)

    def _lose(self, fault: Fault, said: Reply | None = None) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self._deadline.cancel()
        self._give_room()
        self._transport.abort()
        if self.awaited:
            self._owner.upstream_answers()
            self._fail_pending(fault)
            self._owner.upstream_answered(several=True)
        else:
            self._owner.upstream_lost(fault, said)

    def _fail_pending(self, fault: Fault) -> None:
        while self.awaited:
            callback, seconds = self.awaited.popleft()
            if seconds is None:
                callback()  # type: ignore[call-arg]
            else:
                callback(self._owner.incident(fault))  # type: ignore[call-arg]


def _into(answer: asyncio.Future[Reply]) -> OnReply:
    return lambda reply: None if answer.done() else answer.set_result(reply)


def _unless_fault(reply: Reply) -> Reply:
    if reply.fault is not None:
        raise UpstreamFault(reply.fault)
    return reply
