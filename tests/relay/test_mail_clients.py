"""Real clients to a real Postfix, straight and through the relay: the same bytes, session and replies."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.relay import mail_clients, real_postfix
from tests.relay.conftest import StartRelay
from tests.relay.mail_clients import Command, Message, Submission, masked, replies_in, submit
from tests.relay.real_postfix import RealPostfix, answer_logins
from tests.relay.running_relay import RunningRelay
from tests.relay.test_tls import Certificates
from tests.relay.upstream_servers import Behaves

pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(real_postfix.missing()), reason=real_postfix.missing()),
]


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
async def postfix(certificates: Certificates) -> AsyncIterator[RealPostfix]:
    """In a folder that Postfix's own user may enter, which pytest's are not."""
    auth = await asyncio.start_server(answer_logins, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory(prefix="postfix-") as folder:
        Path(folder).chmod(0o755)
        server = RealPostfix(Path(folder))
        leaf = certificates.authority.issue_cert("127.0.0.1", "localhost")
        pem = leaf.private_key_and_cert_chain_pem.bytes()
        await asyncio.to_thread(server.start, auth.sockets[0].getsockname()[1], pem)
        yield server
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0)  # its connections to the auth server have ended: their handlers see it
    auth.close()


class Elsewhere(Behaves):
    """Stands for a server that runs already."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port


REAL: dict[str, object] = {"rewriter": None, "decide": None}


@pytest.fixture
async def relay(start_relay: StartRelay, postfix: RealPostfix) -> RunningRelay:
    return await start_relay(Elsewhere(postfix.port), REAL)


def usable(*commands: Command) -> tuple[Command, ...]:
    return tuple(command for command in commands if not mail_clients.missing(command))


@pytest.mark.parametrize("message", [mail_clients.PLAIN, mail_clients.EIGHT_BIT], ids=["plain", "8-bit"])
async def test_every_client_delivers_the_same_bytes_as_without_the_relay(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path, message: Message
) -> None:
    tried = usable(*mail_clients.CLIENTS)
    for command in tried:
        await submit(command, Submission(message, postfix.port, tmp_path / "direct" / command.__name__))
        direct = await postfix.next_message()
        await submit(command, Submission(message, relay.port, tmp_path / "relayed" / command.__name__))
        relayed = await postfix.next_message()
        assert masked(relayed[1]) == masked(direct[1]), command.__name__
        assert relayed[0] == direct[0], command.__name__
        assert relayed[1].strip(), command.__name__
    assert {mail_clients.curl, mail_clients.smtplib} <= set(tried)


async def test_addresses_outside_ascii_pass_as_they_are(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path
) -> None:
    message = mail_clients.INTERNATIONAL
    for command in usable(*mail_clients.WRITES_INTERNATIONAL_ADDRESSES):
        await submit(command, Submission(message, postfix.port, tmp_path / "direct" / command.__name__))
        direct = await postfix.next_message()
        await submit(command, Submission(message, relay.port, tmp_path / "relayed" / command.__name__))
        assert (await postfix.next_message()) == direct, command.__name__
        assert b"UTF8SMTP" in direct[0], command.__name__
        assert postfix.envelopes()[-2:] == [("ü@example.com", "ä@example.net")] * 2, command.__name__


async def test_clients_log_in_over_starttls_and_postfix_sees_what_it_would_see(
    start_relay: StartRelay, postfix: RealPostfix, certificates: Certificates, tmp_path: Path
) -> None:
    """Both ways are encrypted and verified; the client's login is checked by Postfix."""
    leaf = certificates.authority.issue_cert("127.0.0.1", "localhost")
    listener = {"security": "starttls"} | certificates.write("listener", leaf)
    upstream = {"security": "starttls", "ca_file": str(certificates.ca_file)}
    relay = await start_relay(Elsewhere(postfix.port), REAL, listener=listener, upstream=upstream)
    for command in usable(*mail_clients.CLIENTS):
        to = Submission(
            mail_clients.EIGHT_BIT, postfix.port, tmp_path / "d" / command.__name__, certificates.ca_file, True
        )
        await submit(command, to)
        direct = await postfix.next_message()
        await submit(command, replace(to, port=relay.port, folder=tmp_path / "r" / command.__name__))
        relayed = await postfix.next_message()
        assert masked(relayed[1]) == masked(direct[1]), command.__name__
        assert relayed[0] == direct[0], command.__name__
        assert b"ESMTPSA" in relayed[0], command.__name__  # encrypted, with a login (RFC 3848)


@pytest.mark.parametrize("recipient", ["b@example.net", "b@refused.example.org"], ids=["accepted", "refused"])
@pytest.mark.parametrize("command", [mail_clients.swaks, mail_clients.curl])
async def test_clients_hear_the_same_replies_as_without_the_relay(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path, command: Command, recipient: str
) -> None:
    if mail_clients.missing(command):
        pytest.skip(mail_clients.missing(command))
    message = replace(mail_clients.PLAIN, recipient=recipient)
    heard = []
    for number, port in enumerate((postfix.port, relay.port)):
        try:
            printed = await submit(command, Submission(message, port, tmp_path / str(number)))
        except AssertionError as failure:
            printed = str(failure)
        heard.append(replies_in(printed))
    assert heard[0] == heard[1]
    assert any(line.startswith("250 2.0.0 Ok: *" if "net" in recipient else "5") for line in heard[0]), heard


@pytest.mark.parametrize("command", [mail_clients.swaks, mail_clients.curl, mail_clients.smtplib])
async def test_a_message_that_asks_is_tracked_on_its_way_to_postfix(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path, command: Command
) -> None:
    if mail_clients.missing(command):
        pytest.skip(mail_clients.missing(command))
    asking = replace(mail_clients.EIGHT_BIT, text="X-Track: all\n" + mail_clients.EIGHT_BIT.text)
    await submit(command, Submission(asking, relay.port, tmp_path / "tracked"))
    _, raw = await postfix.next_message()
    assert b"/o/" in raw
    assert b"/c/" in raw
    assert b"X-Track" not in raw
    assert (relay.records.only.opens, relay.records.only.links) == (True, True)
