"""How commands on people reach the register of consents, and who typed them."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.settings import Settings
from ledger.consents import Consents
from ledger.keys import KeyFolderFault, load_people_key
from mailglass.commands.reading import changing
from mailglass.failures import ConfigurationAtFault


def people_key(settings: Settings) -> bytes:
    """Raises ConfigurationAtFault when the key folder cannot be used."""
    try:
        return load_people_key(settings.keys_dir)
    except KeyFolderFault as fault:
        raise ConfigurationAtFault(str(fault)) from None


@asynccontextmanager
async def consents_of(settings: Settings) -> AsyncIterator[Consents]:
    async with changing(settings) as ledger:
        required = settings.privacy.consent == "required"
        privacy = settings.privacy
        yield Consents(ledger, people_key(settings), required, privacy.consent_valid, privacy.ask_again)


def operator() -> str:
    """Who typed the command, for the audit log."""
    return f"command:{getpass.getuser()}"
