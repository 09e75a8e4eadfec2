"""Watches the ledger and tells senders: decides about new hits, reminds of unopened mail, sends what is due.

What is decided is in the ledger before anything is sent, so that a restart neither forgets nor repeats. What was sent
and could not be noted is not sent again, however long the ledger takes no changes; only a restart forgets that. A
notice about a hit waits until a burst would have shown itself; if the hit turned out to be a machine's, it is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from config.settings import Settings
from ledger.access import Ledger
from ledger.faults import LedgerUnavailable
from ledger.notices import add_notices, settle_notice
from ledger.outbox import Outbox
from ledger.queries import notices as asking
from ledger.queries.accounts import AccountRow, account_with_id, list_accounts
from ledger.queries.hits import newest_hit_seq
from ledger.queries.messages import message_detail
from ledger.queries.rows import ADMINISTRATOR, MessageRow
from pixel_server.dashboard.api.forms import message_form, moment
from pixel_server.dashboard.languages import language
from pixel_server.dashboard.visitors import zone_named
from pixel_server.dashboard.wording import Wording
from pixel_server.notify.decisions import owners, recipient_of, reminder_after, retry_after, wants, ways
from pixel_server.notify.digesting import Digests
from pixel_server.notify.mail import send_notice
from pixel_server.notify.sentences import Sentences, notice_words
from pixel_server.notify.services import send_to_services
from pixel_server.notify.webhook import send_webhook

log = logging.getLogger("mailglass.notify")
LOOK_EVERY_SECONDS = 20.0
AFTER_A_FAULT_SECONDS = 2.0
BEYOND_A_BURST = timedelta(seconds=1)
_EVENT = {"open": "message.opened", "click": "message.clicked", "unopened": "message.unopened"}


_Outcome = tuple[str, str, datetime | None]  # state, what was answered, and when to try again


class Teller:
    def __init__(self, settings: Settings, ledger: Ledger, outbox: Outbox, clock: Callable[[], datetime]) -> None:
        self._settings, self._ledger, self._outbox, self._clock = settings, ledger, outbox, clock
        self._digests = Digests(settings, ledger, outbox, clock)
        self._not_noted: dict[int, _Outcome] = {}  # of attempts, by the notice's number

    async def run(self) -> None:
        """Until cancelled. A ledger that does not answer is asked again later."""
        events = self._ledger.subscribe()
        woken = asyncio.Event()

        async def listen() -> None:
            async for _event in events:
                woken.set()

        listening = asyncio.ensure_future(listen())
        try:
            while True:
                woken.clear()
                patience = AFTER_A_FAULT_SECONDS
                try:
                    await self.work()
                    patience = await self._patience()
                except LedgerUnavailable:
                    pass
                except Exception:
                    log.exception("notices could not be decided or sent")
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await woken.wait()
        finally:
            listening.cancel()

    async def work(self) -> None:
        """Decides about everything new and sends everything due."""
        await self._look_at_hits()
        await self._look_at_unopened()
        async with self._ledger.read() as connection:
            waiting = await asking.due(connection, self._clock())
        for one in waiting:
            await self._send(one)
        await self._digests.work()

    async def _patience(self) -> float:
        async with self._ledger.read() as connection:
            following = await asking.next_due(connection)
        if following is None:
            return LOOK_EVERY_SECONDS
        return min(max((following - self._clock()).total_seconds(), 0.05), LOOK_EVERY_SECONDS)

    async def _look_at_hits(self) -> None:
        while True:
            async with self._ledger.read() as connection:
                last = await asking.looked_at(connection)
                first_start = last is None
                if last is None:  # what was before the first start is no news
                    last = await newest_hit_seq(connection)
                news, seen = await asking.news_after(connection, last)
                accounts = await list_accounts(connection) if news else []
                made = [values for one in news for values in await self._notices_of(connection, one, accounts)]
            if seen == last and not first_start:
                return
            await self._ledger.write(add_notices, made, seen)

    async def _notices_of(self, connection: Any, one: asking.News, accounts: list[AccountRow]) -> list[dict[str, Any]]:
        message, now = one.message, self._clock()
        said = {
            "kind": one.hit.kind,
            "at": moment(one.hit.at),
            "class": one.hit.hit_class,
            "recipient": recipient_of(message, one.hit.address),
            "url": one.hit.url,
            "link": one.hit.link,
            "copy": one.hit.copy,
        }
        hold = now + self._settings.hits.burst + BEYOND_A_BURST
        return [
            _values(account, message, one.hit.id, way, said, now, hold)
            for account in owners(accounts, message.sender, message.login)
            if wants(message.notify, account.preferences, one.first)
            for way in ways(account.preferences)
        ]

    async def _look_at_unopened(self) -> None:
        now = self._clock()
        async with self._ledger.read() as connection:
            unopened = await asking.to_be_reminded(connection, now)
            late = [one for one in unopened if (span := reminder_after(one.notify)) and one.submitted_at + span <= now]
            accounts = await list_accounts(connection) if late else []
        made = [
            _values(account, message, "unopened", way, {"kind": "unopened", "at": moment(now)}, now, now)
            for message in late
            for account in owners(accounts, message.sender, message.login)
            # Who asks for a reminder in the message itself wants it somewhere: by mail when nothing else is set up.
            for way in ways(account.preferences) or ("email",)
        ]
        if made:
            await self._ledger.write(add_notices, made, None)

    async def _send(self, one: asking.Due) -> None:
        """Tries once and notes what came of it; of an attempt that was not noted yet only that."""
        if one.seq not in self._not_noted:
            self._not_noted[one.seq] = await self._try(one)
        await self._ledger.write(settle_notice, one.seq, *self._not_noted[one.seq])
        del self._not_noted[one.seq]

    async def _try(self, one: asking.Due) -> _Outcome:
        async with self._ledger.read() as connection:
            account = await account_with_id(connection, one.account_id)
            detail = await message_detail(connection, ADMINISTRATOR, one.message_id)
            still = one.cause == "unopened" or await asking.is_confirmed(connection, one.cause)
        if account is None or detail is None or not still:
            return "dropped", "it turned out not to be a person", None
        if one.cause == "unopened" and detail.message.first_opened_at is not None:
            return "dropped", "opened in the meantime", None
        try:
            taken, answer = await self._send_by(one, account, detail.message)
        except Exception:  # an address that no letter can be made to, say: the other notices wait behind this one
            log.exception("a notice could not be made")
            taken, answer = False, "it could not be made"
        if taken:
            return "done", answer, None
        pause = retry_after(one.attempts + 1)
        log.warning("a notice by %s was not taken (attempt %d)", one.way, one.attempts + 1)
        return ("waiting", answer, self._clock() + pause) if pause else ("failed", answer, None)

    async def _send_by(self, one: asking.Due, account: AccountRow, message: MessageRow) -> tuple[bool, str]:
        sentences, preferences, now = self._sentences(account, message, one), account.preferences, self._clock()
        match one.way:
            case "email":
                return await send_notice(self._settings, self._outbox, message, sentences, now)
            case "webhook":
                value = {"type": _EVENT[one.said["kind"]], "timestamp": moment(now), "data": _data(one, message)}
                return await send_webhook(
                    str(preferences.get("webhook", "")), str(preferences.get("webhook_secret", "")),
                    f"notice_{one.message_id}_{one.seq}", value, now, self._settings.dashboard.private_webhooks,
                )  # fmt: skip
            case _:
                return await send_to_services(list(preferences.get("apprise", [])), sentences)

    def _sentences(self, account: AccountRow, message: MessageRow, one: asking.Due) -> Sentences:
        preferences = account.preferences
        zone = zone_named(str(preferences.get("zone", ""))) or self._clock().astimezone().tzinfo or UTC
        words = Wording(language(str(preferences.get("language", ""))), zone, self._clock())
        return notice_words(words, message, one.said)


def _data(one: asking.Due, message: MessageRow) -> dict[str, Any]:
    hit = None if one.cause == "unopened" else {"id": one.cause, **one.said}
    return {"message": message_form(message), "hit": hit}


def _values(
    account: AccountRow, message: MessageRow, cause: str, way: str, said: dict[str, Any], now: datetime, due: datetime
) -> dict[str, Any]:
    return {
        "account_id": account.id, "message_seq": message.seq, "cause": cause, "way": way, "made_at": now,
        "next_at": due, "said": said,
    }  # fmt: skip
