"""One client's commands to one upstream's replies, and back.

Decides whose reply goes down when, and what happens when one side is gone. Which command is looked at when: turns.py;
what commands mean: commands.py; what takes its time: hello.py (connecting), authentication.py, message_phase.py,
pipeline.py.

A session has one upstream link at most and never shares it: no mail of one client runs over another's login.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from relay import commands, logbook
from relay.capabilities import Capabilities
from relay.client import Client
from relay.client_conversation import bring_reports, reports_wait
from relay.destination import Credentials
from relay.dialing import Attempt
from relay.replies import Fault, Refusal, RelayFault, Reply, for_fault, for_refusal
from relay.resends import Unheard
from relay.surroundings import Surroundings
from relay.transaction import Transaction
from relay.turns import Turns

MOST_ERRORS = 20


class Session(Turns):
    def __init__(self, client: Client, around: Surroundings) -> None:
        super().__init__(client, around)
        self.id = around.next_session_id()
        self.opening: Attempt | None = None  # to get one
        self.hello = b""  # the client's last accepted EHLO or HELO line
        self.told = Capabilities()  # what the upstream offered then
        self.login = ""
        self.is_logged_in = False
        self.account: Credentials | None = None  # what it logged in with; only where the settings say to keep it
        self.transaction = Transaction()
        self.messages = 0
        self.failed_logins = 0
        self.may_bring_reports = True  # once a session: of copies that only this login's sessions can tell of
        self._errors = 0
        self._faults = 0
        self._job: asyncio.Task[None] | None = None

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

    def half_closed(self) -> bool:
        """The client will say no more; whether it can still hear us, and something is owed to it."""
        self._is_at_eof = True
        if self.phase is not None and self.phase.is_reading:
            return False
        if self.phase is not None:
            self.last_verdict.expect(self.phase.digest)
        else:
            self.last_verdict.client_ends()
        self.advance()
        if self._line_wanted is not None:
            self._no_more_lines()
        return self.last_verdict.is_in_question or (not self.is_over and self._is_owing)

    def content_may_end_early(self) -> None:
        """A message begins whose client has said already that it will say no more: what was not sent never comes."""
        if self._is_at_eof and self.phase is not None and self.phase.is_reading:
            self.phase.give_up()
            self.finish(while_sending=True)

    def vanished(self, error: Exception | None) -> None:
        self.is_over = True
        self.last_verdict.client_left(error)
        self._no_more_lines()
        if self.phase is not None:
            self.phase.client_vanished()
        elif self._job is None:
            self._leave()
        logbook.session_ended(self.id, self.messages)
        self._retire()

    def _retire(self) -> None:
        """Gone from the list of sessions when the client is, and no verdict is awaited any more."""
        if self.client.is_lost and self.phase is None and self._job is None:
            self.last_verdict.settle()
            self.around.sessions.retire(self)

    def stop(self) -> None:
        if not (self._is_owing or self.transaction.is_begun or self.is_over):
            self.finish_with(self.incident(Fault.STOPPING))

    def cut(self) -> None:
        if self.phase is not None:
            self.phase.cut()  # says its own last word, then the session ends
            return
        self.cancel_job()
        if not self.is_over:
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
            logbook.session_refused(self.id, Refusal.IDLE)
            self.last_verdict.question_unconfirmed()
            self.finish_with(for_refusal(Refusal.IDLE))  # at once: what is owed to it, it does not read

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
            self.cancel_job()
            self.finish(while_sending=True)
            return
        if self.phase is not None:
            self.phase.give_up()
        self.finish_with(reply)

    # Commands

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
            if self._is_at_eof:
                self.last_verdict.more_is_said()
            self.client.write(reply.raw)

    def say(self, reply: Reply) -> None:
        """A reply of our own, in its turn behind those the upstream still owes."""
        if self.link is not None and self.link.awaited:
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
        self.finish_in_turn(for_refusal(refusal))

    def finish_in_turn(self, reply: Reply) -> None:
        """The last word, behind the replies that the upstream still owes; no further command is looked at."""
        if self.link is not None and self.link.awaited:
            self.is_busy = True
            self.link.in_turn(lambda: self.finish_with(reply))
        else:
            self.finish_with(reply)

    def finish_with(self, reply: Reply) -> None:
        if not self.is_over:
            if self._is_at_eof:
                self.last_verdict.more_is_said()
            self.client.write(reply.raw)
        self.finish(while_sending=reply.code != 221)

    def finish(self, while_sending: bool = False) -> None:
        self.is_over = True
        self._leave()
        self.client.close(while_sending or self.last_verdict.is_in_question)

    def _leave(self) -> None:
        """The upstream is not needed any more."""
        if self.opening is not None:
            self.opening.give_up()
            self.opening = None
            if asyncio.current_task() is not self._job:
                self.cancel_job()  # it may be waiting for what would have been opened
        if self.link is None:
            return
        if self._job is not None and asyncio.current_task() is not self._job:
            self.link.cut()  # or the job would wait for a reply that nobody takes any more
        else:
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

    def cancel_job(self) -> None:
        if self._job is not None:
            self._job.cancel()

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
            self.finish_in_turn(self.incident(Fault.STOPPING))
            return
        if self.is_logged_in and reports_wait(self):
            self.run(bring_reports(self))
            return
        self.client.deadline.set(self.around.idle_seconds)
        if self.lines.waiting or self._is_at_eof:
            self.advance()

    def message_concluded(self, unheard: Unheard) -> None:
        """A message has its verdict: tells the client, or keeps it for when a client that is gone comes again."""
        reply = unheard.reply
        self.phase = None
        self.transaction.reset()
        self.messages += 1
        logbook.message_passed(self.id, reply.code)
        if self.is_over or (self._is_at_eof and self.client.ask_for_reset()):
            if reply.is_positive:
                self.around.resends.remember(unheard)
        else:
            self.answer(reply)
            self.last_verdict.given(unheard, may_be_gone=self._is_at_eof)
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
            if said is None or said.code != 421:
                said = self.incident(Fault.UPSTREAM_LEFT, fault)
            self.finish_with(said)

    def upstream_opens(self, is_on: bool) -> None:
        """Its DATA is being opened; the client waits so long."""
        self.client.hold_back("opening", is_on)
        if self.phase is not None:
            self.phase.upstream_full(is_on)

    def upstream_full(self, is_full: bool) -> None:
        self.client.hold_back("upstream", is_full)
        if self.phase is not None:
            self.phase.upstream_full(is_full)
