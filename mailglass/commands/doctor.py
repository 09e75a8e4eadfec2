"""``mailglass doctor``: sends a probe through the whole chain and names the link that breaks.

The chain: configuration, keys, ledger, upstreams, public_url, listeners, relay, tracking, delivery, hit. It stops at
the first link that is broken, since what comes after it cannot work. The probe goes through one listener, the first or
the one that is named; unless one is, it is looked whether the others and their upstreams answer. The probe's own pixel
is fetched as a mail program would, from the delivered copy where there is a sandbox; the hit is stored as any other,
and no statistics count it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from email import message_from_bytes
from typing import Annotated

import aiohttp
import typer

from config.settings import Listener, Settings
from config.warnings import warnings_about
from ledger.faults import LedgerFault
from ledger.keys import load_keys
from ledger.message_id import MessageId, parse_message_id
from ledger.outbox import Outbox
from ledger.queries import ADMINISTRATOR, HitFilter, list_hits
from ledger.queries import message as message_detail
from ledger.reading import LedgerReader
from ledger.records import PROBE_TAG, State
from ledger.tokens import Purpose, verify
from ledger.urls import TrackingUrls, UrlGrammar
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, ListenerName, listener_named, settings_from_file
from mailglass.commands.passwords import password_from
from mailglass.commands.probing import (
    Finding,
    look_at_keys,
    look_at_ledger,
    look_at_listener,
    look_at_pixel,
    look_at_upstream,
)
from mailglass.commands.sending import Login, compose, one_address_or_none, submit, why_untracked
from mailglass.commands.tables import print_json
from mailglass.failures import Failed, WrongUse

LOOK_AGAIN_SECONDS = 0.2
SETTLED_SECONDS = 10.0
NOBODY = "nobody@example.com"  # who gets the probe in a sandbox unless somebody is named
_PIXEL = re.compile(r"https?://[^\s\"'<>]+/o/[\w-]+\.gif")
_NOTE = re.compile(r"\[mailglass ([0-9A-Z]{26}): (.+)\]")


def doctor(
    to: Annotated[
        str | None,
        typer.Option("--to", help="who gets the probe: an address of your own", callback=one_address_or_none),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option("--from", help="the envelope's sender; default: the same", callback=one_address_or_none),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="log in with this name; asks for the password")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from stdin")] = False,
    wait: Annotated[float, typer.Option("--wait", min=0, help="seconds to wait for the hit")] = 10.0,
    listener: ListenerName = "",
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Send a probe message through the relay and wait for its own hit; say which link of the chain is broken."""
    settings = settings_from_file(config)
    at = listener_named(settings, listener)
    if to is None:
        if not settings.upstream[at.upstream].sandbox:
            raise WrongUse("the probe is really sent: name an address of your own with --to")
        to = NOBODY
    others = () if listener else tuple(one for one in settings.listener if one is not at)
    login = Login(user, password_from(password_stdin)) if user else None
    findings: list[Finding] = []

    async def work() -> None:
        async with aclosing(_chain(settings, at, others, _Probe(sender or to, to, login), wait)) as chain:
            async for finding in chain:
                findings.append(finding)
                if not as_json:
                    typer.echo(f"{'fine  ' if finding.fine else 'BROKEN'}  {finding.what:<24} {finding.seen}")
                if not finding.fine:
                    return

    asyncio.run(work())
    if as_json:
        print_json(findings)
    if not findings[-1].fine:
        raise Failed(f"the chain breaks at: {findings[-1].what}")
    if not as_json:
        typer.echo("The whole chain holds.")


@dataclass(frozen=True, slots=True)
class _Probe:
    sender: str
    to: str
    login: Login | None


async def _chain(
    settings: Settings, at: Listener, others: Sequence[Listener], probe: _Probe, wait: float
) -> AsyncGenerator[Finding, None]:
    warned = "; but ".join(map(str, warnings_about(settings)))
    yield Finding("configuration", True, f"no fault; but {warned}" if warned else "no fault")
    yield look_at_keys(settings)
    yield await look_at_ledger(settings)
    for name in dict.fromkeys(one.upstream for one in (at, *others)):
        yield await look_at_upstream(settings, name)
    yield await look_at_pixel(settings)
    for one in others:
        yield await look_at_listener(one)
    try:
        message = compose(probe.sender, probe.to, "A probe of mailglass doctor")
        message["X-Track-Tag"] = PROBE_TAG  # no chart and no sum counts it
        reply = await asyncio.to_thread(submit, at, message, probe.sender, probe.to, probe.login)
    except Failed as failure:
        yield Finding("relay", False, str(failure))
        return
    yield Finding("relay", True, reply)
    note = _NOTE.search(reply)
    message_id = parse_message_id(note[1]) if note else None
    if message_id is None:
        why = why_untracked(reply) or "its reply names no message"
        yield Finding("tracking", False, f"the relay sent the probe on without tracking it: {why}")
        return
    yield Finding("tracking", True, note[2] if note else "")
    async with aclosing(_after_sending(settings, at, message_id, wait)) as rest:
        async for finding in rest:
            yield finding


async def _after_sending(
    settings: Settings, at: Listener, message_id: MessageId, wait: float
) -> AsyncGenerator[Finding, None]:
    reader = LedgerReader(settings)
    urls = TrackingUrls(UrlGrammar(settings.tracking.public_url), load_keys(settings.keys_dir), message_id)
    pixel: str | None = urls.pixel()
    try:
        yield await _recorded(reader, message_id)
        if settings.upstream[at.upstream].sandbox:
            delivery, pixel = _delivered(Outbox(settings.outbox_dir), urls)
            yield delivery
        if pixel is not None:
            yield await _fetched(pixel)
            yield await _hit(reader, message_id, wait)
    finally:
        await reader.close_reading()


async def _recorded(reader: LedgerReader, message_id: MessageId) -> Finding:
    """That the upstream has taken the message is written down beside the reply, often a moment after it."""
    end = time.monotonic() + SETTLED_SECONDS
    try:
        while True:
            async with reader.read() as connection:
                detail = await message_detail(connection, ADMINISTRATOR, message_id)
            if detail is None:
                return Finding("record", False, "not in the ledger")
            if detail.message.state != State.QUEUED or time.monotonic() > end:
                return Finding("record", True, f"state {detail.message.state}")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except LedgerFault as fault:
        return Finding("record", False, str(fault))


def _delivered(outbox: Outbox, urls: TrackingUrls) -> tuple[Finding, str | None]:
    """Looks for the probe among the newest deliveries; its pixel as it was delivered, None when none has it."""
    for delivery in outbox.list(limit=20):
        pixel = pixel_in(outbox.read(delivery.id) or b"", urls)
        if pixel is not None:
            return Finding("delivery", True, f"in the outbox as {delivery.id}, with its pixel"), pixel
    return Finding("delivery", False, "no delivery in the outbox has the probe's pixel"), None


def pixel_in(raw: bytes, urls: TrackingUrls) -> str | None:
    """The pixel of this very message that a delivered copy shows, whichever key of the ring signed it."""
    for part in message_from_bytes(raw).walk():
        if part.get_content_type() != "text/html":
            continue
        body = part.get_payload(decode=True)
        for url in _PIXEL.findall(body.decode("latin-1") if isinstance(body, bytes) else ""):
            own = urls.grammar.parse(url)
            target = verify(urls.ring, Purpose.PIXEL, own.token) if own is not None else None
            if target is not None and target.message == urls.message:
                return str(url)
    return None


async def _fetched(pixel: str) -> Finding:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(pixel) as answer,
        ):
            return Finding("pixel of the probe", answer.status == 200, f"answered {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as fault:
        return Finding("pixel of the probe", False, str(fault) or "no answer in time")


async def _hit(reader: LedgerReader, message_id: MessageId, wait: float) -> Finding:
    try:
        async with asyncio.timeout(wait):
            while True:
                async with reader.read() as connection:
                    hits = (await list_hits(connection, ADMINISTRATOR, HitFilter(message_id))).items
                if hits:
                    return Finding("hit", True, f"stored as {hits[0].hit_class} by rule {hits[0].rule}")
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        return Finding("hit", False, f"none within {wait:g} s: public_url leads to another installation, or stopped")
    except LedgerFault as fault:
        return Finding("hit", False, str(fault))
