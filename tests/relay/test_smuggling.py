"""SMTP smuggling: no sequence that some server might take for the end of a message ends it, or passes.

The sequences are the union of the published lists (smtpsmug, The-Login). In every row a second message is hidden
behind the sequence; the upstream must never see it.
"""

from __future__ import annotations

import pytest

from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import Behaves

HIDDEN = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<v@example.org>\r\nDATA\r\nX: y\r\n\r\nz\r\n.\r\n"

BARE = [
    ("T01", b"\n.\n"),
    ("T02", b"\n.\r"),
    ("T03", b"\r.\n"),
    ("T04", b"\r.\r"),
    ("T05", b"\n.\r\n"),
    ("T06", b"\r.\r\n"),
    ("T07", b"\r\n.\n"),
    ("T08", b"\r\n.\r"),
    ("T09", b"\r\n.\r\r\n"),
    ("T10", b"\r\r\n.\r\r\n"),
    ("T13", b"\r\r\n.\r\n"),  # holds a real end too, but a bare CR before it
]
NUL = [("T11", b"\r\n\x00.\r\n"), ("T12", b"\r\n.\x00\r\n")]


def attack(sequence: bytes) -> bytes:
    return b"H: 1\r\n\r\nx" + sequence + HIDDEN + b"\r\n.\r\n"


@pytest.mark.parametrize(("name", "sequence"), BARE)
async def test_a_bare_line_end_is_refused_once_and_the_connection_closed(
    relay: RunningRelay, upstream: Behaves, name: str, sequence: bytes
) -> None:
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(attack(sequence))
    heard = await client.everything()
    assert heard.startswith(b"550 5.6.11 ")
    assert heard.count(b"\r\n") == 1
    await upstream.until(lambda: upstream.open_connections == 0)
    assert not upstream.delivered
    assert not any(b"evil" in command for command in upstream.commands)


@pytest.mark.parametrize(("name", "sequence"), NUL)
async def test_a_nul_is_refused_when_the_message_has_ended(
    relay: RunningRelay, upstream: Behaves, name: str, sequence: bytes
) -> None:
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(attack(sequence))
    assert (await client.reply()).startswith(b"550 5.6.0 ")
    await upstream.until(lambda: upstream.open_connections == 0)
    assert not upstream.delivered
    assert not any(b"evil" in command for command in upstream.commands)


@pytest.mark.parametrize(("name", "sequence"), BARE + NUL)
async def test_wherever_the_network_cuts_the_sequence_the_answer_is_the_same(
    relay: RunningRelay, upstream: Behaves, name: str, sequence: bytes
) -> None:
    """T14: two writes, cut at each place in and around the sequence."""
    wire = attack(sequence)
    start = wire.index(sequence, 9)
    expected = b"550 5.6.11" if (name, sequence) in BARE else b"550 5.6.0 "
    for cut in range(start - 1, start + len(sequence) + 2):
        client = await relay.session()
        await client.begin()
        await client.ask(b"DATA")
        await client.send(wire[:cut])
        seen = upstream.content_so_far
        await client.send(b"")
        if cut > start + len(sequence):
            await client.send(wire[cut:])
        else:
            # The first piece has arrived when the upstream has its harmless beginning.
            await upstream.until(lambda seen=seen: upstream.content_so_far >= min(seen, 8))
            await client.send(wire[cut:])
        assert (await client.reply()).startswith(expected), cut
        client.close()
    assert not upstream.delivered


async def test_bare_line_ends_in_commands_are_refused_and_the_connection_closed(relay: RunningRelay) -> None:
    """T16."""
    for line in (b"MAIL FROM:<a@example.com>\nRCPT TO:<b@example.net>\n", b"NOOP\rNOOP\r\n", b"NO\0OP\r\n"):
        client = await relay.session()
        await client.send(line)
        heard = await client.everything()
        assert heard.startswith(b"500 5.5.2 ")
        assert heard.count(b"\r\n") == 1


async def test_bdat_is_not_offered_and_its_octets_are_never_commands(relay: RunningRelay, upstream: Behaves) -> None:
    """T32."""
    client = await relay.session()
    await client.send(b"BDAT 9 LAST\r\nRSET\r\nQ\r\n")
    heard = await client.everything()
    assert heard.startswith(b"502 5.5.1 ")
    assert heard.count(b"\r\n") == 1
    assert b"RSET" not in upstream.commands


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS", b"CONNECT", b"post"])
@pytest.mark.parametrize("path", [b"/", b"/" + b"x" * 600], ids=["short", "long"])
async def test_what_a_web_page_has_a_browser_send_is_never_read_as_commands(
    relay: RunningRelay, upstream: Behaves, method: bytes, path: bytes
) -> None:
    """Any page may have its text sent to a port of this machine, behind a handful of lines that are errors here."""
    client = await relay.connect()
    request = method + b" " + path + b" HTTP/1.1\r\nHost: 127.0.0.1:2525\r\nContent-Type: text/plain\r\n\r\n"
    await client.send(
        request + b"EHLO x\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nx\r\n.\r\n"
    )
    assert await client.everything() == b"502 5.5.1 This command is not offered\r\n"
    assert upstream.commands == []


async def test_a_message_sent_before_354_to_refused_recipients_is_never_read_as_commands(
    relay: RunningRelay, upstream: Behaves
) -> None:
    """T31."""
    client = await relay.session()
    await client.send(b"MAIL FROM:<a@example.com>\r\nDATA\r\n" + HIDDEN)
    heard = await client.everything()
    assert [line[:3] for line in heard.splitlines()] == [b"250", b"554", b"554"]
    assert b"554 5.5.0 " in heard
    assert not any(b"evil" in command for command in upstream.commands)


async def test_a_message_sent_before_354_to_accepted_recipients_is_the_message(
    relay: RunningRelay, upstream: Behaves
) -> None:
    """T67: the client does not wait, and the replies stay in order."""
    client = await relay.session()
    one = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nSubject: x\r\n\r\nHello\r\n.\r\n"
    await client.send(one + one + b"QUIT\r\n")
    heard = (await client.everything()).splitlines()
    assert [line[:3] for line in heard] == [b"250", b"250", b"354", b"250"] * 2 + [b"221"]
    assert [message.content for message in upstream.delivered] == [b"Subject: x\r\n\r\nHello\r\n"] * 2


DOTTED = [b"..\r\n", b"...\r\n", b".x\r\n", b"..\r\nHello\r\n..\r\n", b"a: b\r\n\r\n..\r\n", b"\r\n\r\n..x\r\n"]


@pytest.mark.parametrize(
    "head", [b"Subject: x\r\n\r\n", b"Subject: x\r\nX-Track: all\r\n\r\n"], ids=["streamed", "held"]
)
@pytest.mark.parametrize("body", DOTTED)
async def test_dots_arrive_as_they_were_meant(relay: RunningRelay, upstream: Behaves, head: bytes, body: bytes) -> None:
    """T30: what the upstream unstuffs is what the client stuffed."""
    client = await relay.session()
    assert (await client.submit(head + body)).startswith(b"250")

    def meant(stuffed: bytes) -> list[bytes]:
        return [line[1:] if line.startswith(b".") else line for line in stuffed.split(b"\r\n")]

    arrived = upstream.delivered[0].content.replace(b"<tracked>\r\n", b"")
    assert meant(arrived) == meant(head.replace(b"X-Track: all\r\n", b"") + body)
