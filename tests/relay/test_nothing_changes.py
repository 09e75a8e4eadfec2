"""Mail without opt-in, through the relay: the upstream gets the client's octets, content and envelope alike."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from relay.data_reader import stuffed
from relay.outlet import END_MARK
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import Behaves
from tests.rewriting.corpus import CORPUS, files, with_crlf

PIECES = [
    b"Subject: x\r\n", b"Subject:x\r\n", b"SUBJECT  :   x\r\n", b"From \r\n", b"\r\n", b"\r\n\r\n", b".", b"..", b".\t",
    b"X-Tracker: mine\r\n", b"X-Y:   a\r\n\tfolded\r\n  \r\n", b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"\r\n--b\r\n", b"--b--", b"\xff\xfe", "Grüße\r\n".encode(), b"=\r\n", b"=3D", b"From here\r\n", b"X-Tracks",
    b"\t\r\n",
    b"Bcc: hidden@example.net\r\n", b"Message-ID: <a@example.com>\r\n", b"<a href='https://example.org/'>x</a>\r\n",
    b"y" * 998 + b"\r\n", b"y" * 5000 + b"\r\n", b"\x01\x7f\x80", b" \r\n",
]  # fmt: skip


@pytest.fixture
async def relay(upstream: Behaves, start_relay: StartRelay) -> RunningRelay:
    """With the real reading of headers."""
    return await start_relay(upstream, {"rewriter": None, "decide": None})


def generated(seed: int) -> bytes:
    """A message of anything but bare line ends and NUL."""
    chosen = random.Random(seed)
    raw = b"".join(chosen.choices(PIECES, k=chosen.randint(0, 30)))
    return raw if not raw or raw.endswith(b"\r\n") else raw + b"\r\n"


async def pass_all(client: Client, upstream: Behaves, messages: Iterator[bytes]) -> int:
    count = 0
    for raw in messages:
        wire = stuffed(raw)
        reply = await client.submit(wire)
        assert reply.startswith(b"250 2.0.0 Ok: queued"), reply
        assert upstream.delivered.pop().content == wire
        count += 1
    return count


async def test_a_thousand_generated_messages_arrive_as_they_were_sent(relay: RunningRelay, upstream: Behaves) -> None:
    """B01, B04, B10: also Bcc, Message-ID, odd spacing, ``From`` lines, 8-bit without a word about it."""
    assert await pass_all(await relay.session(), upstream, (generated(seed) for seed in range(1000))) == 1000


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_hundred_thousand_generated_messages_arrive_as_they_were_sent(
    relay: RunningRelay, upstream: Behaves
) -> None:
    """B01."""
    assert await pass_all(await relay.session(), upstream, (generated(seed) for seed in range(100_000))) == 100_000


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no shared/corpus beside the project")
async def test_real_mail_arrives_as_it_was_sent(relay: RunningRelay, upstream: Behaves) -> None:
    """B01: a fifth of the corpus; the rewriting's own tests look at all of it."""
    messages = (with_crlf(path.read_bytes() + b"\n").replace(b"\0", b"") for path in files("eml")[::5])
    assert (
        await pass_all(await relay.session(), upstream, (raw for raw in messages if b"x-track" not in raw.lower())) > 50
    )


LOCAL = [b"b", b"b+tag", b"b%c", b"b!c", b'"b c"', b'"b\\"c"', b'"b@c"', b"b.c.", b".b", b"b..c", b"=?x?=", b"{b}~`^",
         "grüße".encode(), "箱".encode(), b"B", b'"<b>"', b'""', b"b(x)", b"b\\c", b"postmaster"]  # fmt: skip
DOMAINS = [b"example.net", b"EXAMPLE.Net", b"[192.0.2.1]", b"[IPv6:2001:db8::1]", b"xn--bcher-kva.example.net",
           "bücher.example.net".encode(), b"example.net.", b"a.b-c_d.example.net", b"example.net(x)", b""]  # fmt: skip


async def test_two_hundred_odd_addresses_reach_the_upstream_octet_by_octet(
    relay: RunningRelay, upstream: Behaves
) -> None:
    """B05: never another address; what is odd is the upstream's to refuse."""
    client = await relay.session()
    addresses = [local + b"@" + domain for local in LOCAL for domain in DOMAINS]
    assert len(addresses) >= 200
    for address in addresses:
        for line in (b"MAIL FROM:<" + address + b">", b"RCPT TO:<" + address + b"> NOTIFY=NEVER"):
            assert (await client.ask(line)).startswith(b"250"), line
            assert upstream.commands[-1] == line
        assert (await client.ask(b"RSET")).startswith(b"250")


def test_whatever_is_held_has_one_end_on_the_wire() -> None:
    """C02, T15: ten thousand strings of what ends lines and messages, as the upstream would see them."""
    chosen = random.Random(1)
    for _ in range(10_000):
        raw = b"".join(chosen.choices([b"\r", b"\n", b"\0", b".", b"\r\n", b"x", b"\r\n.\r\n", b"\n.\n"], k=12))
        wire = b"\r\n" + stuffed(raw) + END_MARK
        assert wire.find(b"\r\n.\r\n") == len(wire) - 5, raw
