"""What the handlers share: typed keys of the application and of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from config.settings import Settings
from ledger.access import Ledger
from ledger.accounts import Passwords
from ledger.consents import Consents
from ledger.outbox import Outbox
from ledger.queries.accounts import AccountRow
from ledger.queries.rows import Viewer
from pixel_server.dashboard.rates import Buckets, Rate
from pixel_server.dashboard.wording import Wording


@dataclass(frozen=True, slots=True)
class Rates:
    """How often one address may try to log in, and one token or session may ask."""

    login: Rate = field(default=Rate(10, 60))
    all_logins: Rate = field(default=Rate(60, 60))
    api: Rate = field(default=Rate(600, 60))


@dataclass(slots=True)
class Desk:
    """Everything the pages work with."""

    settings: Settings
    ledger: Ledger
    clock: Callable[[], datetime]
    outbox: Outbox
    passwords: Passwords
    consents: Consents
    rates: Rates
    login_rate: Buckets = field(init=False)
    all_logins_rate: Buckets = field(init=False)
    api_rate: Buckets = field(init=False)
    refresh_rate: Buckets = field(init=False)

    def __post_init__(self) -> None:
        self.login_rate = Buckets(self.rates.login)
        self.all_logins_rate = Buckets(self.rates.all_logins)
        self.api_rate = Buckets(self.rates.api)
        self.refresh_rate = Buckets(Rate(1, 3600))  # a session in use is written down once an hour


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and how they came in: by ``session`` (its cookie's value) or by an API token with ``scopes``."""

    account: AccountRow
    session: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def viewer(self) -> Viewer:
        return self.account.viewer


DESK = web.AppKey("DESK", Desk)
READER: web.RequestKey[Reader] = web.RequestKey("READER", Reader)
WORDING: web.RequestKey[Wording] = web.RequestKey("WORDING", Wording)
