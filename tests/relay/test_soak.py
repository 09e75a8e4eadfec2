"""Minutes of random trouble: what was acknowledged is there, and memory stays where it was."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import Behaves, Hangup, Talk

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


class MisbehavesAtRandom(Behaves):
    """Refuses, defers or hangs up now and then, at any command and at the dot."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)

    async def answer(self, talk: Talk, verb: bytes, line: bytes) -> bytes:
        if verb in (b"MAIL", b"RCPT", b"DATA", b"EHLO") and self.random.random() < 0.03:
            return self._trouble()
        return await super().answer(talk, verb, line)

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        if self.random.random() < 0.05:
            return self._trouble()
        return await super().on_dot(talk, content)

    def _trouble(self) -> bytes:
        answer = self.random.choice([b"550 5.0.0 no\r\n", b"451 4.0.0 later\r\n", b""])
        if not answer:
            raise Hangup
        return answer


async def submit_many(relay: RunningRelay, name: int, count: int) -> set[bytes]:
    """The subjects of the messages that were acknowledged."""
    acknowledged = set()
    for number in range(count):
        subject = b"%d-%d" % (name, number)
        asks = b"X-Track: all\r\n" if number % 3 == 0 else b""
        try:
            client = await relay.connect()
            for line in (b"EHLO x", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>", b"DATA"):
                if not (await client.ask(line)).startswith((b"250", b"354")):
                    break
            else:
                reply = await client.ask(asks + b"Subject: " + subject + b"\r\n\r\nHello\r\n.")
                if reply.startswith(b"250"):
                    acknowledged.add(subject)
        except ConnectionError:
            pass
        finally:
            client.close()
            relay.clients.clear()
    return acknowledged


async def test_ten_thousand_messages_and_an_upstream_that_misbehaves(start_relay: StartRelay) -> None:
    """A01: what was acknowledged is there, and nothing is there twice."""
    upstream = MisbehavesAtRandom(seed=1)
    relay = await start_relay(upstream, limits={"upstream_reply": "5s"})
    results = await asyncio.gather(*(submit_many(relay, name, 1000) for name in range(10)))
    delivered = [one.content.split(b"Subject: ")[1].split(b"\r\n")[0] for one in upstream.delivered]
    assert set().union(*results) <= set(delivered)
    assert len(delivered) == len(set(delivered))


async def test_a_message_of_two_hundred_megabytes_streams_in_flat_memory(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """F05. The upstream here throws content away; what grows is the relay's."""

    class Forgets(Behaves):
        async def read_content(self, talk: Talk) -> bytes:
            tail = b""
            while tail[-5:] != b"\r\n.\r\n":
                tail = (tail + await talk.reader.read(2**18))[-5:]
            return b""

    relay = await start_relay(Forgets(), limits={"message_size": "300MB"})
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    piece = (b"y" * 98 + b"\r\n") * 10_000
    await client.send(piece)
    before = _resident_megabytes()
    for _ in range(200):
        await client.send(piece)
    await client.send(b".\r\n")
    assert (await client.reply(60)).startswith(b"250")
    assert _resident_megabytes() - before < 50


def _resident_megabytes() -> float:
    with open(f"/proc/{os.getpid()}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
