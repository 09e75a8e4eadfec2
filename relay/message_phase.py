"""One message, from the 354 to the verdict: what its header block asks for decides whether it streams or is held.

Not asked for: its content goes on chunk by chunk as it came, and waits for nobody but the upstream. Only control
headers to cut: they are cut, the rest streams. Asked for: the content is held and given to the pipeline. Whatever
cannot be accepted is read to its end where that can still be told, and refused then; the upstream's connection is
dropped without a final dot, so nothing of it is delivered.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, assert_never

from ledger.records import Reason
from relay import logbook, message_delivery
from relay.data_reader import DataReader, Taken, stuffed, unstuffed
from relay.failpoints import failpoint
from relay.header_facts import end_of_header
from relay.held import Held, HoldingFull
from relay.limits import network_of
from relay.long_header import LongHeader
from relay.outlet import Outlet
from relay.patience import Patience
from relay.ports import Envelope
from relay.replies import Fault, Refusal, RelayFault, Reply, for_refusal
from relay.resends import Unheard, digest_of, names_itself
from relay.rewriting.plan import Wanted
from relay.upstream import UpstreamLink

if TYPE_CHECKING:
    from relay.pipeline import Delivery
    from relay.session import Session

# What a header block of more octets or lines asks for is not heard, and the message goes on untracked: reading it would
# keep all others waiting, a field takes some microseconds.
LONGEST_HEADER = 256 * 1024
MOST_HEADER_LINES = 5000
MOST_RECEIVED = 50
SLACK = 16 * 1024 * 1024  # read beyond the size limit before the connection is cut
LOWEST_RATE = 500.0  # octets a second, as Postfix's smtpd_min_data_rate


class _How(Enum):
    HEADER = auto()  # not decided yet
    STREAM = auto()
    HOLD = auto()
    DISCARD = auto()


# Python 3.11 looks a member of an Enum up with a Python function; these are looked up with every chunk.
_HEADER: Final = _How.HEADER
_STREAM: Final = _How.STREAM
_HOLD: Final = _How.HOLD
_DISCARD: Final = _How.DISCARD
_NOTHING: Final = Wanted()
_NOT_REQUESTED: Final = Reason.NOT_REQUESTED


class MessagePhase:
    # What most messages never change:
    is_reading = True
    wanted = _NOTHING
    header = b""  # unstuffed
    reason: Reason = _NOT_REQUESTED  # why it streams
    _how = _HEADER
    _header_octets = 0  # stuffed
    _verdict: Reply | None = None  # known before the client has finished
    last_words: Reply | None = None  # the client has finished, but the upstream has left before the dot
    is_lent_past_dot = False  # a copy of it was sent over the link by whoever takes it apart
    delivery: Delivery | None = None  # once it stands on record
    _is_named = False
    _long: LongHeader | None = None
    _held: Held | None = None
    _patience: Patience | None = None

    def __init__(self, session: Session, link: UpstreamLink, is_open: bool) -> None:
        around, transaction = session.around, session.transaction
        self.session = session
        self.link = link
        self.digest = digest_of(session.login, (transaction.mail, *transaction.accepted))
        self.outlet = Outlet(link, is_open, around.final_seconds, session.upstream_opens)
        self._reader = DataReader(around.most_octets, around.longest_line)
        self._head = bytearray()  # as far as it is known, while its end is not

    # From the client

    def received(self, data: bytes) -> None:
        session, reader = self.session, self._reader
        session.client.deadline.extend(len(data) / LOWEST_RATE, session.around.idle_seconds)
        taken = reader.feed(data)
        if reader.refusal is not None:
            self._refuse(reader.refusal, taken)
            return
        content, ended, _ = taken
        if ended:
            self._stop_reading(taken)
        if content:
            self.digest.update(content)
        if content or ended:
            self._pass(content, ended)

    def _stop_reading(self, taken: Taken) -> None:
        self.is_reading = False
        self.session.client.deadline.at = None
        if taken.rest:
            self.session.lines.add(taken.rest)

    def _refuse(self, refusal: Refusal, taken: Taken) -> None:
        self._drop()
        self._discard()
        self._how = _DISCARD
        if self._reader.is_desynchronised or self._reader.octets > self._reader.size_limit + SLACK:
            self.is_reading = False
            self.session.phase = None
            self.session.refuse_session(refusal)
        elif taken.ended:
            self._stop_reading(taken)
            logbook.client_refused(self.session.id, refusal)
            self.conclude(for_refusal(refusal))

    def _pass(self, content: bytes, ended: bool) -> None:
        if self._how is _HEADER:
            before = len(self._head)
            if before:
                self._head += content
            end = end_of_header(self._head if before else content, max(0, before - 3))
            if end < 0 and not ended and before + len(content) < LONGEST_HEADER:
                if not before:
                    self._head += content
                return
            content = self._decide(bytes(self._head) if before else content, end, ended)
            self._head.clear()
        elif self._long is not None:
            content = self._long.feed(content, ended)
        how = self._how
        if how is _STREAM:
            if ended:
                self._finish_stream(content)
            else:
                self.outlet.write(content)
        elif how is _HOLD:
            self._hold(content, ended)
        elif how is _DISCARD:
            if ended and self._verdict is not None:
                self.conclude(self._verdict)
        elif how is _HEADER:
            raise AssertionError("the header has just been decided upon")
        else:
            assert_never(how)

    def _decide(self, content: bytes, end: int, ended: bool) -> bytes:
        """Sets how the message goes on; gives what is to go on of what was read so far."""
        self._how = _STREAM
        if end < 0 and ended:
            end = len(content)
        is_long = not 0 <= end <= LONGEST_HEADER or _has_many_lines(content, end)
        head = content if end < 0 else content[:end]
        lowered = head.lower()
        self._is_named = names_itself(lowered)
        if lowered.count(b"\nreceived:") + lowered.startswith(b"received:") > MOST_RECEIVED:
            self._settle_early(for_refusal(Refusal.LOOP))
            return b""
        pipeline = self.session.around.pipeline
        if is_long:
            self.header = unstuffed(head[:LONGEST_HEADER])
            self.wanted = pipeline.decide(b"")
            self._long = LongHeader(pipeline.is_control, pipeline.control_headers)
            return self._long.feed(content, ended)
        if not pipeline.may_concern(lowered):
            if pipeline.records_untracked:
                self.header = unstuffed(head)
            return content
        self.header, self._header_octets = unstuffed(head), end
        self.wanted = pipeline.decide(self.header)
        if self.wanted.asked:
            self._how = _HOLD
            self._held = Held(self.session.around.holding, pipeline.temporary)
            edited = stuffed(pipeline.with_header_edits(self.header, self.wanted))
            self._patience = Patience(self.link, self.outlet, edited)
            return content
        if not self.wanted.header_edits:
            return content
        return stuffed(pipeline.with_header_edits(self.header, self.wanted)) + content[end:]

    def _hold(self, content: bytes, ended: bool) -> None:
        held = self._held
        if held is None:
            return
        try:
            held.write(content)
        except HoldingFull:
            self._settle_early(self.session.incident(Fault.BUSY))
        except OSError as error:
            self._settle_early(self.session.incident(Fault.DISK, error.strerror or ""))
        if self._how is _DISCARD:
            if ended and self._verdict is not None:
                self.conclude(self._verdict)
        elif held.octets > self.session.around.pipeline.max_octets:
            self._let_go(held, ended)
        elif ended:
            self.session.run(message_delivery.deliver_held(self, held))

    def _let_go(self, held: Held, ended: bool) -> None:
        """Too large to be rewritten: it streams from here on, less its control headers."""
        content = held.take_out()
        self._how, self.reason = _STREAM, Reason.TOO_LARGE
        head = stuffed(self.session.around.pipeline.with_header_edits(self.header, self.wanted))
        self._pass(self.unsent(head + content[self._header_octets :]), ended)

    def unsent(self, content: bytes) -> bytes:
        """What is still to be sent of a held message. Raises RelayFault when something else was sent early."""
        if self._patience is None:
            return content
        self._patience.stop()
        rest = self._patience.rest_of(content)
        if rest is None:
            raise RelayFault(Fault.INTERNAL, "the header changed while the message was held")
        return rest

    def content_has_left(self) -> None:
        """Of a message that was held nothing is here any more."""
        self._discard()

    def fall_silent(self) -> None:
        """Gives the upstream no more signs of life: somebody else talks to it now."""
        if self._patience is not None:
            self._patience.stop()

    # To the upstream

    def _finish_stream(self, content: bytes) -> None:
        if self._long is not None and (self._long.has_cut or self.wanted.asked):
            self.wanted, self.reason = Wanted(asked=True), Reason.TOO_COMPLEX
        if self.is_under_way_already:
            self.session.run(message_delivery.deliver_after_the_first(self, content))
            return
        known = self.session.around.resends.take(self.digest)
        if known is not None:
            self.answer_resend(known)
        elif self.is_recorded:
            self.session.run(message_delivery.deliver_recorded(self, content))
        else:
            self.finish_outlet(content)

    def finish_outlet(self, content: bytes) -> None:
        failpoint("relay.before-dot")
        self.outlet.finish(content, self._streamed)
        failpoint("relay.after-dot")

    @property
    def is_recorded(self) -> bool:
        """Whether it goes on record though it streams."""
        return self.reason is not _NOT_REQUESTED or self.session.around.pipeline.records_untracked

    @property
    def is_under_way_already(self) -> bool:
        """Whether a client that may be gone has sent the same, and what it has heard is not known yet."""
        return self.session.around.resends.is_expected(self.digest, self.session.last_verdict.expected)

    def answer_resend(self, known: Reply) -> None:
        logbook.resend_answered(self.session.id)
        self._drop()
        self.conclude(known)

    def _streamed(self, reply: Reply) -> None:
        failpoint("relay.after-reply")
        if not reply.is_verdict and self.outlet.is_finished:
            self.session.run(message_delivery.doubt(self))
        else:
            self.conclude(reply)

    def envelope(self) -> Envelope:
        session = self.session
        network = network_of(session.client.address)
        return session.transaction.envelope(session.login, session.around.listener, network)

    # The end

    def conclude(self, reply: Reply) -> None:
        """Gives the verdict to the client; with the client gone, keeps it for when the message comes again."""
        if self._held is not None or self._patience is not None:
            self._discard()
        self.session.message_concluded(Unheard(self.digest, reply, self._is_named))

    def fail(self, reply: Reply) -> None:
        """Our own work failed. Before the dot nothing was delivered; after it nobody knows."""
        if self.outlet.is_finished:
            reply = self.session.incident(Fault.IN_DOUBT)
        self._fail_with(reply)

    def _fail_with(self, reply: Reply) -> None:
        self.session.around.later(message_delivery.note_failure(self, self.envelope(), reply))
        self._drop()
        self.conclude(reply)

    def give_up(self) -> None:
        """The client is too slow, or gone, or we are being stopped: before the dot, nothing is delivered."""
        self._drop()
        self._discard()
        self.is_reading = False
        self.session.phase = None

    def cut(self) -> None:
        """The relay is being stopped and waits no longer."""
        if self.outlet.is_finished:
            self.link.cut()  # in doubt, unless the verdict has come in this very turn
        else:
            self.session.cancel_job()
            self._fail_with(self.session.incident(Fault.IN_DOUBT if self.is_lent_past_dot else Fault.CUT_SHORT))

    def client_vanished(self) -> None:
        if self.is_reading:
            self.give_up()
        else:
            self.session.last_verdict.expect(self.digest)

    def upstream_lost(self, fault: Fault, said: Reply | None) -> None:
        """The upstream has left before the final dot: the client hears so when it has finished."""
        refusal = self.outlet.refusal
        if refusal is not None and refusal.fault is None:
            verdict = refusal  # the answer to this message; what was said on leaving concerns the connection
        elif said is not None and 400 <= said.code <= 599:
            verdict = said
        else:
            verdict = self.session.incident(fault)
        if self.is_reading:
            self._settle_early(verdict)
        else:
            self.last_words = verdict

    def _settle_early(self, verdict: Reply) -> None:
        self._drop()
        self._discard()
        self._how = _DISCARD
        self._verdict = verdict

    def _drop(self) -> None:
        """No final dot for this message, so no delivery: the upstream's connection goes."""
        self.link.abandon()
        for why in ("upstream", "opening"):
            self.session.client.hold_back(why, False)

    def _discard(self) -> None:
        if self._patience is not None:
            self._patience.stop()
        if self._held is not None:
            self._held.discard()
            self._held = None

    def upstream_full(self, is_full: bool) -> None:
        """Waiting for the upstream is not the client's slowness."""
        if not self.is_reading:
            return
        if is_full:
            self.session.client.deadline.at = None
        else:
            self.session.client.deadline.set(self.session.around.idle_seconds)


def _has_many_lines(content: bytes, end: int) -> bool:
    # Fewer octets than two for each line hold no such number.
    return end > 2 * MOST_HEADER_LINES and content.count(b"\n", 0, end) > MOST_HEADER_LINES
