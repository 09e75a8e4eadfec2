"""Commands and parameters reach the upstream with the client's exact octets, and replies come back whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay import reply_reader
from relay.capabilities import Capabilities, Offer, capabilities_of, mirrored, offered_size
from relay.command_lines import declared_size, path_of
from relay.replies import Refusal, Reply
from relay.reply_reader import MOST_KNOWN, Nonsense, ReplyReader
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import Behaves, Scripted, Talk

SENDERS = [
    b"MAIL FROM:<>",
    b"mail from:<a@example.com> size=1000",
    b"MAIL FROM:<a@example.com> RET=HDRS ENVID=QqAbC1 BODY=8BITMIME",
    b"MAIL FROM:<\xc3\xbc@example.com> SMTPUTF8",
    b"MAIL FROM: <a@example.com>  X-UNKNOWN=Value",
    b"MAIL FROM:a@example.com",
    b"MAIL FROM:<a@example.com> AUTH=<> BODY=BINARYMIME",
    b"MAIL FROM:<a@example.com> REQUIRETLS MT-PRIORITY=3 BY=120;R",
]
RECIPIENTS = [
    b'RCPT TO:<"b@t2 >"@example.net>',
    b'RCPT TO:<"a..b"@example.net>',
    b"RCPT TO:<b(comment)@example.net>",
    b"RCPT TO:<@relay.example.org:b@example.net>",
    b"RCPT TO:<b+tag%x!y@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;B+2Btag@Example.NET",
    b"RCPT TO:<b@[192.0.2.1]>",
    b"RCPT TO:<b@[IPv6:2001:db8::1]>",
    b"RCPT TO:<\xe3\x81\x82@example.net>",
    b"rcpt to:<Postmaster>",
    b"RCPT TO:<b@example.net>, <c@example.net>",
]


@pytest.mark.parametrize("line", SENDERS)
async def test_the_sender_goes_up_as_written(relay: RunningRelay, upstream: Behaves, line: bytes) -> None:
    client = await relay.session()
    assert (await client.ask(line)) == b"250 2.1.0 Sender OK\r\n"
    assert upstream.commands[-1] == line


@pytest.mark.parametrize("line", RECIPIENTS)
async def test_recipients_go_up_as_written(relay: RunningRelay, upstream: Behaves, line: bytes) -> None:
    client = await relay.session()
    await client.ask(b"MAIL FROM:<a@example.com>")
    assert (await client.ask(line)) == b"250 2.1.5 Recipient OK\r\n"
    assert upstream.commands[-1] == line


@given(st.lists(st.sampled_from([*b'az<>@"\\ .%!+:;=[]()\xc3\xbc,-_']), min_size=1, max_size=40).map(bytes))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_a_path_never_fails_and_loses_nothing_it_names(argument: bytes) -> None:
    path = path_of(b"RCPT TO:<" + argument + b">")
    assert path.address.encode("utf-8", "surrogateescape") in b"<" + argument + b">"


@pytest.mark.parametrize(
    ("line", "address", "size"),
    [
        (b"MAIL FROM:<a@example.com> SIZE=10", "a@example.com", 10),
        (b"MAIL FROM:<> size=7 BODY=8BITMIME", "", 7),
        (b"mail from: <a@example.com>", "a@example.com", None),
        (b'MAIL FROM:<"a>b"@example.com> SIZE=1', '"a>b"@example.com', 1),
        (b"MAIL FROM:a@example.com SIZE=9", "a@example.com", None),
        (b"RCPT TO:Someone <b@example.net>", "b@example.net", None),
        (b"RCPT TO:<@one.example,@two.example:b@example.net> NOTIFY=NEVER", "b@example.net", None),
        (b'RCPT TO:<"@x:y"@example.net>', '"@x:y"@example.net', None),
        (b"RCPT TO:", "", None),
        (b"MAIL FROM:<a@example.com> SIZE=", "a@example.com", Refusal.BAD_ARGUMENT),
    ],
)
def test_what_is_read_of_a_path(line: bytes, address: str, size: object) -> None:
    assert path_of(line).address == address
    assert declared_size(path_of(line)) == size


async def test_eight_bit_content_passes_without_body_8bitmime(start_relay: StartRelay) -> None:
    """Many clients send it to servers that never offered it; the upstream is to judge."""

    class OffersNothing(Behaves):
        extensions = ()

    upstream = OffersNothing()
    relay = await start_relay(upstream)
    client = await relay.connect()
    offered = await client.ask(b"EHLO client.example.com")
    assert offered == b"250 upstream.example.com greets client.example.com\r\n"
    assert (await client.submit(b"Subject: \xc3\xbc\r\n\r\n\xff\xfe\r\n")).startswith(b"250")
    assert upstream.delivered[0].content == b"Subject: \xc3\xbc\r\n\r\n\xff\xfe\r\n"


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (b"MAIL FROM:<\xc3\xbc@example.com> SMTPUTF8", b"555 5.6.7 No SMTPUTF8 here\r\n"),
        (b"MAIL FROM:<a@example.com> RET=HDRS ENVID=QqAbC1", b"555 5.5.4 Unsupported option: RET\r\n"),
        (b"MAIL FROM:<a@example.com> BODY=BINARYMIME", b"501 5.5.4 No BINARYMIME\r\n"),
        (b"MAIL FROM:<a@example.com> AUTH=<> X-OWN=1", b"555 5.5.4 What is that\r\n"),
        (b"MAIL FROM:<a@example.com> REQUIRETLS", b"555 5.7.30 REQUIRETLS needed\r\n"),
    ],
)
async def test_an_extension_that_the_upstream_lacks_is_not_offered_and_its_refusal_is_passed_on(
    start_relay: StartRelay, line: bytes, refusal: bytes
) -> None:
    """T34, T36: nothing is converted, and nothing dropped in silence."""

    class LacksIt(Behaves):
        extensions = (b"8BITMIME",)

        async def on_mail(self, talk: Talk, line: bytes) -> bytes:
            return refusal

    upstream = LacksIt()
    relay = await start_relay(upstream)
    client = await relay.connect()
    offered = await client.ask(b"EHLO client.example.com")
    assert not any(word in offered for word in (b"SMTPUTF8", b"DSN", b"BINARYMIME", b"REQUIRETLS", b"AUTH"))
    assert await client.ask(line) == refusal
    assert upstream.commands[-1] == line


async def test_helo_is_passed_on_as_helo(relay: RunningRelay, upstream: Behaves) -> None:
    client = await relay.connect()
    assert (await client.ask(b"HELO client.example.com")) == b"250 upstream.example.com\r\n"
    assert upstream.commands == [b"HELO client.example.com"]
    assert (await client.submit(b"Subject: x\r\n\r\nHello\r\n")).startswith(b"250")


async def test_replies_of_several_lines_come_back_whole(start_relay: StartRelay) -> None:
    reply = b"550-5.7.1 One\r\n550-5.7.1 two \xc3\xbc\r\n550 5.7.1 three\r\n"
    relay = await start_relay(Scripted(RCPT=reply))
    client = await relay.session()
    await client.ask(b"MAIL FROM:<a@example.com>")
    assert (await client.ask(b"RCPT TO:<b@example.net>")) == reply


async def test_without_pipelining_upstream_commands_go_up_one_by_one(start_relay: StartRelay) -> None:
    pending: list[int] = []

    class NotesWaitingInput(Behaves):
        extensions = (b"8BITMIME",)

        async def answer(self, talk: Talk, verb: bytes, line: bytes) -> bytes:
            pending.append(len(talk.reader._buffer))  # type: ignore[attr-defined]
            return await super().answer(talk, verb, line)

    upstream = NotesWaitingInput()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\nRSET\r\n")
    assert [(await client.reply())[:3] for _ in range(4)] == [b"250"] * 4
    assert set(pending) == {0}


async def test_other_commands_are_passed_on_and_those_never_kept_are_refused(
    relay: RunningRelay, upstream: Behaves
) -> None:
    client = await relay.session()
    assert (await client.ask(b"VRFY b@example.net")) == b"252 2.0.0 Perhaps\r\n"
    assert (await client.ask(b"XCLIENT NAME=x")).startswith(b"502 5.5.1")
    assert (await client.ask(b"ETRN x")).startswith(b"502 5.5.1")
    assert (await client.ask(b"STARTTLS")).startswith(b"502 5.5.1")
    assert (await client.ask(b"EHLO")).startswith(b"501 5.5.4")
    assert upstream.commands[-1] == b"VRFY b@example.net"


async def test_each_message_of_a_session_has_an_opt_in_of_its_own(relay: RunningRelay, upstream: Behaves) -> None:
    """Thunderbird sends the next message over the same connection with no RSET between."""
    client = await relay.session()
    assert b"[mailglass " in await client.submit(b"X-Track: all\r\n\r\nHello\r\n")
    assert b"mailglass" not in await client.submit(b"Subject: x\r\n\r\nHello\r\n")


def test_an_offer_is_the_upstreams_less_what_cannot_be_kept() -> None:
    said = b"250-up\r\n250-SIZE 1000\r\n250-AUTH=LOGIN\r\n250-AUTH LOGIN EXTERNAL\r\n250-FUTUREX\r\n250-dsn\r\n"
    said += b"250 Starttls\r\n"
    found = capabilities_of(Reply(250, said))
    offer = Offer(size_limit=2000, starttls=False, login=True)
    assert mirrored(found, offer).raw == b"250-up\r\n250-dsn\r\n250-SIZE 950\r\n250 AUTH LOGIN\r\n"
    alone = mirrored(Capabilities(b"up"), Offer(size_limit=5, starttls=True, login=False, own_mechanisms=(b"PLAIN",)))
    assert alone.raw == b"250-up\r\n250 STARTTLS\r\n"


@pytest.mark.parametrize(
    ("said", "offered"),
    [
        (b"250-AUTH=LOGIN\r\n250 AUTH PLAIN LOGIN", b"250 AUTH LOGIN PLAIN"),
        (b"250-AUTH GSSAPI login\r\n250 AUTH=LOGIN", b"250 AUTH GSSAPI login"),
        (b"250-AUTH\r\n250 AUTH XOAUTH2 EXTERNAL", b"250 AUTH XOAUTH2"),
        (b"250-AUTH=\r\n250 AUTH EXTERNAL", b"250 up"),
    ],
)
def test_ways_to_log_in_that_are_named_in_two_lines_are_all_offered(said: bytes, offered: bytes) -> None:
    found = capabilities_of(Reply(250, b"250-up\r\n" + said + b"\r\n"))
    assert mirrored(found, Offer(size_limit=9, starttls=False, login=True)).raw.endswith(offered + b"\r\n")


@pytest.mark.parametrize(
    ("upstream", "own", "offered"),
    [(0, 50, 50), (10_000_000, 50_000_000, 9_934_464), (10_000_000, 5_000_000, 5_000_000)],
)
def test_the_offered_size_leaves_room_for_what_tracking_adds(upstream: int, own: int, offered: int) -> None:
    assert offered_size(upstream, own) == offered


def test_a_size_of_thousands_of_digits_is_no_limit() -> None:
    assert capabilities_of(Reply(250, b"250-up\r\n250 SIZE " + b"9" * 5000 + b"\r\n")).size == 0


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=3))
@settings(max_examples=200, deadline=None)
def test_whatever_an_upstream_says_what_comes_out_is_well_formed(said: bytes, cuts: list[int]) -> None:
    reader = ReplyReader()
    places = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    try:
        replies = [reply for a, b in pairwise(places) for reply in reader.feed(said[a:b])]
    except Nonsense:
        return
    for reply in replies:
        lines = reply.raw.split(b"\r\n")
        assert lines.pop() == b""
        assert all(line[:3] == b"%d" % reply.code and b"\n" not in line and b"\r" not in line for line in lines)
        assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]


def test_what_is_remembered_of_an_upstream_is_bounded_and_holds_nothing_of_a_login() -> None:
    reader = ReplyReader()
    for number in range(3 * MOST_KNOWN):
        (reply,) = reader.feed(b"250 queued as %d\r\n" % number)
        assert reply.raw == b"250 queued as %d\r\n" % number
    assert 0 < len(reply_reader._known) <= MOST_KNOWN
    reader.feed(b"334 c2VjcmV0\r\n")
    reader.feed(b"250 " + b"x" * 1000 + b"\r\n")
    assert not any(b"c2VjcmV0" in said or len(said) > 1000 for said in reply_reader._known)
