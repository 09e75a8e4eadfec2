"""What the relay asks of others, as protocols: records, accounts, consents, copies. The wiring gives the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger.message_id import MessageId
from ledger.records import MessageRecord, Reason, State
from relay.prepared_copies import PreparedCopies
from relay.replies import Reply


class Records(Protocol):
    """Where tracked messages are put on record."""

    async def register(self, record: MessageRecord) -> None:
        """Committed when it returns. Raises ledger.faults.LedgerUnavailable or another OSError."""

    async def settle(self, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None) -> None:
        """What became of the message; committed when it returns. Raises as ``register`` does."""


class Accounts(Protocol):
    """The relay's own users (``login = "account"``)."""

    async def verify(self, login: str, password: str) -> bool:
        """Whether the password is that user's; as slow for users that do not exist."""


class Consents(Protocol):
    """Who may be tracked."""

    async def refusal(self, recipients: Sequence[str]) -> Reason | None:
        """Why a message to these may not be tracked; None when it may."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient the upstream accepted; ``rcpt`` is the client's whole line."""

    rcpt: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who submitted a message, from where and for whom. ``mail`` is the client's whole MAIL line."""

    mail: bytes
    sender: str
    addressees: tuple[Addressee, ...]
    login: str
    listener: str
    client_network: str

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(one.address for one in self.addressees)


class Conversation(Protocol):
    """The client's own upstream session, between two messages, for whoever delivers copies over it."""

    async def ask(self, line: bytes) -> Reply:
        """Sends one command line (without CR LF); raises UpstreamFault."""

    async def deliver(self, content: bytes) -> Reply:
        """Sends unstuffed content after a 354, with the final dot; raises UpstreamFault (then it is in doubt)."""

    def answer(self, reply: Reply) -> bool:
        """Gives the client its final reply at once, while the rest of the work goes on; False when it is gone."""


class Copies(Protocol):
    """Takes a message apart into one copy per recipient (``X-Track-Individually``)."""

    async def submit(
        self, envelope: Envelope, raw: bytes, prepared: PreparedCopies, conversation: Conversation
    ) -> Reply:
        """All copies are durable before the first leaves; the reply is the client's final one."""


class AllMayBeTracked:
    """``[privacy] consent = "sender"``: the sender's header is enough."""

    async def refusal(self, recipients: Sequence[str]) -> Reason | None:
        return None
