"""What one client session needs of the process around it, gathered once per listener by the wiring."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from config.settings import Limits
from relay.capabilities import OWN_MECHANISMS, Offer
from relay.destination import Destination
from relay.limits import Doorkeeper, Holding, LoginGuard
from relay.pipeline import Pipeline
from relay.ports import Accounts, Copies
from relay.replies import compose
from relay.resends import Resends
from relay.tls import ServerCertificate


class RunningSession(Protocol):
    def stop(self) -> None:
        """Ends when nothing is under way; else after the message that is."""

    def cut(self) -> None:
        """Ends now: a message whose final dot was not sent is not delivered, any other is in doubt."""


class RunningSessions(set[RunningSession]):
    """Those that have a client, or a verdict to wait for."""

    _empty: asyncio.Future[None] | None = None

    def retire(self, session: RunningSession) -> None:
        self.discard(session)
        if not self and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def until_empty(self) -> None:
        if self:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty


@dataclass(slots=True)
class Surroundings:
    listener: str  # its name, on records and in the log
    hostname: str
    destination: Callable[[], Destination]  # the sandbox knows its port only when it runs
    limits: Limits
    doorkeeper: Doorkeeper
    logins: LoginGuard
    holding: Holding
    resends: Resends
    pipeline: Pipeline
    certificate: ServerCertificate | None = None
    is_implicit_tls: bool = False
    is_exposed: bool = False  # listens beyond loopback: nothing goes without TLS and a login
    accounts: Accounts | None = None  # login = "account": users of our own
    keeps_credentials: bool = False  # [spool] keep_credentials
    copies: Copies | None = None  # None: without a spool nothing is taken apart
    session_prefix: str = ""
    is_stopping: bool = False
    sessions: RunningSessions = field(default_factory=RunningSessions)
    _afterwards: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    # What every session, command or message asks for, as plain values: the settings' model takes ten times as long.
    greeting: bytes = field(init=False)
    must_log_in: bool = field(init=False)
    idle_seconds: float = field(init=False)
    final_seconds: float = field(init=False)
    most_octets: int = field(init=False)
    longest_line: int = field(init=False)
    most_recipients: int = field(init=False)
    offer_in_clear: Offer = field(init=False)
    offer_encrypted: Offer = field(init=False)

    def __post_init__(self) -> None:
        self.greeting = compose(220, "", f"{self.hostname} ESMTP mailglass").raw
        self.must_log_in = self.is_exposed or self.accounts is not None
        self.idle_seconds = self.limits.client_idle.total_seconds()
        self.final_seconds = self.limits.upstream_final.total_seconds()
        self.most_octets = self.limits.message_size
        self.longest_line = self.limits.line_length
        self.most_recipients = self.limits.recipients
        self.offer_in_clear, self.offer_encrypted = self._offer(False), self._offer(True)

    def _offer(self, is_encrypted: bool) -> Offer:
        return Offer(
            size_limit=self.most_octets,
            starttls=self.certificate is not None and not is_encrypted and not self.is_implicit_tls,
            login=is_encrypted or not self.is_exposed,
            own_mechanisms=OWN_MECHANISMS if self.accounts is not None else (),
        )

    def next_session_id(self) -> str:
        return f"{self.session_prefix}{next(self._numbers)}"

    def later(self, work: Coroutine[object, object, None]) -> None:
        """Does what nobody waits for, before the relay stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def all_done(self) -> None:
        if self._afterwards:
            await asyncio.wait(set(self._afterwards))
