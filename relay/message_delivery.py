"""How a message that has been read gets to the upstream when that takes more than a write: recorded, held, divided.

In doubt is what these coroutines are careful about: after the final dot only the upstream's own 2yz is a success, and
what is not known goes on record before the client hears so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.client_conversation import ClientConversation
from relay.data_reader import stuffed, unstuffed
from relay.failpoints import failpoint
from relay.held import Held
from relay.ledger_time import LedgerTime
from relay.pipeline import Delivery
from relay.ports import Envelope
from relay.replies import Fault, RelayFault, Reply

if TYPE_CHECKING:
    from relay.message_phase import MessagePhase


async def doubt(phase: MessagePhase) -> None:
    """Nobody knows whether the upstream has the message; that goes on record before the client hears it."""
    phase.link.abandon()  # in case it still talks, and nobody knows of what
    reply = phase.session.incident(Fault.IN_DOUBT)
    await note_failure(phase, phase.envelope(), reply)
    failpoint("relay.in-doubt-recorded")
    phase.conclude(reply)


async def note_failure(phase: MessagePhase, envelope: Envelope, reply: Reply) -> None:
    """Puts on record that a message came to nothing, or that it is in doubt."""
    delivery = phase.delivery
    if not phase.outlet.is_finished:
        if delivery is not None:
            await delivery.settle(reply)
    elif delivery is not None:
        await delivery.in_doubt(reply)
    else:
        await phase.session.around.pipeline.record_doubt(envelope, phase.header)


async def deliver_recorded(phase: MessagePhase, content: bytes) -> None:
    pipeline = phase.session.around.pipeline
    delivery = pipeline.begin_untracked(phase.envelope(), phase.header, phase.wanted, phase.reason)
    phase.delivery = delivery
    await delivery.register(LedgerTime())
    reply = await _send(phase, content)
    await _answer_delivery(phase, delivery, reply)


async def deliver_after_the_first(phase: MessagePhase, content: bytes) -> None:
    """The same octets are under way for a client that did not wait: they are sent only if that comes to nothing."""
    known = await _verdict_on_the_first(phase)
    if known is not None:
        phase.answer_resend(known)
    elif phase.is_recorded:
        await deliver_recorded(phase, content)
    else:
        phase.finish_outlet(content)


async def _verdict_on_the_first(phase: MessagePhase) -> Reply | None:
    session = phase.session
    resends = session.around.resends
    if phase.is_under_way_already:
        await resends.settled(phase.digest, session.around.final_seconds)
        if session.is_over:  # it has heard nothing and will come again, or has already: one of them is enough
            phase.give_up()
            raise ConnectionResetError
    return resends.take(phase.digest)


async def deliver_held(phase: MessagePhase, held: Held) -> None:
    known = await _verdict_on_the_first(phase)
    if known is not None:
        copies = phase.session.around.copies
        if copies is not None and phase.wanted.individually:
            await copies.heard(phase.envelope(), unstuffed(held.read()))
        phase.answer_resend(known)
        return
    raw = unstuffed(held.take_out())
    pipeline = phase.session.around.pipeline
    is_divisible = phase.session.around.copies is not None and not phase.outlet.is_open
    time = LedgerTime()
    if is_divisible and await _delivered_apart(phase, raw, time):
        return
    delivery = await pipeline.begin(phase.envelope(), raw, phase.wanted, is_divisible, time)
    del raw  # while the upstream takes its time with the verdict, no content is kept
    phase.delivery = delivery
    failpoint("relay.registered")
    if delivery.refusal is not None:
        phase.fail(phase.session.incident(delivery.refusal))
        return
    await _answer_delivery(phase, delivery, await _send(phase, phase.unsent(stuffed(delivery.take_content()))))


async def _delivered_apart(phase: MessagePhase, raw: bytes, time: LedgerTime) -> bool:
    """One copy for each recipient, if that is asked for and can be done; else nothing has happened yet."""
    copies, envelope = phase.session.around.copies, phase.envelope()
    if copies is None or not phase.wanted.individually or len(envelope.addressees) < 2:
        return False
    prepared = await phase.session.around.pipeline.divide(envelope, raw, phase.wanted, time)
    if prepared is None:
        return False
    phase.fall_silent()  # a NOOP would come to stand in a copy that is being sent
    conversation = ClientConversation(phase.session, phase.link, phase.conclude)
    try:
        reply = await copies.submit(envelope, raw, prepared, conversation, time)
    except RelayFault as fault:
        reply = phase.session.incident(fault.fault, str(fault))
    if not conversation.is_answered:
        phase.conclude(reply)
    return True


async def _send(phase: MessagePhase, content: bytes) -> Reply:
    verdict: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    await phase.outlet.opened()
    if phase.outlet.is_open:
        await phase.link.write_all(content)
        content = b""
        phase.content_has_left()
    if phase.last_words is not None:
        return phase.last_words
    failpoint("relay.before-dot")
    phase.outlet.finish(content, lambda reply: None if verdict.done() else verdict.set_result(reply))
    failpoint("relay.after-dot")
    return await verdict


async def _answer_delivery(phase: MessagePhase, delivery: Delivery, reply: Reply) -> None:
    failpoint("relay.after-reply")
    if not reply.is_verdict and phase.outlet.is_finished:
        await doubt(phase)
        return
    phase.session.around.later(_settle(delivery, reply))  # the client's next message need not wait for the ledger
    phase.conclude(delivery.answer(reply))
    failpoint("relay.after-answer")


async def _settle(delivery: Delivery, reply: Reply) -> None:
    await delivery.settle(reply)
    failpoint("relay.settled")
