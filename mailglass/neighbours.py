"""What the relay asks of the other packages, answered: records, copies, accounts, consents, keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from config.settings import Settings
from ledger.access import Ledger
from ledger.accounts import Passwords
from ledger.consents import consents_for
from ledger.faults import LedgerUnavailable
from ledger.keys import LiveKeyRing
from ledger.message_id import MessageId
from ledger.queries.accounts import account_named
from ledger.records import MessageRecord, State
from mailglass.consent_gate import ConsentGate
from relay.wiring import Neighbours


def relay_neighbours(
    settings: Settings, ledger: Ledger, keys: LiveKeyRing, sandbox_port: Callable[[], int]
) -> Neighbours:
    """Raises KeyFolderFault."""
    return Neighbours(
        records=LedgerRecords(ledger),
        copies=ledger,
        ring=keys.current,
        consents=ConsentGate(consents_for(settings, ledger)),
        accounts=LedgerAccounts(ledger),
        sandbox_port=sandbox_port,
    )


class LedgerRecords:
    """Puts messages on record."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def register(self, record: MessageRecord) -> None:
        await self._ledger.register(record)

    async def settle(self, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None) -> None:
        await self._ledger.settle(message_id, state, reply, accepted_at)


class LedgerAccounts:
    """The relay's own users are the dashboard's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._passwords = Passwords()

    async def verify(self, login: str, password: str) -> bool:
        """Whether the password is that user's; as slow for users that do not exist. False without a ledger."""
        try:
            async with self._ledger.read() as connection:
                account = await account_named(connection, login)
        except LedgerUnavailable:
            account = None
        return await self._passwords.verify(account.password_hash if account else None, password)
