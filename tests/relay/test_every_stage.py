"""One table: each trouble an upstream can make, at each stage of a session, and what the client hears.

The rule behind every row: before the final dot nothing was delivered, and the client hears the upstream's own refusal
or our 451; after it, anything but a 2yz means that nobody says 250. While TLS is being agreed nobody's words count.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_tls import Certificates
from tests.relay.upstream_servers import PASSWORD, Behaves, Hangup, Talk

BODY = b"Subject: x\r\n\r\nHello\r\n"
ASKING = b"X-Track: all\r\n" + BODY
STAGES = ("BANNER", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "CONTENT", "DOT")
WORDS = {
    "421": b"421 4.3.2 Shutting down\r\n",
    "4yz": b"450-4.2.0 Not\r\n450 4.2.0 now\r\n",
    "5yz": b"550 5.7.1 Never\r\n",
    "nonsense": b"hello\r\n",
}
HOW = (*WORDS, "hangs up", "resets", "is silent")
GOOD = b64encode(b"\0user@example.com\0" + PASSWORD.encode())
SHORT = {"upstream_connect": "3s", "upstream_reply": "3s", "upstream_final": "3s"}


def limits_for(how: str) -> dict[str, str]:
    """Only silence has to be waited for; nothing else depends on the time that a loaded machine takes."""
    return SHORT if how == "is silent" else {}


class MakesTrouble(Behaves):
    def __init__(self, stage: str, how: str) -> None:
        super().__init__()
        self.stage, self.how = stage, how

    async def trouble(self, talk: Talk) -> bytes:
        if self.how == "resets":
            talk.writer.transport.abort()
            raise Hangup
        if self.how == "hangs up":
            raise Hangup
        if self.how == "is silent":
            while await talk.reader.read(2**16):
                pass
            raise Hangup
        if self.how == "421":
            await talk.say(WORDS["421"])
            raise Hangup
        return WORDS[self.how]

    async def greet(self, talk: Talk) -> None:
        if self.stage != "BANNER":
            await super().greet(talk)
            return
        await talk.say(await self.trouble(talk))
        raise Hangup

    async def answer(self, talk: Talk, verb: bytes, line: bytes) -> bytes:
        return await (self.trouble(talk) if verb.decode() == self.stage else super().answer(talk, verb, line))

    async def read_content(self, talk: Talk) -> bytes:
        if self.stage != "CONTENT":
            return await super().read_content(talk)
        await talk.reader.read(10)
        await talk.say(await self.trouble(talk))
        while await talk.reader.read(2**16):
            pass
        raise Hangup

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        return await (self.trouble(talk) if self.stage == "DOT" else super().on_dot(talk, content))


async def converse(relay: RunningRelay, content: bytes) -> tuple[str, bytes, Client]:
    """Submits as far as the relay lets; the stage at which it did not, and what it said there."""
    client = await relay.connect()
    for stage, line, wanted in (
        ("EHLO", b"EHLO client.example.com", b"250"),
        ("AUTH", b"AUTH PLAIN " + GOOD, b"235"),
        ("MAIL", b"MAIL FROM:<a@example.com>", b"250"),
        ("RCPT", b"RCPT TO:<b@example.net>", b"250"),
        ("DATA", b"DATA", b"354"),
    ):
        reply = await client.ask(line)
        if not reply.startswith(wanted):
            return stage, reply, client
    upstream_stage = "DOT"
    await client.send(content + (b"y" * 70 + b"\r\n") * 3000)
    await client.send(b".\r\n")
    return upstream_stage, await client.reply(), client


def expected(stage: str, how: str) -> bytes:
    """What the client hears, as a pattern."""
    if stage == "STARTTLS":
        return rb"451 4\.(7\.5|4\.[12]|5\.0) .*id="
    if how in ("421", "4yz", "5yz"):
        return re.escape(WORDS[how]) + rb"\Z"
    if stage == "DOT":
        return rb"451 4\.4\.2 Outcome unknown: .*id="
    if stage == "CONTENT":
        return rb"451 4\.(5\.0|4\.[12]) .*id="
    if how == "nonsense":
        return rb"451 4\.(5\.0|4\.1) .*id="
    return rb"451 4\.4\.[12] .*id="


# Whether a message asks for tracking makes a difference only once it is being sent.
ROWS = [(stage, how, BODY) for stage in STAGES for how in HOW]
ROWS += [(stage, how, ASKING) for stage in ("DATA", "CONTENT", "DOT") for how in HOW]


@pytest.mark.parametrize(("stage", "how", "content"), ROWS)
async def test_the_client_hears_what_is_true(
    start_relay: StartRelay, certificates: Certificates, stage: str, how: str, content: bytes
) -> None:
    """T52-T60: and the next client is served as if nothing had been."""
    upstream = MakesTrouble(stage, how)
    table: dict[str, str] = {}
    if stage == "STARTTLS":
        upstream.tls = certificates.server_context()
        table = {"security": "starttls", "ca_file": str(certificates.ca_file)}
    relay = await start_relay(upstream, limits=limits_for(how), upstream=table)
    heard_at, reply, client = await converse(relay, content)
    assert heard_at == {"BANNER": "EHLO", "STARTTLS": "EHLO", "CONTENT": "DOT"}.get(stage, stage)
    assert re.match(expected(stage, how), reply), reply
    assert not upstream.delivered
    in_doubt = b"Outcome unknown" in reply
    if stage != "CONTENT":  # there the dot may have been sent before the trouble was seen
        assert in_doubt is (stage == "DOT" and how not in ("421", "4yz", "5yz"))
    states = {str(record.state) for record in relay.records.kept.values()}
    assert ("in-doubt" in states) is in_doubt, states
    if stage == "STARTTLS":
        assert not any(command.startswith((b"AUTH", b"MAIL")) for command in upstream.commands)
    if how == "421" and stage != "STARTTLS":
        assert await client.reply() == b""
    async with asyncio.timeout(20):
        while upstream.open_connections and stage != "AUTH":
            client.close()
            await upstream.changed.wait()
    upstream.stage = ""
    assert (await converse(relay, content))[1].startswith(b"250 2.0.0 Ok: queued")
    assert len(upstream.delivered) == 1  # and nothing came later


@pytest.mark.parametrize("how", HOW)
async def test_with_an_account_of_its_own_the_relays_login_is_the_relays_trouble(
    start_relay: StartRelay, how: str
) -> None:
    """T57: a refused login of ours is never the client's 5yz."""

    class Users:
        async def verify(self, login: str, password: str) -> bool:
            return True

    upstream = MakesTrouble("AUTH", how)
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    relay = await start_relay(upstream, {"accounts": Users()}, limits=limits_for(how), upstream=table)
    client = await relay.session()
    assert re.match(rb"451 4\.\d\.\d .*id=", await client.ask(b"AUTH PLAIN AGEAYg=="))
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"530 5.7.0 ")
    assert not any(command.startswith(b"MAIL") for command in upstream.commands)


@pytest.fixture
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
