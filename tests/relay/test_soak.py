"""Minutes of random trouble: what was acknowledged is there, and memory stays where it was."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
from pathlib import Path

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
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


class RelayProcess:
    """A relay of its own, so that its memory is its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port

    @classmethod
    async def start(cls, upstream: Behaves, data: Path) -> RelayProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.relay.relay_process", str(upstream.port), str(data),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    @property
    def megabytes(self) -> float:
        return _resident_megabytes(self.process.pid)

    async def stop(self) -> None:
        self.process.kill()
        await self.process.wait()


class KeepsOnlyCounts(Behaves):
    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        reply = await super().on_dot(talk, b"")
        self.commands.clear()
        return reply


async def test_a_thousand_clients_at_once_are_all_served(tmp_path: Path) -> None:
    """F03: a thousand that wait, and then a thousand that send 100 kB each, all at once."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    upstream = KeepsOnlyCounts()
    await upstream.start()
    relay = await RelayProcess.start(upstream, tmp_path / "data")

    async def connected() -> Client:
        client = await Client.connect(relay.port)
        assert (await client.reply(300)).startswith(b"220")
        await client.send(b"EHLO client.example.com\r\n")
        assert (await client.reply(300)).startswith(b"250")
        return client

    clients = list(await asyncio.gather(*(connected() for _ in range(1000))))
    content = b"Subject: x\r\n\r\n" + (b"y" * 98 + b"\r\n") * 1000

    async def send(client: Client) -> bytes:
        await client.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
        for expected in (b"250", b"250", b"354"):
            assert (await client.reply(300)).startswith(expected)
        await client.send(content + b".\r\n")
        return await client.reply(300)

    verdicts = await asyncio.gather(*map(send, clients))
    assert all(verdict.startswith(b"250 2.0.0 Ok: queued") for verdict in verdicts)
    assert len(upstream.delivered) == 1000
    assert relay.megabytes < 500
    for client in clients:
        client.close()
    await relay.stop()
    await upstream.stop()


async def test_fifty_thousand_messages_leave_no_memory_behind(tmp_path: Path) -> None:
    """F08: less than 1 kB for a hundred messages, after a beginning in which everything finds its size."""
    upstream = KeepsOnlyCounts()
    await upstream.start()
    relay = await RelayProcess.start(upstream, tmp_path / "data")

    async def submit(count: int) -> None:
        client = await Client.connect(relay.port)
        await client.reply()
        await client.ask(b"EHLO client.example.com")
        for number in range(count):
            asks = b"X-Track: all\r\n" if number % 5 == 0 else b""
            assert (await client.submit(asks + b"Subject: x\r\n\r\n" + b"y" * 900 + b"\r\n")).startswith(b"250")
        client.close()

    await asyncio.gather(*(submit(2500) for _ in range(4)))
    before = relay.megabytes
    await asyncio.gather(*(submit(12_500) for _ in range(4)))
    assert (relay.megabytes - before) * 1024 < 500
    await relay.stop()
    await upstream.stop()


def _resident_megabytes(process: int | str = "self") -> float:
    with open(f"/proc/{process}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
