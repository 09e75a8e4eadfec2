"""Where the relay's objects are built from the settings and joined. Nothing is decided here but who knows whom."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from config.settings import Listener, Settings, Upstream, host_and_port, is_loopback
from ledger.message_id import MessageId, mint_message_id
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar
from relay.destination import Credentials, Destination
from relay.individual import Ledger
from relay.limits import Doorkeeper, Holding, LoginGuard
from relay.pipeline import Pipeline, Rewriter
from relay.ports import Accounts, AllMayBeTracked, Consents, Records
from relay.resends import Resends
from relay.rewriting.dkim_signing import DkimKey, can_sign
from relay.rewriting.plan import Wanted
from relay.rewriting_pool import RewritingPool
from relay.server import ListeningPort, Server
from relay.signing import SigningRewriter
from relay.spool_files import SpoolFault
from relay.spool_lock import SpoolInUse
from relay.spool_wiring import Destinations, SpoolSide
from relay.surroundings import Surroundings
from relay.tls import CertificateFault, ServerCertificate, server_certificate, upstream_context
from relay.tracking_rules import decider, tracking_rules


class ConfigurationFault(ValueError):
    """The relay cannot start with this configuration; the words are one line for whoever wrote it (exit status 78)."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the relay needs of other packages."""

    records: Records
    ring: Callable[[], KeyRing]
    consents: Consents = field(default_factory=AllMayBeTracked)
    copies: Ledger | None = None  # the same ledger, where it can keep copies; None: no message is taken apart
    accounts: Accounts | None = None  # needed where an upstream has login = "account"
    sandbox_port: Callable[[], int] = lambda: 0
    rewriter: Rewriter | None = None  # None: the real one, beside the event loop
    decide: Callable[[Listener], Callable[[bytes], Wanted]] | None = None  # None: by headers and settings


def build(settings: Settings, neighbours: Neighbours) -> Server:
    """The server for all listeners, not started yet; call it in a running loop. Raises ConfigurationFault."""
    temporary = _temporary_folder(settings.data_dir)
    doorkeeper = Doorkeeper(settings.limits.connections, settings.limits.connections_per_address)
    logins = LoginGuard(settings.limits.auth_attempts, time.monotonic)
    holding = Holding(settings.limits.in_flight)
    resends = Resends(time.monotonic)
    destinations = {name: _destination(name, settings, neighbours) for name in settings.upstream}
    spool = _spool(settings, neighbours, destinations)
    pool = RewritingPool(settings.limits.rewrite.total_seconds())
    prefix = f"{secrets.token_hex(3)}-"
    ports = []
    for number, listener in enumerate(settings.listener):
        upstream = settings.upstream[listener.upstream]
        host, port = host_and_port(listener.bind)
        around = Surroundings(
            listener=listener.bind,
            hostname=_own_name(),
            destination=destinations[listener.upstream],
            limits=settings.limits,
            doorkeeper=doorkeeper,
            logins=logins,
            holding=holding,
            resends=resends,
            pipeline=_pipeline(settings, listener, neighbours, neighbours.rewriter or pool, temporary),
            certificate=_certificate(listener),
            is_implicit_tls=listener.security == "tls",
            is_exposed=not is_loopback(host),
            accounts=_accounts(upstream, listener, neighbours),
            keeps_credentials=settings.spool.keep_credentials and spool is not None,
            copies=spool.copies_for(listener.upstream) if spool else None,
            session_prefix=f"{prefix}{number}-" if number else prefix,
        )
        ports.append(ListeningPort(around, host, port))
    return Server(ports, spool, pool)


def _spool(settings: Settings, neighbours: Neighbours, destinations: Destinations) -> SpoolSide | None:
    if neighbours.copies is None:
        return None
    try:
        return SpoolSide(settings, neighbours.copies, destinations, _own_name())
    except SpoolInUse as fault:
        raise ConfigurationFault(f"data_dir: {fault}") from None
    except SpoolFault as fault:
        raise ConfigurationFault(f"data_dir: {settings.spool_dir} cannot be used: {fault.strerror}") from None


def _temporary_folder(data_dir: Path) -> Path:
    folder = data_dir / "tmp"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationFault(f"data_dir: {folder} cannot be made: {error.strerror}") from None
    return folder


def _certificate(listener: Listener) -> ServerCertificate | None:
    try:
        return server_certificate(listener)
    except CertificateFault as fault:
        raise ConfigurationFault(f"listener {listener.bind}: {fault}") from None


def _accounts(upstream: Upstream, listener: Listener, neighbours: Neighbours) -> Accounts | None:
    if upstream.sandbox or upstream.login != "account":
        return None
    if neighbours.accounts is None:
        raise ConfigurationFault(f'listener {listener.bind}: login = "account" needs users of the relay\'s own')
    return neighbours.accounts


def _destination(name: str, settings: Settings, neighbours: Neighbours) -> Callable[[], Destination]:
    upstream, limits = settings.upstream[name], settings.limits
    try:
        context = upstream_context(upstream)
        account = _account(upstream)
    except CertificateFault as fault:
        raise ConfigurationFault(f"upstream.{name}: {fault}") from None
    connect, reply = limits.upstream_connect.total_seconds(), limits.upstream_reply.total_seconds()
    if upstream.sandbox:
        return lambda: Destination("127.0.0.1", neighbours.sandbox_port(), "none", None, connect, reply)
    fixed = Destination(upstream.host, upstream.port, upstream.security, context, connect, reply, account)
    return lambda: fixed


def _account(upstream: Upstream) -> Credentials | None:
    if upstream.sandbox or upstream.login != "account":
        return None
    password = upstream.password.get_secret_value()
    if upstream.password_file is not None and not password:
        try:
            password = upstream.password_file.read_text("utf-8").rstrip("\r\n")
        except OSError as error:
            raise CertificateFault(f"password_file {upstream.password_file}: {error.strerror}") from None
    return Credentials(upstream.username, password)


def _pipeline(
    settings: Settings, listener: Listener, neighbours: Neighbours, rewriter: Rewriter, temporary: Path
) -> Pipeline:
    grammar = UrlGrammar(settings.tracking.public_url)
    decide = neighbours.decide or (lambda one: decider(settings, one))
    return Pipeline(
        rules=tracking_rules(settings, listener),
        decide=decide(listener),
        rewriter=_signing(settings, rewriter),
        records=neighbours.records,
        consents=neighbours.consents,
        urls=lambda message_id: TrackingUrls(grammar, neighbours.ring(), message_id),
        mint_id=_mint,
        clock=lambda: datetime.now(UTC),
        temporary=temporary,
    )


def _signing(settings: Settings, rewriter: Rewriter) -> Rewriter:
    """The rewriter, signing again what came signed, where there is a key for that."""
    if settings.tracking.dkim_signed != "track":
        return rewriter
    key = dkim_key(settings)
    return rewriter if key is None else SigningRewriter(rewriter, key)


def dkim_key(settings: Settings) -> DkimKey | None:
    """The key of the settings; None without one. Raises ConfigurationFault for a key that cannot sign."""
    tracking = settings.tracking
    if tracking.dkim_key_file is None:
        return None
    try:
        pem = tracking.dkim_key_file.read_bytes()
    except OSError as error:
        raise ConfigurationFault(f"tracking.dkim_key_file: {tracking.dkim_key_file}: {error.strerror}") from None
    key = DkimKey(tracking.dkim_selector, tracking.dkim_domain, pem)
    if not can_sign(key):
        needed = "it takes a private RSA key in PEM, and dkim_selector and dkim_domain as they stand in DNS"
        raise ConfigurationFault(f"tracking.dkim_key_file: {tracking.dkim_key_file} cannot sign: {needed}")
    return key


def _mint() -> MessageId:
    return mint_message_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))


def _own_name() -> str:
    """What the relay calls itself in its greeting; never asks a name server, which may take its time."""
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name and name else "localhost"
