"""How each part of the installation is, for the Set-up page: asked anew for every look, all at once, in a few seconds.

Nothing here raises: what cannot be asked is the answer. Nothing is sent and nothing is recorded by looking.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from config.settings import Listener, Upstream, host_and_port
from ledger.faults import LedgerUnavailable
from ledger.journal import count_waiting
from ledger.queries.activity import newest_moment
from pixel_server.dashboard.certificates import ends_at, handshake_in_memory
from pixel_server.dashboard.keys import Desk
from pixel_server.dashboard.wording import Wording

LOW_DISK = 500_000_000
LOOK_SECONDS = 3.0
QUARANTINE = "quarantine"
ENDS_SOON = timedelta(days=14)  # certificates that renew themselves do so with 30 days left
CLOCKS_DIFFER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Part:
    """``well`` is None where there is nothing to say yet."""

    name: str
    well: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Public:
    """What the public address answered: its status (0: nothing), its clock and its certificate's end."""

    status: int = 0
    fault: str = ""
    date: datetime | None = None
    ends: datetime | None = None


async def look_at_parts(desk: Desk, words: Wording) -> list[Part]:
    upstreams = {listener.upstream for listener in desk.settings.listener}
    public = asyncio.ensure_future(_ask_public(desk.settings.tracking.public_url))
    looks: list[Awaitable[list[Part]]] = [
        _relay(desk, words),
        *(_upstream(name, desk.settings.upstream[name], words) for name in sorted(upstreams)),
        _pixel(desk, words, public),
        _certificates(desk, words, public),
        _ledger(desk, words),
        _journal(desk, words),
        _spool(desk, words),
        _disk(desk, words),
        _clock(desk, words, public),
    ]
    return [part for found in await asyncio.gather(*looks) for part in found]


async def _relay(desk: Desk, words: Wording) -> list[Part]:
    async def look(listener: Listener) -> Part:
        host, port = host_and_port(listener.bind)
        host = host if host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - we connect, nobody binds
        context = _trusting_anything() if listener.security == "tls" else None
        return await _greeting(words._("Relay"), host, port, context, words)

    return await asyncio.gather(*map(look, desk.settings.listener))


async def _upstream(name: str, upstream: Upstream, words: Wording) -> list[Part]:
    shown = words._("Upstream %(name)s") % {"name": name}
    if upstream.sandbox:
        return [Part(shown, True, words._("sandbox: mail is filed in the outbox"))]
    context = ssl.create_default_context(cafile=upstream.ca_file) if upstream.security == "tls" else None
    return [await _greeting(shown, upstream.host, upstream.port, context, words)]


async def _greeting(name: str, host: str, port: int, context: ssl.SSLContext | None, words: Wording) -> Part:
    """Whether somebody greets there as SMTP servers do; leaves at once."""
    place = f"{host}:{port}"
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            greeting = await reader.readline()
            writer.write(b"QUIT\r\n")
            writer.close()
    except ssl.SSLError as fault:
        return Part(name, False, f"{place}: {getattr(fault, 'verify_message', '') or fault.reason}")
    except (OSError, ValueError):  # a TimeoutError is an OSError; a ValueError is a line without end
        return Part(name, False, words._("does not answer at %(place)s") % {"place": place})
    said = "".join(one if one.isprintable() else " " for one in greeting.decode("utf-8", "replace")).strip()
    return Part(name, greeting.startswith(b"220"), f"{place}: {said[:120]}")


async def _ask_public(public_url: str) -> Public:
    timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{public_url}/healthz", allow_redirects=False) as answer,
        ):
            tls = answer.connection.transport.get_extra_info("ssl_object") if answer.connection else None  # type: ignore[union-attr]
            ends = ends_at(tls.getpeercert()) if tls is not None else None
            raw = await answer.content.read(2000)
            ours = b'"status"' in raw
            return Public(
                answer.status if ours else 0, "" if ours else "?", _date(answer.headers.get("Date", "")), ends
            )
    except aiohttp.ClientConnectorCertificateError as fault:
        return Public(fault=getattr(fault.certificate_error, "verify_message", "") or "certificate")
    except (aiohttp.ClientError, OSError, ValueError):
        return Public()


async def _pixel(desk: Desk, words: Wording, asked: Awaitable[Public]) -> list[Part]:
    url, name = desk.settings.tracking.public_url, words._("Public address")
    public = await asked
    if public.status == 200:
        return [Part(name, True, words._("%(place)s answers, asked from here") % {"place": url})]
    if public.status:
        text = words._("%(place)s answers, and raises an alarm (%(status)s)")
        return [Part(name, False, text % {"place": url, "status": public.status})]
    if public.fault == "?":
        return [Part(name, False, words._("somebody else answers at %(place)s") % {"place": url})]
    text = public.fault or words._("does not answer at %(place)s") % {"place": url}
    return [Part(name, False, text)]


async def _certificates(desk: Desk, words: Wording, asked: Awaitable[Public]) -> list[Part]:
    found = []
    for listener in desk.settings.listener:
        if listener.security != "none":
            name = words._("Certificate of %(place)s") % {"place": listener.bind}
            found.append(await asyncio.to_thread(_of_listener, name, listener, desk.clock(), words))
    public = await asked
    if public.ends is not None:
        host = urlsplit(desk.settings.tracking.public_url).hostname or ""
        name = words._("Certificate of %(place)s") % {"place": host}
        found.append(_until(name, public.ends, desk.clock(), words))
    return found


def _of_listener(name: str, listener: Listener, now: datetime, words: Wording) -> Part:
    try:
        ends = handshake_in_memory(str(listener.certificate or ""), str(listener.private_key or ""))
    except (OSError, ValueError) as fault:  # an SSLError is an OSError
        return Part(name, False, getattr(fault, "verify_message", "") or type(fault).__name__)
    return _until(name, ends, now, words) if ends else Part(name, None, "–")


def _until(name: str, ends: datetime, now: datetime, words: Wording) -> Part:
    return Part(name, ends - now > ENDS_SOON, words._("valid until %(day)s") % {"day": words.day(ends)})


async def _ledger(desk: Desk, words: Wording) -> list[Part]:
    fault = desk.ledger.fault
    return [Part(words._("Ledger"), fault is None, fault or words._("takes changes"))]


async def _journal(desk: Desk, words: Wording) -> list[Part]:
    waiting = await asyncio.to_thread(count_waiting, desk.settings.data_dir / "journal")
    if not waiting:
        return [Part(words._("Journal"), True, words._("empty: every hit is in the ledger"))]
    text = words._("%(n)s files of hits wait to be added to the ledger") % {"n": words.number(waiting)}
    return [Part(words._("Journal"), False, text)]


async def _spool(desk: Desk, words: Wording) -> list[Part]:
    """Copies that wait on disk for another try, and what was found damaged there (docs/spool.md)."""
    name = words._("Spool")
    try:
        waiting, set_aside = await asyncio.to_thread(_spooled, desk.settings.spool_dir)
    except OSError:
        return [Part(name, False, words._("cannot be looked at"))]
    if set_aside:
        text = words._("damaged files in %(folder)s: %(n)s")
        folder = f"{desk.settings.spool_dir / QUARANTINE}"
        return [Part(name, False, text % {"n": words.number(set_aside), "folder": folder})]
    if not waiting:
        return [Part(name, True, words._("empty: no copy waits"))]
    return [Part(name, True, words._("messages waiting for another try: %(n)s") % {"n": words.number(waiting)})]


def _spooled(folder: Path) -> tuple[int, int]:
    """How many messages wait, and how many files are set aside. The files' names say enough."""
    if not folder.is_dir():
        return 0, 0  # the relay has not run here yet
    names = [name for name in os.listdir(folder) if name.endswith(".mail") and not name.startswith(".")]
    quarantine = folder / QUARANTINE
    return len(names), len(os.listdir(quarantine)) if quarantine.is_dir() else 0


async def _disk(desk: Desk, words: Wording) -> list[Part]:
    try:
        free = shutil.disk_usage(desk.settings.data_dir).free
    except OSError:
        return [Part(words._("Disk"), False, words._("cannot be looked at"))]
    return [Part(words._("Disk"), free > LOW_DISK, words._("%(size)s free") % {"size": words.size(free)})]


async def _clock(desk: Desk, words: Wording, asked: Awaitable[Public]) -> list[Part]:
    """Against what the ledger has already, and against whoever answers at the public address."""
    name, now = words._("Clock"), desk.clock()
    newest = None
    try:
        async with desk.ledger.read() as connection:
            newest = await newest_moment(connection)
    except LedgerUnavailable:
        pass
    if newest is not None and newest - now > CLOCKS_DIFFER:
        text = words._("goes slow: the ledger has times as late as %(when)s")
        return [Part(name, False, text % {"when": words.full(newest)})]
    date = (await asked).date
    if date is not None and abs(date - datetime.now(UTC)) > CLOCKS_DIFFER:
        text = words._("differs from that of the public address, where it is %(when)s")
        return [Part(name, False, text % {"when": words.full(date)})]
    return [Part(name, True, words.full(now))]


def _date(written: str) -> datetime | None:
    try:
        return parsedate_to_datetime(written).astimezone(UTC)
    except (ValueError, TypeError):
        return None


def _trusting_anything() -> ssl.SSLContext:
    """For saying hello to ourselves; whether the certificate is any good is a question of its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
