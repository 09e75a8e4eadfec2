"""A small real SMTP server whose verdict on every recipient is scripted.

    upstream.script["bob@example.net"] = [at_dot("451 4.3.0 later"), accepts()]

Each transaction takes the next verdict of its recipient; the last one stays. What was accepted is in ``taken``.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from relay.data_reader import unstuffed

CLOSES = "closes"


@dataclass(frozen=True)
class Verdict:
    """What happens at one stage; before it all is well. ``reply`` CLOSES: the connection ends there, without one."""

    stage: str = ""
    reply: str = "250 2.0.0 Ok"
    takes: bool = False  # for CLOSES at the dot: whether the message was taken before


def accepts() -> Verdict:
    return Verdict("dot", "250 2.0.0 Ok: queued", takes=True)


def at_rcpt(reply: str) -> Verdict:
    return Verdict("rcpt", reply)


def at_mail(reply: str) -> Verdict:
    return Verdict("mail", reply)


def at_data(reply: str) -> Verdict:
    return Verdict("data", reply)


def at_dot(reply: str) -> Verdict:
    return Verdict("dot", reply)


def closes_after_dot(takes: bool) -> Verdict:
    return Verdict("dot", CLOSES, takes)


@dataclass(frozen=True)
class Taken:
    mail: bytes
    recipient: str
    content: bytes
    session: int
    login: str = ""
    rcpt: bytes = b""


@dataclass
class ScriptedUpstream:
    port: int = 0
    script: dict[str, list[Verdict]] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    sessions: int = 0
    per_session: int = 10**9  # transactions a session may have; then 421
    keeps_content: bool = True
    knows_ehlo: bool = True
    offers: tuple[str, ...] = ("8BITMIME", "DSN", "AUTH PLAIN", "ENHANCEDSTATUSCODES")
    holds: dict[str, asyncio.Event] = field(default_factory=dict)  # whose final reply waits for what
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    talks: set[asyncio.Task[None]] = field(default_factory=set)

    def addresses(self) -> list[str]:
        return [one.recipient for one in self.taken]

    def to(self, address: str) -> list[Taken]:
        return [one for one in self.taken if one.recipient == address]

    async def wait_for(self, count: int, seconds: float = 20) -> None:
        async with self.arrived, asyncio.timeout(seconds):
            await self.arrived.wait_for(lambda: len(self.taken) >= count)

    def next_verdict(self, address: str) -> Verdict:
        verdicts = self.script.get(address, [accepts()])
        return verdicts.pop(0) if len(verdicts) > 1 else verdicts[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        talk = asyncio.current_task()
        assert talk is not None
        self.talks.add(talk)
        try:
            await _Talk(self, reader, writer, self.sessions).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.talks.discard(talk)


class _Talk:
    def __init__(
        self, upstream: ScriptedUpstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: int
    ) -> None:
        self.upstream, self.reader, self.writer, self.session = upstream, reader, writer, session
        self.mail = b""
        self.recipients: list[str] = []
        self.rcpt = b""  # the last line
        self.verdict = accepts()
        self.transactions = 0
        self.login = ""

    def say(self, reply: str) -> None:
        if reply == CLOSES:
            raise ConnectionResetError
        self.writer.write(reply.encode() + b"\r\n")

    async def run(self) -> None:
        self.say("220 scripted.example ESMTP")
        while line := await self.reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO" and self.upstream.knows_ehlo:
                self.say("250-scripted.example")
                for word in self.upstream.offers:
                    self.say(f"250-{word}")
                self.say("250 HELP")
            elif verb == b"HELO":
                self.say("250 scripted.example")
            elif verb == b"AUTH":
                self.login = b64decode(line.split()[2]).split(b"\0")[1].decode()
                self.say("235 2.7.0 Authentication successful")
            elif verb == b"MAIL":
                self.begin(line)
            elif verb == b"RCPT":
                self.recipient(line)
            elif verb == b"DATA":
                await self.data()
            elif verb == b"RSET":
                self.mail = b""
                self.say("250 2.0.0 Ok")
            elif verb == b"QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("502 5.5.1 Not here")

    def begin(self, line: bytes) -> None:
        if self.mail:
            self.say("503 5.5.1 Error: nested MAIL command")
            return
        self.transactions += 1
        if self.transactions > self.upstream.per_session:
            self.say("421 4.7.0 Enough for one session")
            raise ConnectionResetError
        self.mail, self.recipients = line.strip(), []
        self.say("250 2.1.0 Ok")

    def recipient(self, line: bytes) -> None:
        self.rcpt = line.strip()
        match = re.search(rb"<([^>]*)>", line)
        address = match[1].decode() if match else ""
        self.verdict = self.upstream.next_verdict(address)
        if self.verdict.stage == "rcpt":
            self.say(self.verdict.reply)
        else:
            self.recipients.append(address)
            self.say("250 2.1.5 Ok")

    async def data(self) -> None:
        if self.verdict.stage == "data":
            self.say(self.verdict.reply)
            return
        self.say("354 Go on")
        content = await self.reader.readuntil(b"\r\n.\r\n")
        verdict = self.verdict if len(self.recipients) == 1 else accepts()
        if verdict.takes:
            raw = unstuffed(content[:-3]) if self.upstream.keeps_content else b""
            async with self.upstream.arrived:
                self.upstream.taken += [
                    Taken(self.mail, one, raw, self.session, self.login, self.rcpt) for one in self.recipients
                ]
                self.upstream.arrived.notify_all()
        for held in [hold for address, hold in self.upstream.holds.items() if address in self.recipients]:
            await held.wait()
        if verdict.reply.startswith("2"):
            self.mail = b""  # after a refusal the envelope stays until RSET, as with Postfix's end-of-data restrictions
        self.say(verdict.reply)


@asynccontextmanager
async def scripted_upstream() -> AsyncIterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=2**26)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for talk in list(upstream.talks):
            talk.cancel()
        await asyncio.gather(*upstream.talks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the next turn of the loop
        await server.wait_closed()
