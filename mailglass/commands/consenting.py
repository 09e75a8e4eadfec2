"""How commands on people reach the register of consents, which addresses they take, and who typed them."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.settings import Settings
from ledger.consents import Consents, consents_for
from ledger.keys import KeyFolderFault
from ledger.people import is_mailbox
from mailglass.commands.reading import changing
from mailglass.failures import ConfigurationAtFault, WrongUse


@asynccontextmanager
async def consents_of(settings: Settings) -> AsyncIterator[Consents]:
    """Raises ConfigurationAtFault when the key folder cannot be used."""
    async with changing(settings) as ledger:
        try:
            consents = consents_for(settings, ledger)
        except KeyFolderFault as fault:
            raise ConfigurationAtFault(str(fault)) from None
        yield consents


def need_address(text: str) -> None:
    """Raises WrongUse. What is done for no address is done for nobody, and would say that it was done."""
    if not is_mailbox(text):
        raise WrongUse(f'"{text}" is no address; write it alone, as in ann@example.org')


def need_sender(option: str, text: str) -> None:
    """The same for the address behind an option, which may be left out."""
    if text and not is_mailbox(text):
        raise WrongUse(f'{option}: "{text}" is no address; write it alone, as in shop@example.org')


def operator() -> str:
    """Who typed the command, for the audit log."""
    return f"command:{getpass.getuser()}"
