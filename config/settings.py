"""Every setting, once: its name, type, bounds, default and the comment it carries in relay.toml.

One model per TOML table. What reads the file, the environment and secret files is load.py; what prints relay.toml
and docs/configuration.md from these models is reference.py. Knows no file, socket or clock.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.units import parse_duration, parse_size

Size = Annotated[int, BeforeValidator(parse_size)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Network = IPv4Network | IPv6Network


class Table(BaseModel):
    """One TOML table: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _parse_bind(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f'"{text}" is no address; write it like "127.0.0.1:2525" or "[::1]:2525"')
    bare = host.removeprefix("[").removesuffix("]")
    if bare not in ("localhost", "*"):
        ip_address(bare)
    return text


Bind = Annotated[str, BeforeValidator(_parse_bind)]


def host_and_port(bind: str) -> tuple[str, int]:
    """("127.0.0.1", 2525) for a checked bind; "*" becomes the wildcard of both families (empty host)."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    return ("" if host == "*" else host), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Listener(Table):
    """Where mail clients connect."""

    bind: Bind = Field("127.0.0.1:2525", description="address and port; beyond loopback only with TLS and login")
    upstream: str = Field("default", description="name of the [upstream.NAME] that gets this listener's mail")
    security: Literal["none", "starttls", "tls"] = Field("none", description="none | starttls | tls")
    certificate: Path | None = Field(None, description="PEM file with the chain; read again when it changes")
    private_key: Path | None = Field(None, description="PEM file with the key")
    default: str = Field("none", description='what a message without headers gets: "none", "opens, links", "all"')

    @model_validator(mode="after")
    def _tls_needs_a_certificate(self) -> Listener:
        if self.security != "none" and (self.certificate is None or self.private_key is None):
            raise ValueError(f'security = "{self.security}" needs certificate and private_key')
        if self.security == "none" and not is_loopback(host_and_port(self.bind)[0]):
            raise ValueError(f'"{self.bind}" is not loopback: set security to "starttls" or "tls"')
        return self

    @field_validator("certificate", "private_key", mode="before")
    @classmethod
    def _empty_means_none(cls, value: object) -> object:
        return None if value == "" else value


class Upstream(Table):
    """The real SMTP server."""

    sandbox: bool = Field(False, description="true: file mail under data_dir/outbox instead of sending it")
    host: str = Field("", description="name of the SMTP server, as in its certificate")
    port: int = Field(587, ge=1, le=65535, description="587 with starttls, 465 with tls")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="starttls | tls | none (loopback)")
    login: Literal["client", "account"] = Field("client", description="client: passed through | account: our own")
    username: str = Field("", description='for login = "account"')
    password: SecretStr = Field(SecretStr(""), description="better in password_file")
    password_file: Path | None = Field(None, description="file that holds the password alone")
    ca_file: Path | None = Field(None, description="PEM file of a certificate authority of your own")
    allow_plaintext: bool = Field(False, description='true: security = "none" beyond loopback (no privacy at all)')

    @field_validator("password_file", "ca_file", mode="before")
    @classmethod
    def _empty_means_none(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _reachable_and_private(self) -> Upstream:
        if self.sandbox:
            return self
        if not self.host:
            raise ValueError("needs host, or sandbox = true")
        if self.security == "none" and not self.allow_plaintext and not is_loopback(self.host):
            raise ValueError(f'security = "none" to "{self.host}" needs allow_plaintext = true')
        if self.login == "account" and not self.username:
            raise ValueError('login = "account" needs username and password_file')
        return self


Dialect = Literal[
    "postmark", "mailgun", "mandrill", "sendgrid", "sparkpost", "mailjet", "smtpeter", "emailengine", "ahasend",
    "leadpush",
]  # fmt: skip


class Tracking(Table):
    """What is tracked, and how far."""

    public_url: str = Field("http://127.0.0.1:8025", description="where recipients reach the pixel server")
    identity: Literal["individual", "aggregate", "off"] = Field(
        "individual", description="individual | aggregate | off: a ceiling no header can raise"
    )
    dialects: tuple[Dialect, ...] = Field((), description='headers of hosted services to accept: "postmark", …')
    subject_tag: str = Field("", description='a word in the subject that asks for tracking, such as "#track"')
    skip_domains: tuple[str, ...] = Field((), description="links to these domains stay as they are")
    never_recipients: tuple[str, ...] = Field((), description="addresses or @domains that are never tracked")
    text_is_url: Literal["same-site", "leave", "track"] = Field(
        "same-site", description="links whose text is a URL: same-site | leave | track"
    )
    quoted: Literal["leave", "track"] = Field("leave", description="links in quoted text: leave | track")
    record_untracked: bool = Field(False, description="true: list messages without opt-in too (no body, no links)")
    dkim_signed: Literal["leave", "track"] = Field("leave", description="messages with a DKIM-Signature: leave | track")
    dkim_key_file: Path | None = Field(None, description='private key to sign again with dkim_signed = "track"')
    dkim_selector: str = Field("", description="selector of that key")
    dkim_domain: str = Field("", description="domain of that key")
    on_ledger_failure: Literal["send-untracked", "refuse"] = Field(
        "send-untracked", description="send-untracked | refuse (451, the client tries again)"
    )
    max_size: Size = Field(32 * 10**6, gt=0, description="larger messages go out unchanged, reason too-large")
    aggregate_minimum: int = Field(20, ge=10, description='recipients that identity = "aggregate" needs at least')

    @field_validator("dkim_key_file", mode="before")
    @classmethod
    def _empty_means_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("public_url")
    @classmethod
    def _plain_http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f'"{value}" is no http(s) URL without query')
        if not value.isascii() or any(letter in value for letter in " \"'<>`"):
            raise ValueError(f'"{value}" must be plain ASCII; write an international host as xn--…')
        return value.rstrip("/")


class PixelServer(Table):
    """The public side: pixels, links, recipients' pages."""

    bind: Bind = Field("127.0.0.1:8025", description="address and port; a reverse proxy adds https")
    trusted_proxies: tuple[Network, ...] = Field((), description="networks whose X-Forwarded-For is believed")
    workers: int = Field(1, ge=1, le=64, description="processes that answer; one of them writes")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return tuple(ip_network(item) for item in value) if isinstance(value, list | tuple) else value


class Dashboard(Table):
    """The private side: what you look at."""

    bind: Bind = Field("127.0.0.1:8026", description="address and port; put TLS before it beyond loopback")
    allowed_hosts: tuple[str, ...] = Field((), description="host names it answers to, beside its own address")


class Ledger(Table):
    """Where records, hits and consents are kept."""

    url: str = Field("sqlite:///mailglass.db", description="relative to data_dir; or postgresql://…")
    durability: Literal["power", "process"] = Field(
        "power", description="power (fsync each commit group) | process (survives a crash of mailglass only)"
    )


class Privacy(Table):
    """What is kept about people, and for how long."""

    consent: Literal["sender", "required"] = Field(
        "sender", description="sender: the sender's header is enough | required: only consenting recipients"
    )
    ip_address: Literal["truncate", "none", "full"] = Field("truncate", description="truncate | none | full")
    user_agent: Literal["family", "none", "full"] = Field("family", description="family | none | full")
    keep_hits: Duration = Field(timedelta(days=400), description="then hits become daily counts; links work on")
    notice: bool = Field(False, description="true: every tracked message says so visibly")
    honour_gpc: bool = Field(False, description="true: a click with Sec-GPC is stored without identity")

    @field_validator("keep_hits")
    @classmethod
    def _not_for_ever(cls, value: timedelta) -> timedelta:
        if not timedelta(days=1) <= value <= timedelta(days=3660):
            raise ValueError("keep_hits must lie between 1d and 3660d")
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
    networks_file: Path | None = Field(None, description="optional network lists (docs/classes.md)")

    @field_validator("networks_file", mode="before")
    @classmethod
    def _empty_means_none(cls, value: object) -> object:
        return None if value == "" else value


class Log(Table):
    """What is said while running."""

    level: Literal["info", "warning", "error", "debug"] = Field("info", description="debug | info | warning | error")
    format: Literal["text", "json"] = Field("text", description="text | json")


class Limits(Table):
    """Bounds of the SMTP side."""

    connections: int = Field(200, ge=1, description="clients at once")
    connections_per_address: int = Field(20, ge=1, description="clients at once from one address")
    recipients: int = Field(1000, ge=100, description="per message (RFC 5321 wants at least 100)")
    message_size: Size = Field(50 * 10**6, gt=0, description="larger messages are refused with 552")
    line_length: Size = Field(10**6, ge=1000, description="longer lines in a message are refused with 554")
    auth_attempts: int = Field(5, ge=1, description="per connection, then 421")
    client_idle: Duration = Field(timedelta(minutes=5), description="silence after which a client is dropped")
    upstream_connect: Duration = Field(timedelta(seconds=30), description="for connection, greeting and TLS")
    upstream_reply: Duration = Field(timedelta(minutes=5), description="for a reply to a command")
    upstream_final: Duration = Field(timedelta(minutes=10), description="for the reply after the final dot")
    in_flight: Size = Field(256 * 10**6, gt=0, description="bytes of held messages at once; beyond it 452")
    rewrite: Duration = Field(timedelta(seconds=2), description="then the message goes out unchanged")


class Settings(Table):
    """The whole of relay.toml."""

    data_dir: Path = Field(Path("var"), description="everything mailglass keeps; relative to this file's folder")
    listener: tuple[Listener, ...] = Field((Listener(),), min_length=1)
    upstream: dict[str, Upstream] = Field(default_factory=lambda: {"default": Upstream(sandbox=True)})
    tracking: Tracking = Tracking()
    pixel_server: PixelServer = PixelServer()
    dashboard: Dashboard = Dashboard()
    ledger: Ledger = Ledger()
    privacy: Privacy = Privacy()
    hits: Hits = Hits()
    log: Log = Log()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _upstreams_exist(self) -> Settings:
        for number, listener in enumerate(self.listener):
            if listener.upstream not in self.upstream:
                raise ValueError(f"listener[{number}].upstream: there is no [upstream.{listener.upstream}]")
        return self

    @property
    def keys_dir(self) -> Path:
        return self.data_dir / "keys"

    @property
    def outbox_dir(self) -> Path:
        return self.data_dir / "outbox"

    @property
    def sandboxed(self) -> bool:
        return any(upstream.sandbox for upstream in self.upstream.values())
