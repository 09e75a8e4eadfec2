"""Sends digests to those who asked for one.

Up to when an account was told is in the ledger, so that a restart neither forgets nor repeats a digest. One that is not
taken is tried again for most of a day. What holds nothing is not sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from config.settings import Settings
from ledger.access import Ledger
from ledger.notices import forget_digest, note_digest
from ledger.outbox import Outbox
from ledger.queries.accounts import AccountRow, list_accounts
from ledger.queries.digest import digest, digests_sent
from pixel_server.dashboard.languages import language
from pixel_server.dashboard.visitors import zone_named
from pixel_server.dashboard.wording import Wording
from pixel_server.notify.digest import DIGESTS, digest_words, is_due, period_before
from pixel_server.notify.mail import letter, send, way_out

log = logging.getLogger("mailglass.notify")
LOOK_EVERY = timedelta(seconds=30)
TRY_AGAIN = timedelta(minutes=10)


class Digests:
    def __init__(self, settings: Settings, ledger: Ledger, outbox: Outbox, clock: Callable[[], datetime]) -> None:
        self._settings, self._ledger, self._outbox, self._clock = settings, ledger, outbox, clock
        self._next_look = datetime(1970, 1, 1, tzinfo=UTC)
        self._next_try: dict[int, datetime] = {}
        self._sent: dict[int, datetime] = {}  # the end of the latest one of an account, though it may not be noted yet

    async def work(self) -> None:
        """Sends what is due; looks no more often than LOOK_EVERY, however often it is called."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        async with self._ledger.read() as connection:
            accounts = {one.id: one for one in await list_accounts(connection)}
            sent = await digests_sent(connection)
        for account_id in sent.keys() - {one.id for one in accounts.values() if wanted(one)}:
            await self._ledger.write(forget_digest, account_id)
        for account in accounts.values():
            if kind := wanted(account):
                await self._look_at(account, kind, now, sent.get(account.id))

    async def _look_at(self, account: AccountRow, kind: str, now: datetime, sent_until: datetime | None) -> None:
        zone = zone_named(str(account.preferences.get("zone", ""))) or now.astimezone().tzinfo or UTC
        begin, end = period_before(now, kind, zone, self._settings.notifications.digest_hour)
        if is_due(now, end, sent_until) and self._sent.get(account.id) != end:
            if now < self._next_try.get(account.id, now):
                return
            if not await self._send(account, kind, begin, end, now):
                self._next_try[account.id] = now + TRY_AGAIN
                return
            self._sent[account.id] = end
        if sent_until is None or sent_until < end:
            await self._ledger.write(note_digest, account.id, end.isoformat())

    async def _send(self, account: AccountRow, kind: str, begin: datetime, end: datetime, now: datetime) -> bool:
        """Whether it is done with."""
        to = address_of(account)
        async with self._ledger.read() as connection:
            found = await digest(connection, account.viewer, begin, end)
        if found.is_empty or not to:
            return True
        words = Wording(language(str(account.preferences.get("language", ""))), begin.tzinfo or UTC, now)
        sentences = digest_words(words, found, kind)
        mail = letter(self._settings.notifications.sender or to, to, sentences.headline, sentences.body, now)
        taken, _ = await send(self._settings, self._outbox, mail, way_out(self._settings), now)
        if not taken:
            log.warning("a digest was not taken")
        return taken


def wanted(account: AccountRow) -> str:
    kind = str(account.preferences.get("digest", ""))
    return kind if kind in DIGESTS else ""


def address_of(account: AccountRow) -> str:
    """Where an account's digest goes; empty when that is not known."""
    return str(account.preferences.get("digest_to") or (account.addresses[0] if account.addresses else ""))
