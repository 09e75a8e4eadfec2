"""Notices by any service of the Apprise library."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pixel_server.notify.sentences import Sentences

PATIENCE_SECONDS = 30.0


async def send_to_services(addresses: Sequence[str], sentences: Sentences) -> tuple[bool, str]:
    """Whether every service took it. Apprise works in threads of its own and says no more than yes or no."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            taken = await asyncio.to_thread(_send, tuple(addresses), sentences)
    except TimeoutError:
        return False, "no answer in time"
    return taken, "taken" if taken else "refused, or an address that Apprise does not know"


def _send(addresses: tuple[str, ...], sentences: Sentences) -> bool:
    from apprise import Apprise  # noqa: PLC0415 - takes a second to import, and most installations never need it

    services = Apprise()
    known = [bool(services.add(address)) for address in addresses]
    return all(known) and bool(services.notify(title=sentences.headline, body=sentences.body))
