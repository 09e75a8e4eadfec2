"""kill -9 at any moment: no answered hit is lost, and no client has a 250 for a message the upstream lacks."""

from __future__ import annotations

import asyncio
import json
import random
import smtplib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.keys import load_keys
from ledger.message_id import MessageId
from ledger.tokens import Purpose, Target, mint
from tests.e2e.installation import Installation
from tests.relay.running_relay import Client
from tests.relay.upstream_servers import Behaves, Talk

GIF = b"GIF"
BROWSER = b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"


@pytest.fixture
def mailglass(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "installation")
    yield installation
    with suppress(AssertionError):
        installation.stop()


MESSAGE = MessageId(bytes(16))  # one that the ledger does not know: its hits are kept all the same


class Visitors:
    """Threads that fetch one pixel after another and remember which were answered."""

    def __init__(self, installation: Installation, count: int) -> None:
        self.answered: set[int] = set()
        self.enough = threading.Event()
        self._ring = load_keys(installation.folder / "var" / "keys")
        self._port = installation.public
        self._pool = ThreadPoolExecutor(count)
        self._visits = [self._pool.submit(self._visit, first, count) for first in range(count)]

    def _visit(self, number: int, step: int) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=60) as connection:
            while True:
                token = mint(self._ring, Purpose.PIXEL, Target(MESSAGE, copy=number))
                request = f"GET /o/{token}.gif HTTP/1.1\r\nHost: t.example.com\r\n".encode() + BROWSER + b"\r\n"
                connection.sendall(request)
                answer = b""
                while GIF not in answer:
                    chunk = connection.recv(4096)
                    if not chunk:
                        return
                    answer += chunk
                self.answered.add(number)
                if len(self.answered) >= 300:
                    self.enough.set()
                number += step

    def wait(self) -> None:
        for visit in self._visits:
            visit.result(timeout=90)
        self._pool.shutdown()


def test_no_answered_hit_is_lost_when_the_process_is_killed_under_load(mailglass: Installation) -> None:
    """Each hit has a copy number of its own, by which it is found again."""
    mailglass.start()
    visitors = Visitors(mailglass, 16)
    assert visitors.enough.wait(30)
    mailglass.kill()
    visitors.wait()

    mailglass.start()
    page = mailglass.command("export", "--format", "json")
    stored = {hit["copy"] for hit in json.loads(page.stdout)}
    assert visitors.answered - stored == set()
    assert len(visitors.answered) >= 300


def _in_front_of(upstream: Behaves, folder: Path) -> Installation:
    where = f'host = "127.0.0.1"\nport = {upstream.port}\nsecurity = "none"\n'
    return Installation(folder / "installation", upstream=where)


async def _greeted(mailglass: Installation) -> Client:
    client = await Client.connect(mailglass.smtp)
    assert (await client.reply()).startswith(b"220")
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"250")
    return client


class TakesAndSaysNothing(Behaves):
    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        await super().on_dot(talk, content)
        await asyncio.Event().wait()
        return b""


async def test_a_message_without_its_verdict_is_in_doubt_once_the_relay_is_there_again(tmp_path: Path) -> None:
    upstream = TakesAndSaysNothing()
    await upstream.start()
    mailglass = _in_front_of(upstream, tmp_path)
    try:
        await asyncio.to_thread(mailglass.start)
        client = await _greeted(mailglass)
        await client.begin()
        assert (await client.ask(b"DATA")).startswith(b"354")
        await client.send(b"X-Track: all\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n.\r\n")
        await upstream.until(lambda: bool(upstream.delivered), seconds=60)
        await asyncio.to_thread(mailglass.kill)
        assert await client.everything() == b""
        client.close()
        await asyncio.to_thread(mailglass.start)
        listed = await asyncio.to_thread(mailglass.command, "messages", "--json")
        assert [one["state"] for one in json.loads(listed.stdout)] == ["in-doubt"]
    finally:
        await asyncio.to_thread(mailglass.stop)
        await upstream.stop()


class GreylistsTheSecond(Behaves):
    async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
        if self.delivered and b"<b@" in line:
            return b"450 4.2.0 Later\r\n"
        return await super().on_rcpt(talk, line)


async def test_copies_whose_file_in_the_spool_is_gone_are_in_doubt_once_the_relay_is_there_again(
    tmp_path: Path,
) -> None:
    upstream = GreylistsTheSecond()
    await upstream.start()
    mailglass = _in_front_of(upstream, tmp_path)
    try:
        await asyncio.to_thread(mailglass.start)
        client = await _greeted(mailglass)
        asking = b"X-Track: all\r\nX-Track-Individually: yes\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n"
        reply = await client.submit(asking + b"\r\n<p>Hello</p>\r\n", b"a@example.net", b"b@example.net")
        assert b"1 of 2 copies sent, 1 waiting" in reply
        client.close()
        await asyncio.to_thread(mailglass.stop)
        (kept,) = (mailglass.folder / "var" / "spool").glob("*.mail")
        for start, state in ((1, "queued"), (2, "partly")):
            await asyncio.to_thread(mailglass.start)
            listed = await asyncio.to_thread(mailglass.command, "messages", "--json")
            assert [one["state"] for one in json.loads(listed.stdout)] == [state], start
            await asyncio.to_thread(mailglass.stop)
            kept.unlink(missing_ok=True)
    finally:
        await asyncio.to_thread(mailglass.stop)
        await upstream.stop()


def send_until_killed(port: int, name: str, accepted: set[str], asked: list[threading.Event]) -> None:
    """One client after another message, until the relay is gone; what it was told 250 for."""
    number = 0
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.com", timeout=60)
    with suppress(OSError, smtplib.SMTPException), client:
        while True:
            mark = f"{name}-{number}"
            tracked = "X-Track: all\r\n" if number % 2 else ""
            text = (
                f"From: ann@example.com\r\nSubject: {mark}\r\n{tracked}MIME-Version: 1.0\r\n"
                f"Content-Type: text/html; charset=utf-8\r\n\r\n<p><a href='https://example.com/'>x</a></p>\r\n"
            )
            client.sendmail("ann@example.com", ["bob@example.net"], text.encode())
            accepted.add(mark)
            number += 1
            if number == 8:
                asked.pop().set()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nobody_has_a_250_for_a_message_the_upstream_lacks(mailglass: Installation, seed: int) -> None:
    mailglass.start()
    accepted: set[str] = set()
    events = [threading.Event() for _ in range(8)]
    waiting = list(events)
    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(send_until_killed, mailglass.smtp, f"client{n}", accepted, waiting) for n in range(8)]
        assert events[random.Random(seed).randrange(8)].wait(30)
        mailglass.kill()
        for client in clients:
            client.result(timeout=90)
    filed = {
        line.removeprefix(b"Subject: ").decode()
        for delivery in mailglass.deliveries()
        for line in mailglass.delivered(delivery).split(b"\r\n")
        if line.startswith(b"Subject: ")
    }
    assert len(accepted) >= 8
    assert accepted - filed == set()
