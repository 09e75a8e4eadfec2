"""What a configuration allows and its owner hardly means: told beside the faults, refused by nobody. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from config.addresses import is_every_address, is_loopback
from config.faults import Fault
from config.settings import Settings


def warnings_about(settings: Settings) -> list[Fault]:
    """Each with the setting it is about, and what to do."""
    return _links_that_lead_nowhere(settings)


def _links_that_lead_nowhere(settings: Settings) -> list[Fault]:
    """Tracked mail leaves this machine, and its links and pixels lead back to whatever machine reads it."""
    url = settings.tracking.public_url
    if settings.tracking.identity == "off" or not _is_this_machine(urlsplit(url).hostname or ""):
        return []
    for name in dict.fromkeys(listener.upstream for listener in settings.listener):
        upstream = settings.upstream[name]
        if not upstream.sandbox and not _is_this_machine(upstream.host):
            what = (
                f"{url} leads nowhere for recipients, while upstream.{name} sends to {upstream.host}: "
                "set the address under which they reach the pixel server"
            )
            return [Fault("tracking.public_url", what)]
    return []


def _is_this_machine(host: str) -> bool:
    name = host.lower().rstrip(".")
    return is_loopback(name) or is_every_address(name) or name.endswith(".localhost")
