"""A public server on a port of its own, with a ledger and keys, and a plain client that hides nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.settings import Settings
from ledger.access import Ledger
from ledger.keys import load_keys
from ledger.message_id import MessageId, mint_message_id
from ledger.records import CopyRecord, LinkRecord, MessageRecord, State
from ledger.store import Store
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar
from pixel_server.public.app import PublicServer
from pixel_server.public.second_looks import SecondLooks

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class PublicPort:
    def __init__(self, settings: Settings, ledger: Ledger, ring: KeyRing) -> None:
        self.settings = settings
        self.ledger = ledger
        self.ring = ring
        self.server = PublicServer(settings, ledger, lambda: ring)
        self.looks = SecondLooks(settings, ledger)

    @classmethod
    async def open(cls, folder: Path, **tables: dict[str, Any]) -> PublicPort:
        tables.setdefault("pixel_server", {})["bind"] = "127.0.0.1:0"
        settings = Settings.model_validate({"data_dir": folder, **tables})
        ledger = await Store.open(settings)
        ledger.patience_seconds = 5  # this machine may be busy; what is asked here is not how long it takes
        port = cls(settings, ledger, load_keys(settings.keys_dir))
        port.looks.start()
        await port.server.start()
        return port

    async def close(self) -> None:
        await self.server.close()
        await self.looks.close()
        await self.ledger.close()

    @property
    def number(self) -> int:
        return self.server.port

    async def message(self, **changes: Any) -> TrackingUrls:
        """A tracked message in the ledger, accepted a minute ago, as its URLs."""
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "id": new_id(),
            "submitted_at": now,
            "sender": "me@example.com",
            "recipients": ("ann@example.net",),
            "subject": "A subject nobody may read",
            "opens": True,
            "links": True,
            "link_list": (LinkRecord(1, "https://example.org/?a=1", "one", tracked=True),),
        } | changes
        accepted = values.pop("accepted_at", datetime.fromtimestamp(now.timestamp() - 60, UTC))
        record = MessageRecord(**values)
        await self.ledger.register(record)
        await self.ledger.settle(record.id, State.SENT, "250 ok", accepted)
        return self.urls(record.id)

    def urls(self, message: MessageId) -> TrackingUrls:
        return TrackingUrls(UrlGrammar(f"http://127.0.0.1:{self.number}"), self.ring, message)

    async def get(self, url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        """``headers``: their names with _ for -. A user agent is sent unless one is given."""
        path = url.removeprefix(f"http://127.0.0.1:{self.number}")
        lines = {"Host": "127.0.0.1", "User-Agent": FIREFOX}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            lines |= {"Content-Length": str(len(body)), "Content-Type": "application/x-www-form-urlencoded"}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        raw = await self.send(f"{method} {path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode("latin-1") + body)
        return parse(raw)

    async def send(self, raw: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writer.write(raw)
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


def parse(raw: bytes) -> Response:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Response(int(first.split()[1]), headers, body, raw)


def new_id() -> MessageId:
    return mint_message_id(round(datetime.now(UTC).timestamp() * 1000), secrets.token_bytes(10))


async def until(holds: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


__all__ = ["CopyRecord", "PublicPort", "Response", "new_id", "parse", "until"]
