"""The register of consents as relay and pixel server use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.consents import Consents
from relay.ports import Allowed


class ConsentGate:
    """Those who said no are heard, and where consent is required, those who said nothing too."""

    def __init__(self, consents: Consents) -> None:
        self._consents = consents

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        """Raises LedgerUnavailable: then nobody can tell, and nothing is tracked."""
        gates = await self._consents.gates(recipients, sender)
        return {recipient: Allowed(gate.opens, gate.links) for recipient, gate in gates.items()}
