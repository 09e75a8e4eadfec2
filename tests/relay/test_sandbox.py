"""The sandbox upstream over real sockets, as the relay sees it."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ledger.outbox import Outbox
from relay.sandbox import Sandbox

MESSAGE = b"Subject: x\r\n\r\nh\xc3\xa9llo\r\n.dot\r\n" + b"y" * 5000 + b"\r\n"


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    server = Sandbox(Outbox(tmp_path / "outbox"), max_bytes=100_000)
    await server.start()
    yield server
    await server.stop()


def dialog(port: int, *commands: bytes) -> list[bytes]:
    """The reply to each command, after a greeting and EHLO."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.com") as client:
        client.ehlo()
        return [b"%d " % code + text for code, text in (client.docmd(command.decode()) for command in commands)]


async def test_it_offers_what_a_good_server_offers(sandbox: Sandbox) -> None:
    def features() -> dict[str, str]:
        with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
            client.ehlo()
            return client.esmtp_features

    offered = await asyncio.to_thread(features)
    assert {"size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes", "auth"} <= set(offered)
    assert set(offered["auth"].split()) == {"PLAIN", "LOGIN"}
    assert offered["size"] == "100000"
    assert not {"chunking", "binarymime", "starttls"} & set(offered)


async def test_a_message_is_on_disk_when_it_says_250(sandbox: Sandbox, tmp_path: Path) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
            client.login("anybody", "any password")
            client.sendmail("ann@example.com", ["bob@example.net"], MESSAGE)
            (delivery,) = Outbox(tmp_path / "outbox").list()
            assert delivery.sender == "ann@example.com"
            assert delivery.recipients == ("bob@example.net",)
            assert Outbox(tmp_path / "outbox").read(delivery.id) == MESSAGE

    await asyncio.to_thread(send)


async def test_the_null_sender_is_filed_as_an_empty_one(sandbox: Sandbox, tmp_path: Path) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
            client.sendmail("<>", ["bob@example.net"], MESSAGE)

    await asyncio.to_thread(send)
    assert Outbox(tmp_path / "outbox").list()[0].sender == ""


async def test_two_messages_go_over_one_connection(sandbox: Sandbox, tmp_path: Path) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
            client.sendmail("ann@example.com", ["bob@example.net"], MESSAGE)
            client.sendmail("ann@example.com", ["eve@example.net"], MESSAGE)

    await asyncio.to_thread(send)
    assert len(Outbox(tmp_path / "outbox").list()) == 2


async def test_a_message_above_the_limit_is_refused_and_not_filed(sandbox: Sandbox, tmp_path: Path) -> None:
    replies = await asyncio.to_thread(dialog, sandbox.port, b"MAIL FROM:<ann@example.com> SIZE=100001")
    assert replies[0].startswith(b"552 ")
    assert Outbox(tmp_path / "outbox").list() == []


async def test_a_disk_that_refuses_gives_a_temporary_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", sandbox.port) as client:
            client.sendmail("ann@example.com", ["bob@example.net"], MESSAGE)

    with pytest.raises(smtplib.SMTPDataError, match="452"):
        await asyncio.to_thread(send)


async def test_long_addresses_do_not_depend_on_other_sessions(sandbox: Sandbox) -> None:
    command = b"MAIL FROM:<" + b"a" * 900 + b"@example.com>"
    replies = await asyncio.gather(*(asyncio.to_thread(dialog, sandbox.port, command) for _ in range(3)))
    assert [reply[0][:3] for reply in replies] == [b"250"] * 3
