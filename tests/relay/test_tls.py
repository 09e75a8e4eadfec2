"""TLS on both sides: nothing is downgraded, nothing said in clear counts after the encryption."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from relay.limits import MOST_TOLD
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import PASSWORD, Behaves, Scripted, Talk

BODY = b"Subject: x\r\n\r\nHello\r\n"
SHORT = {"upstream_connect": "1s", "upstream_reply": "1s"}
GOOD = b64encode(b"\0user@example.com\0" + PASSWORD.encode())


class Certificates:
    """An authority and what it signs, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)

    def write(self, name: str = "server", issued: trustme.LeafCert | None = None) -> dict[str, str]:
        leaf = issued or self.authority.issue_cert("127.0.0.1")
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.unlink(missing_ok=True)
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(certificate, append=True)
        leaf.private_key_pem.write_to_path(key)
        return {"certificate": str(certificate), "private_key": str(key)}

    def server_context(self, issued: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (issued or self.authority.issue_cert("127.0.0.1")).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def encrypt(client: Client, certificates: Certificates) -> None:
    assert (await client.ask(b"STARTTLS")).startswith(b"220 ")
    await client.writer.start_tls(certificates.client_context(), server_hostname="127.0.0.1")


@pytest.fixture
async def tls_relay(start_relay: StartRelay, upstream: Behaves, certificates: Certificates) -> RunningRelay:
    return await start_relay(upstream, listener={"security": "starttls"} | certificates.write())


@pytest.fixture
async def exposed_relay(start_relay: StartRelay, upstream: Behaves, certificates: Certificates) -> RunningRelay:
    """Listens beyond loopback."""
    table = {"security": "starttls", "bind": "0.0.0.0:0"} | certificates.write()
    return await start_relay(upstream, listener=table)


async def test_starttls_then_everything_as_before(
    tls_relay: RunningRelay, upstream: Behaves, certificates: Certificates
) -> None:
    client = await tls_relay.session()
    await encrypt(client, certificates)
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"503")
    offered = await client.ask(b"EHLO client.example.com")
    assert b"STARTTLS" not in offered
    assert (await client.ask(b"STARTTLS")).startswith(b"503")
    assert (await client.submit(b"Subject: x\r\n\r\n" + b"y" * 300_000 + b"\r\n")).startswith(b"250")
    assert len(upstream.delivered[0].content) == 300_016


async def test_implicit_tls(start_relay: StartRelay, upstream: Behaves, certificates: Certificates) -> None:
    relay = await start_relay(upstream, listener={"security": "tls"} | certificates.write())
    streams = await asyncio.open_connection("127.0.0.1", relay.port, ssl=certificates.client_context())
    client = Client(*streams)
    relay.clients.append(client)
    assert (await client.reply()).startswith(b"220")
    assert b"STARTTLS" not in await client.ask(b"EHLO client.example.com")
    assert (await client.submit(BODY)).startswith(b"250")


async def encrypted(relay: RunningRelay, certificates: Certificates) -> Client:
    client = Client(*await asyncio.open_connection("127.0.0.1", relay.port, ssl=certificates.client_context()))
    relay.clients.append(client)
    return client


async def until_admitted(relay: RunningRelay, certificates: Certificates) -> Client:
    """A client that has heard the greeting; until those before it are gone it is turned away, or hung up on."""
    async with asyncio.timeout(20):
        while True:
            with suppress(ConnectionError, ssl.SSLError):
                client = await encrypted(relay, certificates)
                if (await client.reply()).startswith(b"220"):
                    return client
            await asyncio.sleep(0)


async def test_a_client_counts_while_it_has_not_begun_its_handshake(
    start_relay: StartRelay, upstream: Behaves, certificates: Certificates
) -> None:
    """T41: or one of them could take all file descriptors, twenty seconds each."""
    table = {"security": "tls"} | certificates.write()
    relay = await start_relay(upstream, listener=table, limits={"connections_per_address": 5})
    silent = [await relay.connect(greeting=False) for _ in range(5)]
    turned_away = await encrypted(relay, certificates)
    assert (await turned_away.everything()).startswith(b"421 4.7.0 ")
    crowd = [await relay.connect(greeting=False) for _ in range(MOST_TOLD + 5)]
    ends = [asyncio.create_task(client.reader.read(1)) for client in crowd]
    async with asyncio.timeout(20):
        while sum(end.done() for end in ends) < 5:  # are hung up on at once
            await asyncio.sleep(0)
    for client in (*silent, *crowd):
        client.close()
    await until_admitted(relay, certificates)
    await asyncio.gather(*ends, return_exceptions=True)


@pytest.mark.parametrize("what", [b"EHLO client.example.com\r\n", b"", b"\x16\x03\x01\x00\x05"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_handshakes_that_come_to_nothing_count_no_more(
    start_relay: StartRelay, upstream: Behaves, certificates: Certificates, what: bytes, how: str
) -> None:
    table = {"security": "tls"} | certificates.write()
    relay = await start_relay(upstream, listener=table, limits={"connections_per_address": 2})
    for _ in range(5):
        client = await relay.connect(greeting=False)
        await client.send(what)
        client.close() if how == "close" else client.reset()
        good = await until_admitted(relay, certificates)
        assert (await good.ask(b"EHLO client.example.com")).startswith(b"250")
        assert await good.ask(b"QUIT")
        good.close()
    async with asyncio.timeout(20):
        await relay.server.ports[0].around.sessions.until_empty()
        while relay.server.ports[0].around.doorkeeper._being_told:
            await asyncio.sleep(0)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("last", [b"QUIT", b"NOOP", b""])
async def test_clients_that_end_their_tls_connections_with_a_reset_are_let_go(
    start_relay: StartRelay, upstream: Behaves, certificates: Certificates, security: str, last: bytes
) -> None:
    """More of them than may be there at once; a reset is what many systems make of a reply that was never read."""
    relay = await start_relay(upstream, listener={"security": security} | certificates.write())
    sessions = relay.server.ports[0].around.sessions
    for _ in range(25):
        if security == "tls":
            streams = await asyncio.open_connection("127.0.0.1", relay.port, ssl=certificates.client_context())
            client = Client(*streams)
            assert (await client.reply()).startswith(b"220 ")
        else:
            client = await relay.session()
            await encrypt(client, certificates)
        assert (await client.ask(b"EHLO client.example.com")).startswith(b"250")
        (session,) = sessions
        if last:
            await client.send(last + b"\r\n")
            await upstream.until(lambda: upstream.commands[-1] == last)
        client.reset()
        async with asyncio.timeout(20):
            await sessions.until_empty()
        assert session.is_over  # type: ignore[attr-defined]
    await upstream.until(lambda: upstream.open_connections == 0)


async def test_the_relay_can_be_stopped_while_clients_reset_their_tls_connections(
    start_relay: StartRelay, upstream: Behaves, certificates: Certificates
) -> None:
    relay = await start_relay(upstream, listener={"security": "tls"} | certificates.write())
    streams = await asyncio.open_connection("127.0.0.1", relay.port, ssl=certificates.client_context())
    client = Client(*streams)
    await client.reply()
    await client.ask(b"EHLO client.example.com")
    (session,) = relay.server.ports[0].around.sessions
    transport = session.client.transport  # type: ignore[attr-defined]
    client.reset()
    async with asyncio.timeout(20):
        while not transport.is_closing():  # the reset has come; the session hears of it a turn of the loop later
            await asyncio.sleep(0)
    await relay.server.stop(grace_seconds=20)
    assert session.is_over  # type: ignore[attr-defined]


async def test_commands_sent_along_with_starttls_end_the_session(tls_relay: RunningRelay, upstream: Behaves) -> None:
    """T17: nothing a stranger injects before the encryption is executed after it."""
    client = await tls_relay.session()
    await client.send(b"STARTTLS\r\nEHLO x\r\nMAIL FROM:<evil@example.org>\r\n")
    assert (await client.everything()).startswith(b"501 5.5.4 ")
    assert not any(b"evil" in command for command in upstream.commands)


@pytest.mark.parametrize("octets", [6_000, 1_000_000])
async def test_plaintext_where_the_handshake_should_be_ends_the_connection(
    tls_relay: RunningRelay, octets: int
) -> None:
    """T18."""
    client = await tls_relay.session()
    assert (await client.ask(b"STARTTLS")).startswith(b"220")
    try:
        await client.send(b"x" * octets)
        await client.everything(25)
    except ConnectionError:
        pass
    assert (await (await tls_relay.session()).submit(BODY)).startswith(b"250")


async def test_a_login_made_in_clear_is_forgotten_after_starttls(
    tls_relay: RunningRelay, upstream: Behaves, certificates: Certificates
) -> None:
    client = await tls_relay.session()
    assert (await client.ask(b"AUTH PLAIN " + GOOD)).startswith(b"235")
    await encrypt(client, certificates)
    await client.ask(b"EHLO client.example.com")
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_a_client_with_tls_1_1_gets_no_connection(tls_relay: RunningRelay, certificates: Certificates) -> None:
    """D06: and one with 1.2 does."""
    for version, is_welcome in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = certificates.client_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        client = await tls_relay.session()
        assert (await client.ask(b"STARTTLS")).startswith(b"220")
        try:
            await client.writer.start_tls(context, server_hostname="127.0.0.1")
            assert is_welcome
        except (ssl.SSLError, ConnectionError):
            assert not is_welcome


RELAY_TRICKS = [
    [b"MAIL FROM:<a@example.com>"],
    [b"MAIL FROM:<>"],
    [b"MAIL FROM:<x@localhost>"],
    [b"RCPT TO:<b%t2@example.net>"],
    [b'RCPT TO:<"b@t2"@example.net>'],
    [b"RCPT TO:<@t:b@example.net>"],
    [b"RCPT TO:<t2!b@example.net>"],
    [b"DATA"],
    [b"VRFY b"],
]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("lines", RELAY_TRICKS)
async def test_beyond_loopback_nothing_goes_without_tls_and_login(
    exposed_relay: RunningRelay, upstream: Behaves, certificates: Certificates, lines: list[bytes], encrypted: bool
) -> None:
    """T37."""
    client = await exposed_relay.session()
    if encrypted:
        await encrypt(client, certificates)
        await client.ask(b"EHLO client.example.com")
    for line in lines:
        assert (await client.ask(line)).startswith(b"530 5.7.0 ")
    assert not any(command.startswith((b"MAIL", b"RCPT", b"DATA")) for command in upstream.commands)


async def test_beyond_loopback_auth_needs_tls_first(
    exposed_relay: RunningRelay, upstream: Behaves, certificates: Certificates
) -> None:
    """T23."""
    client = await exposed_relay.connect()
    assert b"AUTH" not in await client.ask(b"EHLO client.example.com")
    assert (await client.ask(b"AUTH PLAIN AGEAYg==")).startswith(b"538 5.7.11 ")
    await encrypt(client, certificates)
    assert b"AUTH PLAIN" in await client.ask(b"EHLO client.example.com")
    assert (await client.ask(b"AUTH PLAIN " + GOOD)).startswith(b"235")
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"user@example.com"


async def test_a_renewed_certificate_is_used_for_new_connections(
    tls_relay: RunningRelay, certificates: Certificates
) -> None:
    """F13."""

    async def serial() -> str:
        client = await tls_relay.session()
        await encrypt(client, certificates)
        return str(client.writer.get_extra_info("peercert")["serialNumber"])

    before = await serial()
    (certificates.folder / "server.pem").write_text("half written", "utf-8")
    tls_relay.server.refresh_certificates()
    assert await serial() == before
    certificates.write()
    tls_relay.server.refresh_certificates()
    assert await serial() != before


class SpeaksTls(Behaves):
    def __init__(self, context: ssl.SSLContext, implicit: bool = False) -> None:
        super().__init__()
        self.tls = context
        self.implicit_tls = implicit


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_upstream_that_can_be_verified_gets_everything_encrypted(
    start_relay: StartRelay, certificates: Certificates, security: str
) -> None:
    upstream = SpeaksTls(certificates.server_context(), implicit=security == "tls")
    relay = await start_relay(upstream, upstream={"security": security, "ca_file": str(certificates.ca_file)})
    client = await relay.session()
    assert (await client.ask(b"AUTH PLAIN " + GOOD)).startswith(b"235")
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].content == BODY


def broken(certificates: Certificates, how: str) -> ssl.SSLContext:
    if how == "self-signed":
        return certificates.server_context(trustme.CA().issue_cert("127.0.0.1"))
    if how == "expired":
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        return certificates.server_context(certificates.authority.issue_cert("127.0.0.1", not_after=past))
    if how == "wrong name":
        return certificates.server_context(certificates.authority.issue_cert("other.example.com"))
    context = certificates.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("how", ["self-signed", "expired", "wrong name", "TLS 1.1 only"])
async def test_an_upstream_that_cannot_be_verified_gets_nothing(
    start_relay: StartRelay, certificates: Certificates, how: str, security: str
) -> None:
    """T21."""
    upstream = SpeaksTls(broken(certificates, how), implicit=security == "tls")
    table = {"security": security, "ca_file": str(certificates.ca_file)}
    relay = await start_relay(upstream, upstream=table, limits=SHORT)
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"451 4.7.5 ")
    assert not any(command.startswith((b"AUTH", b"MAIL")) for command in upstream.commands)


@pytest.mark.parametrize("how", ["not offered", "454", "injected reply"])
async def test_without_starttls_the_upstream_gets_neither_login_nor_mail(start_relay: StartRelay, how: str) -> None:
    """T19, T20."""

    class Strips(Scripted):
        extensions = (*Behaves.extensions, b"STARTTLS") if how != "not offered" else Behaves.extensions

        async def on_starttls(self, talk: Talk, line: bytes) -> bytes:
            if how == "454":
                return b"454 4.7.0 TLS not available\r\n"
            return b"220 go\r\n250 fake\r\n"

    upstream = Strips()
    relay = await start_relay(upstream, upstream={"security": "starttls"}, limits=SHORT)
    client = await relay.connect()
    reply = await client.ask(b"EHLO client.example.com")
    assert reply.startswith(b"451 4."), reply
    if how != "injected reply":
        assert reply.startswith(b"451 4.7.")
    assert (await client.ask(b"AUTH PLAIN " + GOOD)).startswith(b"503")
    assert not any(command.startswith((b"AUTH", b"MAIL")) for command in upstream.commands)


async def test_a_plain_server_on_the_tls_port_is_a_451_in_time(start_relay: StartRelay) -> None:
    """T22."""
    relay = await start_relay(Behaves(), upstream={"security": "tls"}, limits=SHORT)
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"451 4.")
