"""What the relay asks of others, as protocols: records, accounts, consents, copies. The wiring gives the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger.message_id import MessageId
from ledger.records import MessageRecord, State
from relay.capabilities import Capabilities
from relay.destination import Credentials
from relay.ledger_time import LedgerTime
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


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a recipient lets a sender know."""

    opens: bool = True
    links: bool = True


class Consents(Protocol):
    """Who may be tracked, for which purpose."""

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        """For each recipient. Raises LedgerUnavailable: then nobody can tell, and nothing is tracked."""


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
    """The client's own upstream session, between two messages, for whoever delivers copies over it.

    ``is_logged_in``: a client has logged in on it. ``account`` is what it logged in with, where the settings say to
    keep that and it could be read; else None. ``offered`` is what the upstream offers on a session of the relay's own;
    None on the client's, where what the client wrote goes as it is.
    """

    is_logged_in: bool
    account: Credentials | None
    offered: Capabilities | None

    async def ask(self, line: bytes) -> Reply:
        """Sends one command line (without CR LF); raises UpstreamFault."""

    async def ask_data(self) -> Reply:
        """Sends DATA: 354, or a refusal (4yz, 5yz); raises UpstreamFault, also for an answer that is neither."""

    async def deliver(self, content: bytes) -> Reply:
        """Sends unstuffed content after a 354, with the final dot; raises UpstreamFault (then it is in doubt)."""

    def answer(self, reply: Reply) -> bool:
        """Gives the client its final reply at once, while the rest of the work goes on; False when it is gone."""


class Copies(Protocol):
    """Takes a message apart into one copy per recipient (``X-Track-Individually``)."""

    async def submit(
        self, envelope: Envelope, raw: bytes, prepared: PreparedCopies, conversation: Conversation, time: LedgerTime
    ) -> Reply:
        """All copies are durable before the first leaves; the reply is the client's final one. ``time``: what is left
        of the message's for the ledger."""

    async def heard(self, envelope: Envelope, raw: bytes) -> None:
        """The client that sends this again is told what became of it. Never raises because of it."""

    def waits_for(self, login: str) -> bool:
        """Whether something waits that only a session of this login may deliver."""

    async def deliver_waiting(self, login: str, session: Conversation) -> None:
        """Delivers it over a session of that login. Never raises because of it."""


class AllMayBeTracked:
    """``[privacy] consent = "sender"``: the sender's header is enough."""

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        return dict.fromkeys(recipients, Allowed())
