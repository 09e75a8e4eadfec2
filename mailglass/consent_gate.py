"""The register of consents as relay and pixel server use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.settings import Settings
from ledger.access import Ledger
from ledger.consents import Consents
from ledger.keys import load_people_key
from relay.ports import Allowed


def consents_for(settings: Settings, ledger: Ledger) -> Consents:
    """Raises KeyFolderFault when the key of people cannot be used."""
    privacy = settings.privacy
    key = load_people_key(settings.keys_dir)
    return Consents(ledger, key, privacy.consent == "required", privacy.consent_valid, privacy.ask_again)


class ConsentGate:
    """Those who said no are heard, and where consent is required, those who said nothing too."""

    def __init__(self, consents: Consents) -> None:
        self._consents = consents

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        """Raises LedgerUnavailable: then nobody can tell, and nothing is tracked."""
        gates = await self._consents.gates(recipients, sender)
        return {recipient: Allowed(gate.opens, gate.links) for recipient, gate in gates.items()}
