"""Minutes of random trouble: what was acknowledged is there, and memory stays where it was."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import linear_regression

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import Behaves, Forgets, Hangup, Talk

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


async def test_a_message_of_two_hundred_megabytes_streams_in_flat_memory(start_relay: StartRelay) -> None:
    """F05. The upstream here throws content away; what grows is the relay's."""
    relay = await start_relay(Forgets(), limits={"message_size": "300MB"})
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    piece = (b"y" * 98 + b"\r\n") * 10_000
    await client.send(piece)
    before = _resident_kilobytes()
    for _ in range(200):
        await client.send(piece)
    await client.send(b".\r\n")
    assert (await client.reply(60)).startswith(b"250")
    assert (_resident_kilobytes() - before) / 1024 < 50


# For each read asyncio's own loop (not uvloop) takes 256 kB and gives back what was not needed. By itself glibc moves
# such pieces from pages of their own into its heap, which then splinters and grows for fifty thousand messages by the
# 50 octets each that a leak might be (mallopt(3), M_MMAP_THRESHOLD).
TIDY = {"MALLOC_MMAP_THRESHOLD_": "131072"}


class RelayProcess:
    """A relay of its own, so that its memory is its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port

    @property
    def kilobytes(self) -> int:
        return _resident_kilobytes(self.process.pid)

    async def blocks(self) -> int:
        """How many blocks of memory Python's objects have."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGUSR1)
        return int(await self.process.stdout.readline())


@asynccontextmanager
async def relay_of_its_own(upstream: Behaves, data: Path) -> AsyncIterator[RelayProcess]:
    """With its upstream; both are gone afterwards, whatever the test finds."""
    await upstream.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.relay.relay_process", str(upstream.port), str(data),
        stdout=asyncio.subprocess.PIPE, env=os.environ | TIDY,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield RelayProcess(process, int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()
        await upstream.stop()


class KeepsOnlyCounts(Behaves):
    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        reply = await super().on_dot(talk, b"")
        self.commands.clear()
        return reply


async def test_a_thousand_clients_at_once_are_all_served(tmp_path: Path) -> None:
    """F03: a thousand that wait, and then a thousand that send 100 kB each, all at once."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    upstream = KeepsOnlyCounts()
    async with relay_of_its_own(upstream, tmp_path / "data") as relay:
        await serve_a_thousand(relay)
        assert len(upstream.delivered) == 1000
        assert relay.kilobytes < 500 * 1024


async def serve_a_thousand(relay: RelayProcess) -> None:
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
    for client in clients:
        client.close()


async def test_fifty_thousand_messages_leave_no_memory_behind(tmp_path: Path) -> None:
    """F08: not one object for a hundred messages, and of resident memory less than 1 kB."""
    async with relay_of_its_own(KeepsOnlyCounts(), tmp_path / "data") as relay:
        await submit_from_four_clients(relay, 10_000)  # until everything has found its size
        blocks, sizes = await relay.blocks(), [relay.kilobytes]
        for _ in range(10):
            await submit_from_four_clients(relay, 5000)
            sizes.append(relay.kilobytes)
        assert await relay.blocks() - blocks < 500
        assert linear_regression(range(len(sizes)), sizes).slope / 50 < 1, sizes


async def submit_from_four_clients(relay: RelayProcess, count: int) -> None:
    await asyncio.gather(*(submit_from_one_client(relay, count // 4) for _ in range(4)))


async def submit_from_one_client(relay: RelayProcess, count: int) -> None:
    client = await Client.connect(relay.port)
    await client.reply()
    await client.ask(b"EHLO client.example.com")
    for number in range(count):
        asks = b"X-Track: all\r\n" if number % 5 == 0 else b""
        assert (await client.submit(asks + b"Subject: x\r\n\r\n" + b"y" * 900 + b"\r\n")).startswith(b"250")
    client.close()


def _resident_kilobytes(process: int | str = "self") -> int:
    """Counted page by page: what ``status`` says may be some hundred kilobytes wrong (proc(5))."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:"))
