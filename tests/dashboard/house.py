"""A dashboard that really runs: own thread, own event loop, own ledger, a port that the system chose."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from argon2 import PasswordHasher

from config.settings import Settings
from ledger.accounts import Passwords, add_account, add_token, secret_hash
from ledger.faults import LedgerUnavailable
from ledger.records import Hit, MessageRecord, State
from ledger.shared import SharedLedger, open_ledger
from mailglass.commands.demo_month import month
from pixel_server.dashboard.app import build
from pixel_server.dashboard.keys import Rates

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 16, 20, tzinfo=UTC)
PASSWORD = "a long password"


class House:
    """``clock`` stands still at NOW, so that pages say the same every time."""

    def __init__(self, folder: Path, rates: Rates | None = None, **settings: Any) -> None:
        self.settings = Settings(data_dir=folder, **settings)
        self.now = NOW
        self._rates = rates
        self._tokens: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.thread.start()
        self.ledger: SharedLedger
        self.port = 0
        self.run(self._open())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.thread.join()
        self._loop.close()

    def add_account(self, name: str, admin: bool = False, addresses: Iterable[str] = ()) -> int:
        return self.run(self._add_account(name, admin, tuple(addresses)))

    def add_token(self, account_id: int, *scopes: str) -> str:
        token = f"mg_test-{account_id}-{'-'.join(scopes)}"
        if token in self._tokens:
            return token
        self._tokens.add(token)
        hashed = secret_hash(token)
        self.run(self.ledger.write(add_token, account_id, hashed, "test", list(scopes), NOW))
        return token

    def fill(self, days: int = 6) -> None:
        """A believable time of mail before NOW."""
        self.run(self._fill(days))

    def register(self, record: MessageRecord) -> None:
        self.run(self._register(record))

    def add_hits(self, *hits: Hit) -> None:
        self.run(self.ledger.add_hits(hits))

    async def _register(self, record: MessageRecord) -> None:
        """Mail would go out untracked after two seconds; on a busy machine that says nothing about pages."""
        for _ in range(20):
            with suppress(LedgerUnavailable):
                return await self.ledger.register(record)
        raise AssertionError("the ledger took no record")

    async def _open(self) -> None:
        self.ledger = await open_ledger(self.settings)
        passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024))
        self.app = build(
            self.settings, self.ledger, clock=lambda: self.now, passwords=passwords, rates=self._rates
        )  # fmt: skip
        self._runner = web.AppRunner(self.app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.passwords = passwords

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self.ledger.close()

    async def _add_account(self, name: str, admin: bool, addresses: tuple[str, ...]) -> int:
        password_hash = await self.passwords.hash(PASSWORD)
        made = await self.ledger.write(add_account, name, password_hash, admin, addresses, NOW - timedelta(days=40))
        assert made is not None
        return made

    async def _fill(self, days: int) -> None:
        hits: list[Hit] = []
        for letter in month(NOW, days=days):
            await self._register(letter.record)
            if letter.accepted_at:
                reply = "250 2.0.0 Ok: queued"
                await self.ledger.settle(letter.record.id, State.SENT, reply, letter.accepted_at)
            hits += letter.hits
        hits.sort(key=lambda hit: hit.at)
        await self.ledger.add_hits(hits)
