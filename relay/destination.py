"""Where an upstream is, how it is spoken to, and with which account of the relay's own."""

from __future__ import annotations

import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an upstream is and how it is spoken to. The password is not shown in ``repr``."""

    host: str
    port: int
    security: str  # starttls | tls | none
    tls: ssl.SSLContext | None
    connect_seconds: float
    reply_seconds: float
    account: Credentials | None = None

    @property
    def is_plain(self) -> bool:
        """Nothing to encrypt and nobody to log in: all there is to do before the client's EHLO is to be greeted."""
        return self.security == "none" and self.account is None


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """The relay's own account at the upstream."""

    username: str
    password: str
