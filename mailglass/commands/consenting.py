"""How commands on people reach the register of consents, and who typed them."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.settings import Settings
from ledger.consents import Consents, consents_for
from ledger.keys import KeyFolderFault
from mailglass.commands.reading import changing
from mailglass.failures import ConfigurationAtFault


@asynccontextmanager
async def consents_of(settings: Settings) -> AsyncIterator[Consents]:
    """Raises ConfigurationAtFault when the key folder cannot be used."""
    async with changing(settings) as ledger:
        try:
            consents = consents_for(settings, ledger)
        except KeyFolderFault as fault:
            raise ConfigurationAtFault(str(fault)) from None
        yield consents


def operator() -> str:
    """Who typed the command, for the audit log."""
    return f"command:{getpass.getuser()}"
