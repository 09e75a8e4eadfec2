"""What goes wrong on our own side: the mail goes out as it came, or the client hears 4yz in plain words with an id."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ledger.urls import TrackingUrls
from relay import failpoints
from relay.header_facts import header_facts
from relay.ports import Allowed
from relay.replies import Fault, Refusal, annotated, compose, for_fault, for_refusal
from relay.rewriting.plan import Plan, Tracked, Unchanged
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import Behaves
from tests.spool.test_through_the_relay import MESSAGE, PLAIN, R1, R2, CopyKeeping

BODY = b"Subject: x\r\n\r\nHello\r\n"
ASKING = b"X-Track: all\r\n" + BODY
SECRET = "/etc/secret-path"


class RewriterWithABug:
    async def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        raise RuntimeError(SECRET)


class ConsentsWithABug:
    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        raise KeyError(SECRET)


def bug(*_: object) -> object:
    raise ZeroDivisionError(SECRET)


@pytest.mark.parametrize(
    "neighbours",
    [{"rewriter": RewriterWithABug()}, {"consents": ConsentsWithABug()}, {"ring": bug}],
    ids=["rewriting", "consents", "keys"],
)
async def test_a_bug_in_what_only_tracking_needs_costs_the_tracking_alone(
    start_relay: StartRelay, upstream: Behaves, neighbours: dict[str, object]
) -> None:
    """A08: delivered as it came, less its control headers, and the reply says so."""
    relay = await start_relay(upstream, neighbours)
    client = await relay.session()
    assert (await client.submit(ASKING)).endswith(b" [mailglass: not tracked, internal]\r\n")
    assert upstream.delivered[0].content == BODY
    assert relay.records.only.reason == "internal"


@pytest.mark.parametrize("neighbours", [{"consents": ConsentsWithABug()}, {"ring": bug}], ids=["consents", "keys"])
async def test_a_bug_in_taking_a_message_apart_costs_the_tracking_alone(
    start_relay: StartRelay, upstream: Behaves, neighbours: dict[str, object]
) -> None:
    records = CopyKeeping()
    relay = await start_relay(upstream, {"records": records, "copies": records, **neighbours})
    reply = await (await relay.session()).submit(MESSAGE, R1, R2)
    assert reply.endswith(b" [mailglass: not tracked, internal]\r\n")
    assert [one.content for one in upstream.delivered] == [PLAIN]


async def test_a_bug_in_deciding_costs_the_tracking_alone(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, {"decide": lambda _listener: bug})
    assert (await (await relay.session()).submit(BODY)) == b"250 2.0.0 Ok: queued as 4F1\r\n"


PLACES = ["relay.session.commands.execute", "relay.pipeline.Pipeline.begin", "relay.message_phase.MessagePhase._decide"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_bug_in_the_relay_itself_is_a_451_that_tells_nothing_of_it(
    start_relay: StartRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A07, D02."""
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin()
    monkeypatch.setattr(place, bug)
    heard = await client.ask(b"DATA")
    if heard.startswith(b"354"):
        heard = await client.ask(ASKING + b".")
    assert re.fullmatch(rb"451 4\.3\.0 Temporary failure; please try again later \(id=[0-9a-f]+-\d+\.\d+\)\r\n", heard)
    monkeypatch.undo()
    assert not upstream.delivered
    assert (await (await relay.session()).submit(BODY)).startswith(b"250")


def test_no_reply_of_our_own_names_a_class_a_path_or_a_host() -> None:
    """D02: all of them; what varies in them is the incident's id alone."""
    said = [for_refusal(one) for one in Refusal] + [for_fault(one, "1a-1.1") for one in Fault]
    for reply in said:
        assert re.fullmatch(rb"[45]\d\d [45]\.\d{1,2}\.\d{1,2} [A-Z][A-Za-z0-9 ,;:.()='-]+\r\n", reply.raw), reply
        assert not re.search(rb"Error|Exception|Traceback|/|127\.|localhost", reply.raw), reply
    assert all(for_fault(one, "1").code // 100 == 4 for one in Fault)


async def test_a_folder_that_is_gone_is_a_452_and_the_next_message_passes_when_it_is_back(
    relay: RunningRelay, upstream: Behaves
) -> None:
    """A06: a held message goes to disk beyond a megabyte."""
    folder = relay.server.ports[0].around.pipeline.temporary
    folder.rmdir()
    client = await relay.session()
    large = ASKING + (b"y" * 70 + b"\r\n") * 30_000
    assert (await client.submit(large)).startswith(b"452 4.3.1 No room to hold the message")
    assert not upstream.delivered
    folder.mkdir()
    assert b": opens, " in await client.submit(large)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
async def test_a_disk_that_fails_while_a_message_is_held_is_a_452_and_leaves_nothing(
    relay: RunningRelay, upstream: Behaves, error: str
) -> None:
    """A06."""
    client = await relay.session()
    failpoints.arm(f"relay.holding={error}@3")
    try:
        await client.begin()
        await client.ask(b"DATA")
        await client.send(ASKING)
        for _ in range(4):
            await client.send(b"y" * 300_000 + b"\r\n")
        await client.send(b".\r\n")
        assert (await client.reply()).startswith(b"452 4.3.1 ")
    finally:
        failpoints.arm("")
    around = relay.server.ports[0].around
    assert around.holding._held == 0
    assert list(around.pipeline.temporary.iterdir()) == []
    assert not upstream.delivered
    assert b": opens, " in await client.submit(ASKING)


async def test_a_server_that_answers_no_connection_is_a_451_in_time(start_relay: StartRelay) -> None:
    """F01: its queue of connections is full, as if a firewall dropped every packet."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        upstream = Behaves()
        upstream.port = full.getsockname()[1]
        relay = await start_relay(upstream, limits={"upstream_connect": "0.5s"})
        client = await relay.connect()
        assert (await client.ask(b"EHLO client.example.com")).startswith(b"451 4.4.2 The mail server did not answer")
        assert (await client.ask(b"NOOP")).startswith(b"250")


async def test_a_name_that_nobody_knows_is_a_451_of_its_own(start_relay: StartRelay, upstream: Behaves) -> None:
    """F02."""
    elsewhere = {"host": "no-such-name.invalid", "allow_plaintext": True}
    relay = await start_relay(upstream, upstream=elsewhere)
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"451 4.4.3 ")


async def test_a_name_server_that_hangs_keeps_only_its_own_client_waiting(
    start_relay: StartRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F02."""
    answer = threading.Event()
    asked = threading.Event()
    real = socket.getaddrinfo

    def hangs(host: str, *arguments: object, **options: object) -> object:
        if host == "slow.example.com":
            asked.set()
            answer.wait(30)
        return real("127.0.0.1", *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    slow = await start_relay(upstream, upstream={"host": "slow.example.com", "allow_plaintext": True})
    quick = await start_relay(Behaves())
    client = await slow.connect()
    await client.send(b"EHLO client.example.com\r\n")
    await asyncio.to_thread(asked.wait, 10)
    assert (await (await quick.session()).submit(BODY)).startswith(b"250")
    answer.set()
    assert (await client.reply()).startswith(b"250")
    monkeypatch.undo()


async def test_with_no_file_descriptors_left_the_relay_waits_and_recovers(upstream: Behaves, tmp_path: Path) -> None:
    """F04."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.relay.relay_process", str(upstream.port), str(tmp_path / "data"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=os.environ,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)),
    )  # fmt: skip
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    crowd = [await Client.connect(port) for _ in range(60)]

    async def greeted(client: Client) -> bytes:
        try:
            await client.reply(5)
            return await client.ask(b"EHLO client.example.com")
        except (ConnectionError, TimeoutError):
            return b""

    heard = await asyncio.gather(*map(greeted, crowd))
    assert any(not reply.startswith(b"250") for reply in heard)  # it really ran out
    for client in crowd:
        client.close()
    async with asyncio.timeout(30):
        while True:
            client = await Client.connect(port)
            try:
                if (await client.reply(5)).startswith(b"220") and b"250" in await client.ask(b"EHLO x"):
                    break
            except (ConnectionError, TimeoutError):
                pass
            client.close()
    assert (await client.submit(BODY)).startswith(b"250")
    client.close()
    process.kill()
    await process.wait()


def test_a_subject_of_encoded_line_ends_is_kept_on_one_line() -> None:
    """T43: what a record keeps goes into pages, exports and notifications."""
    facts = header_facts(b"Subject: =?utf-8?q?a=0D=0ABcc:_x@example.com=00=E2=80=A8b?=\r\nMessage-ID: <a\x0bb>\r\n\r\n")
    assert facts.subject == "a  Bcc: x@example.com  b"
    assert facts.message_id == "<a b>"


HTML = (
    b"X-Track: all\r\nSubject: =?utf-8?b?abcde?=\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    b'<p><a href="https://example.com/a">one</a></p>\r\n'
)


async def test_a_subject_that_cannot_be_decoded_keeps_no_message_from_going_out(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """Five characters of base64 are octets in no reading; the record keeps them as they are written."""
    relay = await start_relay(upstream, {"rewriter": None, "decide": None})
    assert b": opens, 1 of 1 links]" in await (await relay.session()).submit(HTML)
    assert relay.records.only.subject == "=?utf-8?b?abcde?="


NOTE = "mailglass: not tracked, signed"


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (b"250 2.0.0 Ok\r\n", b"250 2.0.0 Ok [%s]\r\n"),
        (b"250-2.0.0 Ok\r\n250 2.0.0 id\r\n", b"250-2.0.0 Ok\r\n250 2.0.0 id [%s]\r\n"),
        (b"250 2.0.0 " + b"y" * 490 + b"\r\n", b"250-2.0.0 " + b"y" * 490 + b"\r\n250 2.0.0 [%s]\r\n"),
        (b"250 " + b"y" * 490 + b"\r\n", b"250-" + b"y" * 490 + b"\r\n250 [%s]\r\n"),
        (b"250 \r\n", b"250  [%s]\r\n"),
    ],
)
def test_what_was_done_stands_in_the_reply_however_long_the_upstreams_own_words_are(said: bytes, heard: bytes) -> None:
    reply = annotated(compose(250, "", "x").__class__(250, said), NOTE)
    assert reply.raw == heard % NOTE.encode()
