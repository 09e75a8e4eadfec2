"""A relay on a port of its own, with ledger and rewriter as plain objects in memory, and a client that speaks bytes."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from config.settings import Limits, Listener, Settings, Tracking, Upstream
from ledger.message_id import MessageId
from ledger.records import LinkRecord, MessageRecord, State
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls
from relay.rewriting.plan import Edit, Plan, SpanKind, Tracked, Unchanged, Wanted
from relay.server import Server
from relay.wiring import Neighbours, build

RING = KeyRing({1: bytes(range(32))})


@dataclass
class MemoryRecords:
    """Keeps records in a dictionary. ``before`` may wait or raise, as a slow or broken ledger does."""

    kept: dict[MessageId, MessageRecord] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def register(self, record: MessageRecord) -> None:
        await self._trouble()
        self.kept[record.id] = record

    async def settle(self, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None) -> None:
        await self._trouble()
        if message_id in self.kept:
            self.kept[message_id] = replace(self.kept[message_id], state=state, reply=reply)
        self.settled.set()

    async def _trouble(self) -> None:
        if self.before is not None:
            result = self.before()
            if asyncio.iscoroutine(result):
                await result

    @property
    def only(self) -> MessageRecord:
        (record,) = self.kept.values()
        return record


def wants_if_header_says(header: bytes) -> Wanted:
    """The smallest reading of X-Track that the relay's side of the contract needs."""
    edits = [
        Edit(match.start(), match.end(), b"", SpanKind.HEADER)
        for match in re.finditer(rb"(?im)^x-track[^:\n]*:.*\n(?:[ \t].*\n)*", header)
    ]
    value = b"".join(header[edit.start : edit.end] for edit in edits).lower()
    asked = bool(edits) and b"none" not in value
    return Wanted(
        opens=asked, html_links=asked, asked=asked, individually=b"individually" in value, header_edits=tuple(edits)
    )


class MarksBody:
    """Rewrites by putting a mark at the end of the message; what the rewriting itself does is tested elsewhere."""

    async def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        edits = (*plan.header_edits, Edit(len(raw), len(raw), b"<tracked>\r\n", SpanKind.PIXEL))
        text = raw
        for edit in reversed(edits):
            text = text[: edit.start] + edit.new + text[edit.end :]
        return Tracked(text, edits, plan.opens, (LinkRecord(1, "https://example.com/", tracked=True),))


@dataclass
class RunningRelay:
    server: Server
    records: MemoryRecords
    port: int
    clients: list[Client] = field(default_factory=list)

    async def connect(self, greeting: bool = True) -> Client:
        client = await Client.connect(self.port)
        self.clients.append(client)
        if greeting:
            assert (await client.reply()).startswith(b"220 ")
        return client

    async def session(self) -> Client:
        """A client that has said EHLO."""
        client = await self.connect()
        assert (await client.ask(b"EHLO client.example.com")).startswith(b"250")
        return client


@dataclass
class Client:
    """Speaks bytes, one reply at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def reply(self, seconds: float = 20) -> bytes:
        """The next reply, all its lines; empty at the end of the connection."""
        raw = b""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    line = await self.reader.readline()
                except ConnectionResetError:
                    return raw
                raw += line
                if not line or line[3:4] != b"-":
                    return raw

    async def ask(self, line: bytes) -> bytes:
        await self.send(line + b"\r\n")
        return await self.reply()

    async def everything(self, seconds: float = 20) -> bytes:
        """All there is until the relay closes."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read(-1)
            except ConnectionResetError:
                return b""

    async def begin(self, *recipients: bytes) -> None:
        assert (await self.ask(b"MAIL FROM:<a@example.com>")).startswith(b"250")
        for recipient in recipients or (b"b@example.net",):
            assert (await self.ask(b"RCPT TO:<" + recipient + b">")).startswith(b"250")

    async def submit(self, stuffed_content: bytes, *recipients: bytes) -> bytes:
        """A whole message; the final reply."""
        await self.begin(*recipients)
        assert (await self.ask(b"DATA")).startswith(b"354")
        await self.send(stuffed_content + b".\r\n")
        return await self.reply()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Closes with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def settings_for(upstream_port: int, data_dir: Path, **more: object) -> Settings:
    """Settings for one listener on loopback; ``limits``, ``tracking``, ``listener``, ``upstream`` replace tables."""
    upstream = {"host": "127.0.0.1", "port": upstream_port, "security": "none"} | dict(more.pop("upstream", {}))  # type: ignore[call-overload]
    listener = {"bind": "127.0.0.1:0"} | dict(more.pop("listener", {}))  # type: ignore[call-overload]
    return Settings(
        data_dir=data_dir,
        listener=(Listener(**listener),),
        upstream={"default": Upstream(**upstream)},
        limits=Limits(**more.pop("limits", {})),  # type: ignore[arg-type]
        tracking=Tracking(**more.pop("tracking", {})),  # type: ignore[arg-type]
    )


async def stop_relays(running: Sequence[RunningRelay]) -> None:
    """All clients leave first: a relay waits for those it has."""
    for relay in running:
        for client in relay.clients:
            client.close()
    for relay in running:
        await relay.server.stop(grace_seconds=0.2)


async def run_relay(settings: Settings, **neighbours: object) -> RunningRelay:
    records = neighbours.pop("records", None) or MemoryRecords()
    assert isinstance(records, MemoryRecords)
    defaults: dict[str, object] = {
        "records": records,
        "rewriter": MarksBody(),
        "decide": lambda _listener: wants_if_header_says,
        "ring": lambda: RING,
    }
    server = build(settings, Neighbours(**(defaults | neighbours)))  # type: ignore[arg-type]
    await server.start()
    return RunningRelay(server, records, server.ports[0].port)
