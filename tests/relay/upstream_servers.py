"""Small real SMTP servers to relay to: one that behaves, and nasty ones, each named for what it does.

What a server accepted is in ``delivered``: the envelope's lines and the content as it came over the wire (stuffed).
"""

from __future__ import annotations

import asyncio
import binascii
import ssl
from base64 import b64decode
from dataclasses import dataclass, field

GOOD_EXTENSIONS = (
    b"PIPELINING", b"SIZE 60000000", b"8BITMIME", b"SMTPUTF8", b"DSN", b"ENHANCEDSTATUSCODES", b"CHUNKING",
    b"BINARYMIME", b"AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 SCRAM-SHA-256 SCRAM-SHA-256-PLUS", b"DELIVERBY", b"MT-PRIORITY",
    b"XCLIENT NAME ADDR",
)  # fmt: skip
PASSWORD = "correct horse"


@dataclass
class Delivered:
    mail: bytes
    recipients: list[bytes]
    content: bytes
    login: bytes = b""


@dataclass
class Talk:
    """One connection as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    mail: bytes = b""
    recipients: list[bytes] = field(default_factory=list)
    login: bytes = b""

    async def say(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()


class Hangup(Exception):
    """The server closes the connection, now."""


class Behaves:
    extensions: tuple[bytes, ...] = GOOD_EXTENSIONS
    tls: ssl.SSLContext | None = None
    implicit_tls = False

    def __init__(self) -> None:
        self.delivered: list[Delivered] = []
        self.commands: list[bytes] = []
        self.connections = 0
        self.open_connections = 0
        self.changed = asyncio.Event()
        self.content_so_far = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve,
            "127.0.0.1",
            0,
            limit=2**20,
            ssl=self.tls if self.implicit_tls else None,
            # With less than a test has clients, Linux drops what completes a connection, which the other end then
            # believes to have.
            backlog=2048,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def note(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, condition: object, seconds: float = 10) -> None:
        assert callable(condition)
        async with asyncio.timeout(seconds):
            while not condition():
                await self.changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        talk = Talk(reader, writer)
        try:
            await self.talk(talk)
        except (Hangup, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()
            self._tasks.discard(task)
            self.note()

    async def talk(self, talk: Talk) -> None:
        await self.greet(talk)
        while True:
            line = (await talk.reader.readuntil(b"\r\n"))[:-2]
            self.commands.append(line)
            self.note()
            verb = line.partition(b" ")[0].upper()
            reply = await self.answer(talk, verb, line)
            if reply:
                await talk.say(reply)
            if verb == b"QUIT":
                return

    async def greet(self, talk: Talk) -> None:
        await talk.say(b"220 upstream.example.com ESMTP\r\n")

    async def answer(self, talk: Talk, verb: bytes, line: bytes) -> bytes:
        method = getattr(self, f"on_{verb.decode('ascii', 'replace').lower()}", None)
        if method is None:
            return b"500 5.5.1 What?\r\n"
        reply = await method(talk, line)
        assert isinstance(reply, bytes)
        return reply

    async def on_ehlo(self, talk: Talk, line: bytes) -> bytes:
        talk.mail, talk.recipients = b"", []
        lines = [b"upstream.example.com greets " + line[5:], *self.extensions]
        if self.tls is not None and talk.writer.get_extra_info("sslcontext") is None:
            lines.append(b"STARTTLS")
        return b"".join(b"250-" + one + b"\r\n" for one in lines[:-1]) + b"250 " + lines[-1] + b"\r\n"

    async def on_helo(self, talk: Talk, line: bytes) -> bytes:
        return b"250 upstream.example.com\r\n"

    async def on_starttls(self, talk: Talk, line: bytes) -> bytes:
        assert self.tls is not None
        await talk.say(b"220 2.0.0 Go\r\n")
        await talk.writer.start_tls(self.tls)
        return b""

    async def on_auth(self, talk: Talk, line: bytes) -> bytes:
        try:
            return await self.log_in(talk, line)
        except binascii.Error:
            return b"501 5.5.2 No base64\r\n"

    async def log_in(self, talk: Talk, line: bytes) -> bytes:
        words = line.split(b" ")
        if words[1].upper() == b"PLAIN":
            if len(words) < 3:
                await talk.say(b"334 \r\n")
                words.append((await talk.reader.readuntil(b"\r\n"))[:-2])
            return self._check_plain(talk, words[2])
        if words[1].upper() == b"LOGIN":
            await talk.say(b"334 VXNlcm5hbWU6\r\n")
            name = (await talk.reader.readuntil(b"\r\n"))[:-2]
            if name == b"*":
                return b"501 5.7.0 Cancelled\r\n"
            await talk.say(b"334 UGFzc3dvcmQ6\r\n")
            password = (await talk.reader.readuntil(b"\r\n"))[:-2]
            return self._verdict(talk, b64decode(name), b64decode(password))
        return self._verdict(talk, b"token", PASSWORD.encode())

    def _check_plain(self, talk: Talk, text: bytes) -> bytes:
        if text == b"*":
            return b"501 5.7.0 Cancelled\r\n"
        fields = b64decode(text).split(b"\0")
        if len(fields) != 3:
            return b"501 5.5.2 Malformed\r\n"
        return self._verdict(talk, fields[1], fields[2])

    def _verdict(self, talk: Talk, name: bytes, password: bytes) -> bytes:
        if password != PASSWORD.encode():
            return b"535 5.7.8 Upstream says no\r\n"
        talk.login = name
        return b"235 2.7.0 Upstream says yes\r\n"

    async def on_mail(self, talk: Talk, line: bytes) -> bytes:
        talk.mail, talk.recipients = line, []
        return b"250 2.1.0 Sender OK\r\n"

    async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
        if not talk.mail:
            return b"503 5.5.1 MAIL first\r\n"
        talk.recipients.append(line)
        return b"250 2.1.5 Recipient OK\r\n"

    async def on_data(self, talk: Talk, line: bytes) -> bytes:
        if not talk.recipients:
            return b"554 5.5.1 No valid recipients\r\n"
        await talk.say(b"354 Go ahead, upstream listens\r\n")
        content = await self.read_content(talk)
        return await self.on_dot(talk, content)

    async def read_content(self, talk: Talk) -> bytes:
        content = b""
        pieces = []
        while True:
            chunk = await talk.reader.read(2**18)
            if not chunk:
                raise Hangup
            pieces.append(chunk)
            self.content_so_far += len(chunk)
            self.note()
            tail = (content + chunk)[-5:]
            content = tail
            if tail == b"\r\n.\r\n" or b"".join(pieces[:2]) == b".\r\n":
                return b"".join(pieces)[:-3]

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        self.delivered.append(Delivered(talk.mail, talk.recipients, content, talk.login))
        talk.mail, talk.recipients = b"", []
        self.note()
        return b"250 2.0.0 Ok: queued as 4F%d\r\n" % len(self.delivered)

    async def on_rset(self, talk: Talk, line: bytes) -> bytes:
        talk.mail, talk.recipients = b"", []
        return b"250 2.0.0 Reset\r\n"

    async def on_noop(self, talk: Talk, line: bytes) -> bytes:
        return b"250 2.0.0 Upstream idles\r\n"

    async def on_vrfy(self, talk: Talk, line: bytes) -> bytes:
        return b"252 2.0.0 Perhaps\r\n"

    async def on_quit(self, talk: Talk, line: bytes) -> bytes:
        return b"221 2.0.0 Upstream says bye\r\n"


class Forgets(Behaves):
    """Reads content to its end and throws it away."""

    async def read_content(self, talk: Talk) -> bytes:
        tail = b""
        while tail[-5:] != b"\r\n.\r\n" and tail != b".\r\n":
            chunk = await talk.reader.read(2**18)
            if not chunk:
                raise Hangup
            tail = (tail + chunk)[-5:]
        return b""


class Scripted(Behaves):
    """Answers some verbs with fixed bytes (``DOT`` is the final dot, ``CONNECT`` the greeting); else behaves.

    ``None`` as an answer hangs up, an empty one never answers; so ``Scripted(RCPT=b"550 no\\r\\n")``.
    """

    def __init__(self, **answers: bytes | None) -> None:
        super().__init__()
        self.answers = answers

    async def _scripted(self, verb: str, otherwise: bytes) -> bytes:
        if verb not in self.answers:
            return otherwise
        answer = self.answers[verb]
        if answer is None:
            raise Hangup
        if not answer:
            await asyncio.Event().wait()
        return answer

    async def greet(self, talk: Talk) -> None:
        answer = await self._scripted("CONNECT", b"220 upstream.example.com ESMTP\r\n")
        await talk.say(answer)
        if not answer.startswith(b"220"):
            raise Hangup

    async def answer(self, talk: Talk, verb: bytes, line: bytes) -> bytes:
        name = verb.decode()
        if name in self.answers and name != "DOT":
            reply = await self._scripted(name, b"")
            if reply.startswith(b"421"):
                await talk.say(reply)
                raise Hangup
            return reply
        return await super().answer(talk, verb, line)

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        if "DOT" not in self.answers:
            return await super().on_dot(talk, content)
        reply = await self._scripted("DOT", b"")
        if reply.startswith(b"2"):
            await super().on_dot(talk, content)
        if reply.startswith(b"421"):
            await talk.say(reply)
            raise Hangup
        return reply
