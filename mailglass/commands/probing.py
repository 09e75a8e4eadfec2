"""Questions to the world outside the configuration: each is asked once and answered by one Finding.

Used by ``check --online`` and ``doctor``. Nothing here raises: what cannot be done is the finding. Nothing is changed
either: keys and ledger that are not there yet are made at the first start.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import aiosmtplib

from config.settings import Listener, Settings
from ledger import maintenance
from ledger.engine import place_of
from ledger.faults import LedgerFault
from ledger.keys import KeyFolderFault, find_keys
from ledger.migrations import HEAD
from ledger.tokens import TOKEN_LENGTH
from mailglass.commands.sending import talking_to
from mailglass.failures import Failed
from relay.circles import circles

PATIENCE_SECONDS = 10.0
PIXEL_BYTES = 43


@dataclass(frozen=True, slots=True)
class Finding:
    """One link of the chain: what was tried, whether it holds, and what was seen."""

    what: str
    fine: bool
    seen: str


def look_at_keys(settings: Settings) -> Finding:
    try:
        ring = find_keys(settings.keys_dir)
    except KeyFolderFault as fault:
        return Finding("keys", False, str(fault))
    if ring is None:
        return _to_be_made("keys", settings.keys_dir)
    return Finding("keys", True, f"{len(ring.keys)} in {settings.keys_dir}; number {ring.current_id} signs")


async def look_at_ledger(settings: Settings) -> Finding:
    """Reads its version, and looks whether it could be written."""
    place = place_of(settings)
    shown = str(place.path or place.url.render_as_string(hide_password=True))
    try:
        version = await maintenance.version(place) if await maintenance.exists(place) else None
    except (LedgerFault, OSError) as error:
        return Finding("ledger", False, str(error))
    if place.path is not None and (version is None or not os.access(place.path, os.W_OK)):
        return _to_be_made("ledger", place.path)
    if version is not None and version > HEAD:
        return Finding("ledger", False, f"{shown} has schema {version}; this mailglass knows {HEAD}")
    is_present = version == HEAD
    return Finding("ledger", True, shown if is_present else f"{shown}: the next start brings it to schema {HEAD}")


def _to_be_made(what: str, path: Path) -> Finding:
    """For what is not there yet, or cannot be written."""
    nearest = next(one for one in (path, *path.parents) if one.exists())
    if not os.access(nearest, os.W_OK) or not (nearest == path or nearest.is_dir()):
        return Finding(what, False, f"{path} cannot be made: {nearest} cannot be written, or is no folder")
    return Finding(what, True, f"{path} is not there yet; the first start makes it")


async def look_at_upstream(settings: Settings, name: str) -> Finding:
    """Connects, encrypts and greets; logs in with the configured account; sends nothing."""
    what, upstream = f"upstream {name}", settings.upstream[name]
    if upstream.sandbox:
        return Finding(what, True, "sandbox: mail is filed in the outbox, nothing to connect to")
    own = await circles(settings)
    if name in own:
        seen = f"{upstream.host}:{upstream.port} is the listener {own[name]} of this very relay"
        return Finding(what, False, f"{seen}: mail would go in circles")
    try:
        context = ssl.create_default_context(cafile=upstream.ca_file)
        client = aiosmtplib.SMTP(
            hostname=upstream.host,
            port=upstream.port,
            timeout=PATIENCE_SECONDS,
            use_tls=upstream.security == "tls",
            start_tls=upstream.security == "starttls",
            tls_context=context,
        )
        async with client:
            await client.ehlo()
            if upstream.login == "account":
                await client.login(upstream.username, upstream.password.get_secret_value())
            offered = ", ".join(sorted(client.esmtp_extensions))
    except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
        return Finding(what, False, f"{upstream.host}:{upstream.port}: {fault}")
    return Finding(what, True, f"{upstream.host}:{upstream.port} offers {offered}")


async def look_at_listener(listener: Listener) -> Finding:
    """Connects, encrypts and greets, as a mail program does; sends nothing."""
    try:
        offered = await asyncio.to_thread(_offered_by, listener)
    except Failed as failure:
        return Finding(f"listener {listener.bind}", False, str(failure))
    return Finding(f"listener {listener.bind}", True, f"offers {offered}")


def _offered_by(listener: Listener) -> str:
    with talking_to(listener) as client:
        return ", ".join(sorted(client.esmtp_features))


async def look_at_pixel(settings: Settings) -> Finding:
    """Fetches a pixel through ``public_url``, with a token that belongs to nobody and so records nothing."""
    url = f"{settings.tracking.public_url}/o/{'A' * TOKEN_LENGTH}.gif"
    try:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as answer:
            body = await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
        return Finding(
            "pixel", False, f"{settings.tracking.public_url} cannot be reached: {fault or 'no answer in time'}"
        )
    if answer.status == 200 and answer.content_type == "image/gif" and len(body) == PIXEL_BYTES:
        return Finding("pixel", True, f"{settings.tracking.public_url} answers")
    return Finding(
        "pixel",
        False,
        f"{settings.tracking.public_url} answers {answer.status} {answer.content_type}, which is not ours",
    )


async def look_everywhere(settings: Settings) -> list[Finding]:
    """All of them, at once where they do not wait for one another."""
    upstreams = (look_at_upstream(settings, name) for name in settings.upstream)
    found = await asyncio.gather(look_at_ledger(settings), look_at_pixel(settings), *upstreams)
    return [look_at_keys(settings), *found]
