"""Threats against the public port, over real sockets: what strangers send, and what comes of it."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.load import load
from config.settings import Settings
from ledger.journal import Journal, left_behind, read_journal
from ledger.message_id import MessageId, mint_message_id
from ledger.records import LinkRecord, MessageRecord, State
from ledger.shared import SharedLedger, open_ledger
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar, destination_of
from pixel_server.public.app import PublicServer
from pixel_server.public.second_looks import SecondLooks

BASE = "http://127.0.0.1"
FIREFOX = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
RING = KeyRing({1: b"k" * 32})
SPACES = "https://example.com/our offer/plan B.pdf?for=mia roe"
ALLOWED = {200, 302, 400, 404, 405, 413, 429}


@dataclass(frozen=True)
class Site:
    settings: Settings
    ledger: SharedLedger
    server: PublicServer
    urls: TrackingUrls

    async def ask(self, raw: str | bytes, seconds: float = 5.0) -> bytes:
        """Everything that comes back until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(raw if isinstance(raw, bytes) else raw.encode("latin-1"))
        answer = b""
        try:
            async with asyncio.timeout(seconds):
                while data := await reader.read(65536):
                    answer += data
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return answer

    async def get(self, url: str, *lines: str) -> bytes:
        more = "".join(f"{line}\r\n" for line in lines)
        path = url.removeprefix(BASE)
        return await self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n{FIREFOX}{more}Connection: close\r\n\r\n")

    def hits(self) -> list[tuple[str, str]]:
        database = sqlite3.connect(self.settings.data_dir / "mailglass.db")
        try:
            return database.execute("SELECT class, rule FROM hit ORDER BY seq").fetchall()
        finally:
            database.close()


@asynccontextmanager
async def site(folder: Path, *, accepted: bool = True, submitted: timedelta = timedelta(hours=1),
               network: str = "", extra: str = "", links: int = 1) -> AsyncIterator[Site]:  # fmt: skip
    config = folder / "relay.toml"
    config.write_text(
        'data_dir = "var"\n[upstream.default]\nsandbox = true\n[pixel_server]\nbind = "127.0.0.1:0"\n' + extra, "utf-8"
    )
    settings = load(config, {})
    ledger = await open_ledger(settings)
    ledger.patience_seconds = 5  # this machine may be busy; what is asked here is not how long it takes
    looks = SecondLooks(settings, ledger)
    looks.start()
    server = PublicServer(settings, ledger, lambda: RING)
    await server.start()
    at = datetime.now(UTC) - submitted
    message = mint_message_id(round(at.timestamp() * 1000), os.urandom(10))
    plain = (LinkRecord(number, f"https://example.com/{number}", tracked=True) for number in range(1, links + 1))
    link_list = (*plain, LinkRecord(links + 1, SPACES, tracked=True))
    await ledger.register(MessageRecord(message, at, "hanna@example.com", ("mia@example.net",), opens=True, links=True,
                                        link_list=link_list, client_network=network))  # fmt: skip
    if accepted:
        await ledger.settle(message, State.SENT, "250 2.0.0 Ok", at)
    try:
        yield Site(settings, ledger, server, TrackingUrls(UrlGrammar(BASE), RING, message))
    finally:
        await server.close()
        await looks.close()
        await ledger.close()


async def test_a_destination_with_spaces_is_followed_as_it_was_written(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        destination = destination_of(SPACES)
        assert destination == SPACES
        answer = await here.get(here.urls.link(2, destination))
        assert answer.startswith(b"HTTP/1.1 302 ")
        assert f"\r\nLocation: {SPACES}\r\n".encode() in answer


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE<script>\r\n\r\n",
        b"GET /o/<script>alert(1)</script> HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /o/\x00<script> HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /o/x HTTP/1.1\r\nHost: <script>\r\nHost: b\r\n\r\n",
        b"GET /o/x HTTP/1.1\r\n<script>\r\n\r\n",
        b"GET /c/x?u=<script> HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /o/x HTTP/1.1\r\nHost: x\r\nContent-Length: -5<script>\r\n\r\n",
        b"POST /o/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked<script>\r\n\r\n0\r\n\r\n",
        b"GET /" + b"<script>" * 1200 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /o/x HTTP/1.1\r\nHost: x\r\n" + b"X-<script>: y\r\n" * 200 + b"\r\n",
        b"POST /c/x HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
        b"<script>",
        b"\x16\x03\x01<script>\r\n\r\n",
    ],
)
async def test_nothing_of_a_bad_request_comes_back_or_stands_in_the_log(
    tmp_path: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with site(tmp_path) as here:
        answer = await here.ask(raw, 3.0)
    assert b"script" not in answer
    assert b"Server:" not in answer
    for status in re.findall(rb"HTTP/\d\.\d (\d+)", answer):
        assert int(status) in ALLOWED
    for record in caplog.records:
        assert "script" not in record.getMessage()
        assert record.exc_info is None
        assert "\n" not in record.getMessage()


async def test_a_thousand_requests_in_one_packet_are_all_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(tmp_path) as here:
        one = "GET /c/ HTTP/1.1\r\nHost: a\r\n\r\n"
        last = "GET /c/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        answer = await here.ask(one * 1500 + last, 20.0)
        assert answer.count(b"HTTP/1.1 404 ") == 1501
        pixel = here.urls.pixel().removeprefix(BASE)
        answer = await here.ask(
            f"GET {pixel} HTTP/1.1\r\nHost: a\r\n{FIREFOX}\r\n" * 20 + last,
            20.0,
        )
        assert answer.count(b"HTTP/1.1 200 ") == 20
        assert len(here.hits()) == 20
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_who_does_not_read_the_answers_gets_no_more_of_them(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.server.port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        one = b"GET /c/ HTTP/1.1\r\nHost: a\r\n\r\n"
        chunk, sent = one * 100, 0
        try:
            async with asyncio.timeout(2):
                while True:  # ends when the server takes no more: then its and our buffers are full
                    writer.write(chunk)
                    sent += len(chunk)
                    await writer.drain()
        except TimeoutError:
            pass
        (connection,) = here.server._lean
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() < 2**18
        assert len(connection._waiting) < 2**18
        # Who begins to read again is answered again, in full.
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        answers = 0
        async with asyncio.timeout(60):
            while answers < sent // len(one):
                answers += (await reader.readuntil(b"nothing here.\n")).count(b"HTTP/1.1 404 ")
        writer.close()


async def test_a_body_that_comes_drop_by_drop_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixel_server.public.forms.BODY_SECONDS", 0.3)
    async with site(tmp_path) as here:
        page = here.urls.page().removeprefix(BASE)
        form = "Content-Type: application/x-www-form-urlencoded\r\n"
        answer = await here.ask(f"POST {page} HTTP/1.1\r\nHost: a\r\n{form}Content-Length: 100\r\n\r\ndo", 10.0)
        assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("kind", ["text/plain; charset=bogus", "application/x-www-form-urlencoded; charset=bogus",
                                  "multipart/form-data; boundary=x", "multipart/form-data"])  # fmt: skip
async def test_a_body_of_any_kind_is_answered_plainly(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(tmp_path) as here:
        page = here.urls.page().removeprefix(BASE)
        body = "--x\r\n\xff\xfe\r\n\r\ndo"
        head = f"POST {page} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        answer = await here.ask(f"{head}Connection: close\r\n\r\n{body}", 5.0)
        assert int(answer[9:12]) in ALLOWED


async def test_before_the_upstream_has_accepted_only_a_filter_can_have_the_message(tmp_path: Path) -> None:
    async with site(tmp_path, accepted=False, submitted=timedelta(seconds=2)) as here:
        await here.get(here.urls.pixel())
        assert here.hits() == [("security-scanner", "R04")]


async def test_a_verdict_of_the_upstream_that_was_never_heard_accuses_nobody(tmp_path: Path) -> None:
    async with site(tmp_path, accepted=False, submitted=timedelta(hours=1)) as here:
        await here.get(here.urls.pixel())
        assert here.hits() == [("human", "R22")]


@pytest.mark.parametrize(
    ("network", "reader", "rule"),
    [
        ("203.0.113.9", "203.0.113.9", "R18"),
        ("203.0.113.9", "203.0.113.10", "R22"),
        ("2001:db8:1:2", "2001:db8:1:2::77", "R18"),  # as the relay writes it
        ("2001:db8:1:2::/64", "2001:db8:1:2::77", "R18"),  # as a session of the page has it
        ("2001:db8:1:3::/64", "2001:db8:1:2::77", "R22"),
    ],
)
async def test_the_senders_own_address_is_known_however_it_is_written(
    tmp_path: Path, network: str, reader: str, rule: str
) -> None:
    proxies = 'trusted_proxies = ["127.0.0.0/8"]\n'
    async with site(tmp_path, network=network, extra=proxies) as here:
        await here.get(here.urls.pixel(), f"X-Forwarded-For: {reader}")
        assert [found for _, found in here.hits()] == [rule]


def test_a_journal_is_never_seen_before_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another process looks for files that were left behind just when this one has made its own.
    seen: list[list[Path]] = []
    lock = fcntl.flock

    def look_then_lock(handle: int, how: int) -> None:
        if not seen:
            seen.append([])
            seen[0] = left_behind(tmp_path)
        lock(handle, how)

    monkeypatch.setattr("ledger.journal.fcntl.flock", look_then_lock)
    journal = Journal(tmp_path)
    journal.open()
    assert seen == [[]]
    journal.append(["kept"])
    assert left_behind(tmp_path) == []
    journal.rotate()
    (path,) = left_behind(tmp_path)
    assert list(read_journal(path)) == ["kept"]


def test_a_journal_is_read_line_by_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([MessageId(bytes(16)), ("row", 3)])
    journal.append(["later"])
    journal.rotate()
    (path,) = left_behind(tmp_path)
    with path.open("r+b") as file:  # a torn line in between
        raw = file.read()
        file.seek(raw.index(b"\n") + 1 + 12)
        file.write(b"#")
    values = read_journal(path)
    assert next(values) == MessageId(bytes(16))
    assert list(values) == ["later"]


async def test_a_burst_that_went_to_the_journal_is_found_out_when_it_is_replayed(tmp_path: Path) -> None:
    proxies = 'trusted_proxies = ["127.0.0.0/8"]\n'
    async with site(tmp_path, extra=proxies, links=3) as here:
        locked = sqlite3.connect(here.settings.data_dir / "mailglass.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        for number in (1, 2, 3):
            await here.get(here.urls.link(number, f"https://example.com/{number}"), "X-Forwarded-For: 203.0.113.9")
        locked.execute("COMMIT")
        locked.close()
        async with asyncio.timeout(20):
            while len(here.hits()) < 3 or not all(rule == "R16" for _, rule in here.hits()):
                await asyncio.sleep(0.05)


async def test_what_a_burst_changes_is_written_before_the_server_is_gone(tmp_path: Path) -> None:
    async with site(tmp_path, extra='trusted_proxies = ["127.0.0.0/8"]\n', links=3) as here:
        for number in (1, 2, 3):
            await here.get(here.urls.link(number, f"https://example.com/{number}"), "X-Forwarded-For: 203.0.113.9")
    assert [rule for _, rule in here.hits()] == ["R16"] * 3
