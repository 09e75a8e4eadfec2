"""Every setting, once: its name, type, bounds, default and the comment it carries in relay.toml.

One model per TOML table. What reads the file, the environment and secret files is load.py; what prints relay.toml
and docs/configuration.md from these models is reference.py. Knows no file, socket or clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from config.addresses import AllowedHost, Bind, Host, Recipients, reaches
from config.addresses import host_and_port as host_and_port  # also for those who read settings
from config.addresses import is_loopback as is_loopback
from config.database_url import fault_of_database_url
from config.table import Duration, Folder, Given, Network, OptionalFile, Size, Switch, Table, Wait, Whole


def _tracking_words(text: object) -> object:
    words = {word.strip().lower() for word in text.split(",")} if isinstance(text, str) else {"none"}
    unknown = words - {"none", "all", "opens", "links"}
    if unknown or (len(words) > 1 and words & {"none", "all"}):
        raise ValueError(f'"{text}" is none of "none", "opens", "links", "opens, links", "all"')
    return text


class Listener(Table):
    """Where mail clients connect."""

    bind: Bind = Field("127.0.0.1:2525", description="address and port; beyond loopback only with TLS and login")
    upstream: str = Field("default", description="name of the [upstream.NAME] that gets this listener's mail")
    security: Literal["none", "starttls", "tls"] = Field("none", description="none | starttls | tls")
    certificate: OptionalFile = Field(None, description="PEM file with the chain; read again when it changes")
    private_key: OptionalFile = Field(None, description="PEM file with the key")
    default: Annotated[str, BeforeValidator(_tracking_words)] = Field(
        "none", description='what a message without headers gets: "none", "opens, links", "all"'
    )

    @classmethod
    def contradictions(cls, given: Given) -> Iterator[tuple[str, str]]:
        security, bind = given.get("security"), given.get("bind")
        for key in ("certificate", "private_key"):
            if security in ("starttls", "tls") and key in given and given[key] is None:
                yield key, f'security = "{security}" needs it'
        if security == "none" and bind is not None and not is_loopback(host_and_port(bind)[0]):
            yield "bind", f'"{bind}" is not loopback: set security to "starttls" or "tls"'


class Upstream(Table):
    """The real SMTP server."""

    sandbox: Switch = Field(False, description="true: file mail under data_dir/outbox instead of sending it")
    host: Host = Field("", description="name of the SMTP server, as in its certificate")
    port: Whole = Field(587, ge=1, le=65535, description="587 with starttls, 465 with tls")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="starttls | tls | none (loopback)")
    login: Literal["client", "account"] = Field("client", description="client: passed through | account: our own")
    username: str = Field("", description='for login = "account"')
    password: SecretStr = Field(SecretStr(""), description="better in password_file")
    password_file: OptionalFile = Field(None, description="file that holds the password alone")
    ca_file: OptionalFile = Field(None, description="PEM file of a certificate authority of your own")
    allow_plaintext: Switch = Field(False, description='true: security = "none" beyond loopback (no privacy at all)')

    @classmethod
    def contradictions(cls, given: Given) -> Iterator[tuple[str, str]]:
        if given.get("password_file") and given.get("password", SecretStr("")).get_secret_value():
            yield "password_file", "password is given as well; keep one of them"
        if given.get("sandbox", True):
            if given.get("sandbox") and given.get("host"):
                yield (
                    "sandbox",
                    "host is given as well, but a sandbox sends nothing there; set one of them",
                )
            return
        host, security = given.get("host"), given.get("security")
        if host == "":
            yield "host", "missing; or set sandbox = true"
        elif host and security == "none" and given.get("allow_plaintext") is False and not is_loopback(host):
            yield "security", f'"none" to "{host}" needs allow_plaintext = true: everybody on the way could read along'
        if given.get("login") == "account":
            yield from _missing_account(given)


def _missing_account(given: Given) -> Iterator[tuple[str, str]]:
    if given.get("username") == "":
        yield "username", 'login = "account" needs it'
    if {"password", "password_file"} <= given.keys() and not (
        given["password"].get_secret_value() or given["password_file"]
    ):
        yield "password_file", 'login = "account" needs it (or password)'


Dialect = Literal[
    "postmark", "mailgun", "mandrill", "sendgrid", "sparkpost", "mailjet", "smtpeter", "emailengine", "ahasend",
    "leadpush",
]  # fmt: skip


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


class Tracking(Table):
    """What is tracked, and how far."""

    public_url: str = Field("http://127.0.0.1:8025", description="where recipients reach the pixel server")
    identity: Literal["individual", "aggregate", "off"] = Field(
        "individual", description="individual | aggregate | off: a ceiling no header can raise"
    )
    dialects: tuple[Dialect, ...] = Field((), description='headers of hosted services to accept: "postmark", …')
    subject_tag: str = Field("", description='a word in the subject that asks for tracking, such as "#track"')
    skip_domains: tuple[str, ...] = Field((), description="links to these domains stay as they are")
    never_recipients: tuple[Recipients, ...] = Field((), description="addresses or @domains that are never tracked")
    text_is_url: Literal["same-site", "leave", "track"] = Field(
        "same-site", description="links whose text is a URL: same-site | leave | track"
    )
    quoted: Literal["leave", "track"] = Field("leave", description="links in quoted text: leave | track")
    record_untracked: Switch = Field(False, description="true: list messages without opt-in too (no body, no links)")
    dkim_signed: Literal["leave", "track"] = Field("leave", description="messages with a DKIM-Signature: leave | track")
    dkim_key_file: OptionalFile = Field(None, description='private key to sign again with dkim_signed = "track"')
    dkim_selector: str = Field("", description="selector of that key")
    dkim_domain: str = Field("", description="domain of that key")
    on_ledger_failure: Literal["send-untracked", "refuse"] = Field(
        "send-untracked", description="send-untracked | refuse (451, the client tries again)"
    )
    max_size: Size = Field(32 * 10**6, ge=1000, description="larger messages go out unchanged, reason too-large")
    aggregate_minimum: Whole = Field(20, ge=10, description='recipients that identity = "aggregate" needs at least')

    @classmethod
    def contradictions(cls, given: Given) -> Iterator[tuple[str, str]]:
        signing = [given.get(key, key) for key in ("dkim_key_file", "dkim_selector", "dkim_domain")]
        if any(signing) and not all(signing):
            yield "dkim_key_file", "dkim_key_file, dkim_selector and dkim_domain belong together"

    @field_validator("public_url")
    @classmethod
    def _plain_http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f'"{value}" is no http(s) URL without query')
        if parts.username is not None:
            raise ValueError("there must be no name and password in it: it goes into every tracked mail")
        if not _has_usable_port(parts):
            raise ValueError(f'"{value}" has a port that is none; ports go from 1 to 65535')
        if not value.isascii() or any(letter in value for letter in " \"'<>`"):
            raise ValueError(f'"{value}" must be plain ASCII; write an international host as xn--…')
        return value.rstrip("/")


class PixelServer(Table):
    """The public side: pixels, links, recipients' pages."""

    bind: Bind = Field("127.0.0.1:8025", description="address and port; a reverse proxy adds https")
    trusted_proxies: tuple[Network, ...] = Field((), description="networks whose X-Forwarded-For is believed")
    workers: Whole = Field(1, ge=1, le=64, description="processes that answer; one of them writes")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        for item in value:
            if isinstance(item, int):  # ip_network would take it for an address
                raise ValueError(f'{item} is no network; write it like "10.0.0.0/8"')
        return tuple(ip_network(item) for item in value)


class Dashboard(Table):
    """The private side: what you look at."""

    bind: Bind = Field("127.0.0.1:8026", description="address and port; put TLS before it beyond loopback")
    allowed_hosts: tuple[AllowedHost, ...] = Field((), description="host names it answers to, beside its own address")
    private_webhooks: Switch = Field(
        False, description="true: webhooks may go to http and to addresses of this network"
    )


class Ledger(Table):
    """Where records, hits and consents are kept."""

    url: str = Field("sqlite:///mailglass.db", description="relative to data_dir; or postgresql://…", repr=False)
    url_file: OptionalFile = Field(None, description="file that holds the URL alone, for one with a password")
    durability: Literal["power", "process"] = Field(
        "power", description="power (fsync each commit group) | process (survives a crash of mailglass only)"
    )

    @field_validator("url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if fault := fault_of_database_url(value):
            raise ValueError(fault)
        return value


class Privacy(Table):
    """What is kept about people, and for how long."""

    consent: Literal["sender", "required"] = Field(
        "sender", description="sender: the sender's header is enough | required: only consenting recipients"
    )
    ip_address: Literal["truncate", "none", "full"] = Field("truncate", description="truncate | none | full")
    user_agent: Literal["family", "none", "full"] = Field("family", description="family | none | full")
    keep_hits: Duration = Field(timedelta(days=400), description="then hits become daily counts; links work on")
    keep_recipients: Duration = Field(
        timedelta(days=365), description="then messages no longer say to whom they went, and recording ends for them"
    )
    keep_evidence: Duration = Field(
        timedelta(days=1096), description="how long after a consent's end its evidence stays; then key and status"
    )
    notice: Switch = Field(False, description="true: every tracked message says so visibly")
    honour_gpc: Switch = Field(False, description="true: a click with Sec-GPC is stored without identity")
    whole_minutes: Switch = Field(False, description="true: times of hits are kept to the minute")
    keep_subject: Switch = Field(True, description="false: subjects are not stored")
    consent_valid: Duration = Field(timedelta(days=730), description="a confirmed consent holds that long")
    ask_again: Duration = Field(
        timedelta(days=182), description="how long after a request or a no it may be asked again"
    )
    language: Literal["en", "ja", "de", "fr", "it"] = Field(
        "en", description="of lines to recipients in mail that names none (Content-Language): en | ja | de | fr | it"
    )
    controller: str = Field("", description="who is responsible: name and address, shown to recipients")
    contact: str = Field("", description="where recipients can write, shown to them")

    @field_validator("keep_hits", "keep_recipients", "keep_evidence", "consent_valid", "ask_again")
    @classmethod
    def _not_for_ever(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        if not timedelta(days=1) <= value <= timedelta(days=3660):
            raise ValueError(f"{info.field_name} must lie between 1d and 3660d")
        return value


class Hits(Table):
    """Time windows of the rules that tell people from machines (docs/classes.md)."""

    early_pixel: Duration = Field(timedelta(seconds=2), description="a pixel sooner after delivery is a scanner's")
    early_click: Duration = Field(timedelta(seconds=10), description="a click sooner after delivery is a scanner's")
    vendor_network: Duration = Field(timedelta(seconds=120), description="networks of mail security vendors count")
    burst: Duration = Field(timedelta(seconds=2), description="several links of one message within it: a scanner")
    second_look: Duration = Field(timedelta(seconds=120), description="verdicts are looked at again after it")
    office_browser: Duration = Field(timedelta(seconds=5), description="a browser follows Office's own look within it")
    own_address: Duration = Field(timedelta(hours=24), description="addresses you sent from count as your own")
    repeat: Duration = Field(timedelta(minutes=10), description="further views within it are one open in the summary")
    networks_file: OptionalFile = Field(None, description="optional network lists (docs/classes.md)")


class Notifications(Table):
    """Mail that mailglass writes itself to those who send: notices, reminders, digests."""

    upstream: str = Field("", description="the [upstream.NAME] it goes out by; empty: the message's own")
    sender: str = Field("", description="address it comes from; empty: the reader's own")
    digest_hour: int = Field(7, ge=0, le=23, description="hour of the day, in the reader's time zone, of digests")


class Log(Table):
    """What is said while running."""

    level: Literal["info", "warning", "error", "debug"] = Field("info", description="debug | info | warning | error")
    format: Literal["text", "json"] = Field("text", description="text | json")


class Limits(Table):
    """Bounds of the SMTP side."""

    connections: Whole = Field(200, ge=1, description="clients at once")
    connections_per_address: Whole = Field(20, ge=1, description="clients at once from one address")
    recipients: Whole = Field(1000, ge=100, description="per message (RFC 5321 wants at least 100)")
    message_size: Size = Field(50 * 10**6, ge=1000, description="larger messages are refused with 552")
    line_length: Size = Field(10**6, ge=1000, description="longer lines in a message are refused with 554")
    auth_attempts: Whole = Field(5, ge=1, description="per connection, then 421")
    client_idle: Wait = Field(timedelta(minutes=5), description="silence after which a client is dropped")
    upstream_connect: Wait = Field(timedelta(seconds=30), description="for connection, greeting and TLS")
    upstream_reply: Wait = Field(timedelta(minutes=5), description="for a reply to a command")
    upstream_final: Wait = Field(timedelta(minutes=10), description="for the reply after the final dot")
    in_flight: Size = Field(256 * 10**6, ge=1000, description="bytes of held messages at once; beyond it 452")
    rewrite: Wait = Field(timedelta(seconds=2), description="then the message goes out unchanged")


class Spool(Table):
    """Copies of one recipient each (X-Track-Individually), kept on disk until delivered (docs/spool.md)."""

    first_retry: Duration = Field(timedelta(minutes=5), description="after a refused try; then ever longer, up to 1h")
    expiry: Duration = Field(timedelta(days=2), description="then a waiting copy is given up and its sender told")
    delay_report: Duration = Field(
        timedelta(hours=4), description="then the sender is told that a copy still waits; beyond expiry: never"
    )
    keep_credentials: Switch = Field(
        False, description="true: keep a client's password beside its waiting copies, to try again with it"
    )
    in_doubt: Literal["retry", "hold"] = Field(
        "retry", description="connection lost at the end: retry (may come twice) | hold (until you decide)"
    )

    @field_validator("first_retry")
    @classmethod
    def _not_in_a_rush(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= value <= timedelta(days=1):
            raise ValueError("first_retry must lie between 1s and 1d")
        return value

    @field_validator("expiry")
    @classmethod
    def _not_for_ever(cls, value: timedelta) -> timedelta:
        if not timedelta(minutes=1) <= value <= timedelta(days=30):
            raise ValueError("expiry must lie between 1m and 30d")
        return value

    @field_validator("delay_report")
    @classmethod
    def _not_before_it_is_late(cls, value: timedelta) -> timedelta:
        if not timedelta(minutes=1) <= value <= timedelta(days=30):
            raise ValueError("delay_report must lie between 1m and 30d")
        return value


class Settings(Table):
    """The whole of relay.toml."""

    data_dir: Folder = Field(Path("var"), description="everything mailglass keeps; relative to this file's folder")
    listener: tuple[Listener, ...] = Field((Listener(),), min_length=1)
    upstream: dict[str, Upstream] = Field(default_factory=lambda: {"default": Upstream(sandbox=True)})
    tracking: Tracking = Tracking()
    pixel_server: PixelServer = PixelServer()
    dashboard: Dashboard = Dashboard()
    ledger: Ledger = Ledger()
    privacy: Privacy = Privacy()
    hits: Hits = Hits()
    notifications: Notifications = Notifications()
    log: Log = Log()
    limits: Limits = Limits()
    spool: Spool = Spool()

    @classmethod
    def contradictions(cls, given: Given) -> Iterator[tuple[str, str]]:
        listeners: tuple[Listener, ...] = given.get("listener", ())
        binds = [(f"listener[{number}].bind", listener.bind) for number, listener in enumerate(listeners)]
        binds += [(f"{name}.bind", given[name].bind) for name in ("pixel_server", "dashboard") if name in given]
        first: dict[str, str] = {}
        for key, bind in binds:
            if first.setdefault(bind, key) != key and host_and_port(bind)[1]:
                yield key, f'"{bind}" is already taken by {first[bind]}'
        for number, listener in enumerate(listeners):
            if "upstream" in given and listener.upstream not in given["upstream"]:
                yield f"listener[{number}].upstream", f"there is no [upstream.{listener.upstream}]"
        for name, upstream in given.get("upstream", {}).items():
            for number, listener in enumerate(listeners):
                if not upstream.sandbox and reaches(upstream.host, upstream.port, listener.bind):
                    own = f"{upstream.host}:{upstream.port} is listener[{number}] of this very relay"
                    yield f"upstream.{name}.port", f"{own}: mail would go in circles"
        notifier = given["notifications"].upstream if "notifications" in given else ""
        if notifier and "upstream" in given and notifier not in given["upstream"]:
            yield "notifications.upstream", f"there is no [upstream.{notifier}]"

    @property
    def keys_dir(self) -> Path:
        return self.data_dir / "keys"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "spool"

    @property
    def outbox_dir(self) -> Path:
        return self.data_dir / "outbox"

    @property
    def sandboxed(self) -> bool:
        return any(upstream.sandbox for upstream in self.upstream.values())
