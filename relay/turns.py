"""Which of a client's lines is looked at when. What the lines mean is the session's, which is built upon this.

A line waits while something else is under way, while the client does not read what it is told, and, where the upstream
takes no batches, while that owes a reply. What waits is bounded: then the client is not read.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from relay.client import Client
from relay.command_lines import CommandLines, the_only_line_in
from relay.last_verdict import LastVerdict
from relay.replies import Refusal
from relay.surroundings import Surroundings
from relay.upstream import UpstreamLink

if TYPE_CHECKING:
    from relay.message_phase import MessagePhase

MOST_WAITING = 64 * 1024
MOST_AT_ONCE = 100  # commands of one client before all others have their turn: a millisecond


class Turns(ABC):
    def __init__(self, client: Client, around: Surroundings) -> None:
        self.client = client
        self.around = around
        self.lines = CommandLines()
        self.link: UpstreamLink | None = None
        self.phase: MessagePhase | None = None
        self.is_over = False
        self.is_busy = False  # something is under way: further commands wait
        self._is_unread = False  # so much of what we said was not read that no more is said
        self._is_full = False  # so much waits that the client is not read
        self._is_at_eof = False
        self._line_wanted: asyncio.Future[bytes] | None = None
        self.last_verdict = LastVerdict(client, around.resends)

    def received(self, data: bytes) -> None:
        self.last_verdict.client_goes_on()
        lines, phase = self.lines, self.phase
        if phase is not None and phase.is_reading and not lines.waiting:
            phase.received(data)
            return
        link = self.link
        is_idle = not (self.is_busy or self._is_unread or self.is_over or (link is not None and link.awaited))
        if is_idle and not lines.waiting and self._line_wanted is None:
            line = the_only_line_in(data)
            if line is not None:
                self._take(line)
                return
        lines.add(data)
        self.advance()
        if lines.waiting > MOST_WAITING:
            self._is_full = True
            self.client.hold_back("waiting", True)

    def advance(self) -> None:
        """Works on what the client has sent, as far as that can be done before something else happens."""
        lines, link, is_corked, turns = self.lines, self.link, False, MOST_AT_ONCE
        try:
            while lines.waiting and not self.is_over and not self._must_wait():
                if not turns:
                    self.is_busy = True
                    asyncio.get_running_loop().call_soon(self.release)
                    break
                turns -= 1
                line = lines.next()
                if line is None:
                    break
                if lines.waiting and not is_corked:  # a batch: what comes of it leaves in one packet each way
                    is_corked = True
                    self.client.cork()
                    if link is not None:
                        link.cork()
                self._take(line)
        finally:
            if is_corked:
                self.client.uncork()
                if link is not None:
                    link.uncork()
        self._make_room()
        if self._is_at_eof and not self.is_over and not self._is_owing:
            self.finish(while_sending=True)

    def take_rest(self) -> bytes:
        """All that the client has sent and nobody has read, for whoever reads on otherwise (DATA)."""
        rest = self.lines.take_rest()
        self._make_room()
        return rest

    def _make_room(self) -> None:
        if self._is_full and self.lines.waiting <= MOST_WAITING:
            self._is_full = False
            self.client.hold_back("waiting", False)

    def _must_wait(self) -> bool:
        if self._line_wanted is not None:
            return False
        if self.is_busy or self._is_unread:
            return True
        # Without PIPELINING the upstream gets the next command when it has answered the last (RFC 2920 section 3).
        link = self.link
        return link is not None and bool(link.awaited) and (not link.capabilities.pipelining or link.owes_many)

    @property
    def _is_owing(self) -> bool:
        return self.is_busy or (self.link is not None and bool(self.link.awaited))

    async def next_line(self) -> bytes:
        """The client's next line, whatever it is, for a login. Raises ConnectionResetError."""
        self._line_wanted = asyncio.get_running_loop().create_future()
        wanted = self._line_wanted
        self.advance()
        if self._is_at_eof:
            self._no_more_lines()
        return await wanted

    def _no_more_lines(self) -> None:
        """Ends a login that waits for one."""
        wanted, self._line_wanted = self._line_wanted, None
        if wanted is not None and not wanted.done():
            wanted.set_exception(ConnectionResetError())

    @abstractmethod
    def _take(self, line: bytes | Refusal) -> None:
        """Does what the line says; it has its turn."""

    @abstractmethod
    def release(self) -> None:
        """Goes on with what the client sent meanwhile."""

    @abstractmethod
    def finish(self, while_sending: bool = False) -> None:
        """Ends the session."""
