"""One client's commands to one upstream's replies, and back.

Keeps the order: which command is looked at when, whose reply goes down when, and what happens when one side is gone.
What commands mean is elsewhere: commands.py, and what takes its time: hello.py (connecting), authentication.py,
message_phase.py, pipeline.py.

A session has one upstream link at most and never shares it: no mail of one client runs over another's login.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from relay import commands, logbook
from relay.client import Client
from relay.client_conversation import bring_reports, reports_wait
from relay.command_lines import CommandLines, the_only_line_in
from relay.destination import Credentials
from relay.dialing import Attempt
from relay.last_verdict import LastVerdict
from relay.message_phase import MessagePhase
from relay.replies import UPSTREAM_HAS_LEFT, Fault, Refusal, RelayFault, Reply, for_fault, for_refusal
from relay.resends import Unheard
from relay.surroundings import Surroundings
from relay.transaction import Transaction
from relay.upstream import UpstreamLink

MOST_ERRORS = 20
MOST_WAITING = 64 * 1024
MOST_AT_ONCE = 100  # commands of one client before all others have their turn: a millisecond


class Session:
    def __init__(self, client: Client, around: Surroundings) -> None:
        self.client = client
        self.around = around
        self.id = around.next_session_id()
        self.lines = CommandLines()
        self.link: UpstreamLink | None = None
        self.opening: Attempt | None = None  # to get one
        self.hello = b""  # the client's last accepted EHLO or HELO line
        self.login = ""
        self.is_logged_in = False
        self.account: Credentials | None = None  # what it logged in with; only where the settings say to keep it
        self.transaction = Transaction()
        self.phase: MessagePhase | None = None
        self.messages = 0
        self.failed_logins = 0
        self.is_over = False
        self._is_unread = False  # so much of what we said was not read that no more is said
        self._is_full = False  # so much waits that the client is not read
        self.is_busy = False  # something is under way: further commands wait
        self.may_bring_reports = True  # once a session: of copies that only this login's sessions can tell of
        self._is_at_eof = False
        self._errors = 0
        self._faults = 0
        self._job: asyncio.Task[None] | None = None
        self._line_wanted: asyncio.Future[bytes] | None = None
        self._verdict = LastVerdict(client, around.resends)

    # What the connection tells

    def begin(self, is_admitted: bool) -> None:
        self.around.sessions.add(self)
        if not is_admitted:
            self.refuse_session(Refusal.TOO_MANY_CONNECTIONS)
        elif self.around.is_stopping:
            self.finish_with(self.incident(Fault.STOPPING))
        else:
            self.client.write(self.around.greeting)
            self.client.deadline.set(self.around.idle_seconds)

    def received(self, data: bytes) -> None:
        self._verdict.unheard = None
        lines, phase = self.lines, self.phase
        if phase is not None and phase.is_reading and not lines.waiting:
            phase.received(data)
            return
        if not lines.waiting and self._line_wanted is None and not self._must_wait() and not self.is_over:
            line = the_only_line_in(data)
            if line is not None:
                self._take(line)
                return
        lines.add(data)
        self.advance()
        if lines.waiting > MOST_WAITING:
            self._is_full = True
            self.client.hold_back("waiting", True)

    def half_closed(self) -> bool:
        """The client will say no more; whether it can still hear us, and something is owed to it."""
        self._is_at_eof = True
        if self.phase is not None and self.phase.is_reading:
            return False
        self.advance()
        if self._line_wanted is not None:
            self._no_more_lines()
        return not self.is_over and self._is_owing

    def content_may_end_early(self) -> None:
        """A message begins whose client has said already that it will say no more: what was not sent never comes."""
        if self._is_at_eof and self.phase is not None and self.phase.is_reading:
            self.phase.give_up()
            self.finish(while_sending=True)

    def vanished(self, error: Exception | None) -> None:
        self.is_over = True
        self._verdict.client_left(error, self._is_at_eof)
        self._no_more_lines()
        if self.phase is not None:
            self.phase.client_vanished()
        elif self._job is None:
            self._leave()
        logbook.session_ended(self.id, self.messages)
        self._retire()

    def _no_more_lines(self) -> None:
        """Ends a login that waits for one."""
        wanted, self._line_wanted = self._line_wanted, None
        if wanted is not None and not wanted.done():
            wanted.set_exception(ConnectionResetError())

    def _retire(self) -> None:
        """Gone from the list of sessions when the client is, and no verdict is awaited any more."""
        if self.client.is_lost and self.phase is None and self._job is None:
            self.around.sessions.retire(self)

    def stop(self) -> None:
        if not (self._is_owing or self.transaction.is_begun or self.is_over):
            self.finish_with(self.incident(Fault.STOPPING))

    def cut(self) -> None:
        if self._job is not None:
            self._job.cancel()
        if self.phase is not None:
            self.phase.cut()  # says its own last word, then the session ends
        elif not self.is_over:
            self.finish_with(self.incident(Fault.STOPPING))

    def fell_silent(self) -> None:
        if self.phase is not None and self.phase.is_reading:
            self.phase.give_up()
            self.refuse_session(Refusal.SLOW_DATA)
        elif self._is_owing and not self._is_unread and self._line_wanted is None:
            self.client.deadline.set(
                self.around.idle_seconds
            )  # it waits for us, or for the upstream, which has a time of its own
        else:
            self._verdict.keep_unconfirmed()
            self.refuse_session(Refusal.IDLE)

    def client_is_full(self, is_full: bool) -> None:
        """The client does not read what we say: it gets no more to read until it does."""
        self._is_unread = is_full
        if self.is_over:
            return
        self.client.hold_back("unread", is_full)
        if self.link is not None and (self.phase is None or not is_full):  # a verdict is listened to in any case
            self.link.hold_back(is_full)
        if not is_full:
            self.advance()

    def broke(self, error: Exception) -> None:
        """A bug of ours. What was under way is not sent, and the session cannot go on: its state is not known."""
        reply = self._unexpected(error)
        if self.phase is not None and not self.phase.is_reading:
            self.phase.fail(reply)  # answers the client
            self.finish(while_sending=True)
            return
        if self.phase is not None:
            self.phase.give_up()
        self.finish_with(reply)

    # Commands

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

    def _make_room(self) -> None:
        if self._is_full and self.lines.waiting <= MOST_WAITING:
            self._is_full = False
            self.client.hold_back("waiting", False)

    def take_rest(self) -> bytes:
        """All that the client has sent and nobody has read, for whoever reads on otherwise (DATA)."""
        rest = self.lines.take_rest()
        self._make_room()
        return rest

    def _must_wait(self) -> bool:
        if self._line_wanted is not None:
            return False
        if self.is_busy or self._is_unread:
            return True
        # Without PIPELINING the upstream gets the next command when it has answered the last (RFC 2920 section 3).
        link = self.link
        return link is not None and link.is_awaiting and (not link.capabilities.pipelining or link.owes_many)

    @property
    def _is_owing(self) -> bool:
        return self.is_busy or (self.link is not None and self.link.is_awaiting)

    def _take(self, line: bytes | Refusal) -> None:
        self.client.deadline.set(self.around.idle_seconds)
        if isinstance(line, Refusal):
            self.refuse_session(line)
        elif self._line_wanted is not None:
            wanted, self._line_wanted = self._line_wanted, None
            wanted.set_result(line)
        else:
            commands.execute(self, line)

    # What is said, and what is passed on

    def pass_on(self, line: bytes, answered: Callable[[Reply], None] | None = None) -> None:
        """Sends the client's line up; its reply goes down when it comes, or to ``answered`` which sends it down."""
        if self.link is not None:
            self.link.send(line + b"\r\n", answered or self.answer)

    def answer(self, reply: Reply) -> None:
        """Gives the client a reply of the upstream. After 421 nothing can follow (RFC 5321 section 3.8)."""
        if reply.code == 421:
            self.finish_with(reply)
        else:
            self.client.write(reply.raw)

    def say(self, reply: Reply) -> None:
        """A reply of our own, in its turn behind those the upstream still owes."""
        if self.link is not None and self.link.is_awaiting:
            self.link.in_turn(lambda: self.answer(reply))
        else:
            self.answer(reply)

    def refuse(self, refusal: Refusal, counts: bool = True) -> None:
        self._errors += counts
        if self._errors > MOST_ERRORS:
            self.refuse_session(Refusal.TOO_MANY_ERRORS)
        else:
            self.say(for_refusal(refusal))

    def refuse_session(self, refusal: Refusal) -> None:
        logbook.session_refused(self.id, refusal)
        self.finish_with(for_refusal(refusal))

    def finish_with(self, reply: Reply) -> None:
        if not self.is_over:
            self.client.write(reply.raw)
        self.finish(while_sending=reply.code != 221)

    def finish(self, while_sending: bool = False) -> None:
        self.is_over = True
        self._leave()
        self.client.close(while_sending)

    def _leave(self) -> None:
        """The upstream is not needed any more."""
        if self.opening is not None:
            self.opening.give_up()
            self.opening = None
        if self.link is not None:
            self.link.leave()

    def incident(self, fault: Fault, detail: str = "") -> Reply:
        self._faults += 1
        incident = f"{self.id}.{self._faults}"
        logbook.fault(incident, self.id, fault, detail)
        return for_fault(fault, incident)

    # What takes its time

    def run(self, job: Coroutine[object, object, None]) -> None:
        """Lets a job have the session; further commands wait until it is done."""
        self.is_busy = True
        self._job = asyncio.get_running_loop().create_task(self._guarded(job))

    async def _guarded(self, job: Coroutine[object, object, None]) -> None:
        try:
            await job
        except RelayFault as fault:
            self.fail(self.incident(fault.fault, str(fault)))
        except ConnectionResetError:
            pass  # the client is gone
        except Exception as error:
            self.fail(self._unexpected(error))
        finally:
            self._job = None
            self.release()

    def _unexpected(self, error: Exception) -> Reply:
        self._faults += 1
        logbook.unexpected(f"{self.id}.{self._faults}", self.id, error)
        return for_fault(Fault.INTERNAL, f"{self.id}.{self._faults}")

    def fail(self, reply: Reply) -> None:
        """A job could not do its work: its message, if there is one, is not sent."""
        if self.phase is not None:
            self.phase.fail(reply)
        else:
            self.say(reply)

    def release(self) -> None:
        """Goes on with what the client sent meanwhile."""
        if self.phase is not None:
            return
        self.is_busy = False
        if self.is_over:
            self._leave()
            self._retire()
            return
        if self.around.is_stopping and not self.transaction.is_begun:
            self.finish_with(self.incident(Fault.STOPPING))
            return
        if reports_wait(self):
            self.run(bring_reports(self))
            return
        self.client.deadline.set(self.around.idle_seconds)
        self.advance()

    async def next_line(self) -> bytes:
        """The client's next line, whatever it is, for a login. Raises ConnectionResetError."""
        self._line_wanted = asyncio.get_running_loop().create_future()
        wanted = self._line_wanted
        self.advance()
        if self._is_at_eof:
            self._no_more_lines()
        return await wanted

    def message_concluded(self, unheard: Unheard) -> None:
        """A message has its verdict: tells the client, or keeps it for when a client that is gone comes again."""
        reply = unheard.reply
        self.phase = None
        self.transaction.reset()
        self.messages += 1
        logbook.message_passed(self.id, reply.code)
        if self.is_over:
            if reply.is_positive:
                self.around.resends.remember(unheard)
        else:
            self._verdict.unheard = unheard if reply.is_positive else None
            self.answer(reply)
            if self._is_at_eof:  # perhaps gone: kept until it is known that the reply arrived
                self._verdict.keep()
        if self._job is None:
            self.release()

    # What the upstream link tells

    def upstream_answers(self) -> None:
        self.client.cork()

    def upstream_answered(self, several: bool) -> None:
        if several:
            self.client.uncork()
        if not self.is_busy and (self.lines.waiting or self._is_at_eof):
            self.advance()

    def upstream_lost(self, fault: Fault, said: Reply | None) -> None:
        if self.phase is not None:
            self.phase.upstream_lost(fault, said)
        elif self.is_logged_in and self.around.accounts is None and not self.is_over:
            # No password is kept, so nobody could log in again: the client has to.
            self.finish_with(said if said is not None and said.code == 421 else UPSTREAM_HAS_LEFT)

    def upstream_opens(self, is_on: bool) -> None:
        """Its DATA is being opened; the client waits so long."""
        self.client.hold_back("opening", is_on)
        if self.phase is not None:
            self.phase.upstream_full(is_on)

    def upstream_full(self, is_full: bool) -> None:
        self.client.hold_back("upstream", is_full)
        if self.phase is not None:
            self.phase.upstream_full(is_full)
