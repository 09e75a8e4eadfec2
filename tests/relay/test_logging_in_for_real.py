"""Real clients log in at a real Postfix whose logins a real Dovecot checks, straight and through the relay."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from tests.relay import mail_clients, real_dovecot, real_postfix
from tests.relay.conftest import StartRelay
from tests.relay.mail_clients import Command, Submission, replies_in, submit
from tests.relay.real_dovecot import MECHANISMS, RealDovecot, token
from tests.relay.real_postfix import USER, RealPostfix
from tests.relay.running_relay import RunningRelay
from tests.relay.test_mail_clients import REAL, Elsewhere

MISSING = real_postfix.missing() or real_dovecot.missing()

pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]

PASSWORDS = MECHANISMS[:5]
TOKENS = MECHANISMS[5:]
# swaks knows no SCRAM, Debian's curl is built without it; curl takes no other way with a token where it may choose.
WAYS: list[tuple[Command, str]] = [
    *((mail_clients.msmtp, one) for one in MECHANISMS),
    *((mail_clients.curl, one) for one in (*PASSWORDS[:3], TOKENS[0])),
    *((mail_clients.swaks, one) for one in PASSWORDS[:3]),
    *((mail_clients.gsasl, one) for one in PASSWORDS[3:]),
]


@pytest.fixture(scope="module")
def postfix() -> Iterator[RealPostfix]:
    with tempfile.TemporaryDirectory(prefix="postfix-") as folder, tempfile.TemporaryDirectory(prefix="dov-") as other:
        for path in (folder, other):
            Path(path).chmod(0o755)  # their own users have to come in
        dovecot, server = RealDovecot(Path(other)), RealPostfix(Path(folder))
        try:
            dovecot.start()
            pem = trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
            try:
                server.start(dovecot.port, pem)
                yield server
            finally:
                server.stop()
        finally:
            dovecot.stop()


@pytest.fixture
async def relay(start_relay: StartRelay, postfix: RealPostfix) -> RunningRelay:
    return await start_relay(Elsewhere(postfix.port), REAL)


def submission(port: int, folder: Path, mechanism: str) -> Submission:
    secret = token() if mechanism in TOKENS else real_postfix.PASSWORD
    return Submission(mail_clients.PLAIN, port, folder, login=True, mechanism=mechanism, secret=secret)


def logins(postfix: RealPostfix) -> list[tuple[str, str]]:
    """How and as whom Postfix has let clients in so far."""
    log = (postfix.folder / "log").read_text("utf-8", "replace")
    return re.findall(r"sasl_method=(\S+), sasl_username=(\S+)", log)


async def heard(command: Command, to: Submission) -> tuple[bool, list[str]]:
    """Whether the client says that it succeeded, and what it heard."""
    try:
        return True, replies_in(await submit(command, to))
    except AssertionError as failure:
        return False, replies_in(str(failure))


@pytest.mark.parametrize(("command", "mechanism"), WAYS, ids=lambda one: one if isinstance(one, str) else one.__name__)
async def test_clients_log_in_as_they_would_without_the_relay(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path, command: Command, mechanism: str
) -> None:
    if mail_clients.missing(command):
        pytest.skip(mail_clients.missing(command))
    to = submission(postfix.port, tmp_path / "direct", mechanism)
    before = logins(postfix).count((mechanism, USER))
    direct = await heard(command, to)
    assert direct[0], direct
    message = await postfix.next_message() if command is not mail_clients.gsasl else None
    assert await heard(command, replace(to, port=relay.port, folder=tmp_path / "relayed")) == direct
    if command is not mail_clients.gsasl:
        assert await postfix.next_message() == message
        async with asyncio.timeout(60):
            while logins(postfix).count((mechanism, USER)) < before + 2:  # its log may be written after the mail
                await asyncio.sleep(0.02)
        assert any(line.startswith("235 2.7.0 ") for line in direct[1]), direct


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_login_that_fails_fails_as_without_the_relay(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path, mechanism: str
) -> None:
    command = mail_clients.msmtp
    if mail_clients.missing(command):
        pytest.skip(mail_clients.missing(command))
    wrong = "not-the-password" if mechanism in PASSWORDS else token(lives_seconds=-100)
    to = replace(submission(postfix.port, tmp_path / "direct", mechanism), secret=wrong)
    direct = await heard(command, to)
    assert not direct[0]
    assert any(line.startswith("535 5.7.8 ") for line in direct[1]), direct
    assert await heard(command, replace(to, port=relay.port, folder=tmp_path / "relayed")) == direct


async def test_the_relay_offers_the_mechanisms_of_postfix(relay: RunningRelay, postfix: RealPostfix) -> None:
    offered = []
    for port in (postfix.port, relay.port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readuntil(b"\r\n")
        writer.write(b"EHLO client.example.com\r\n")
        lines = [*(await reader.readuntil(b"250 ")).split(b"\r\n"), await reader.readuntil(b"\r\n")]
        offered += [line.split()[1:] for line in lines if b"AUTH" in line]
        writer.close()
        await writer.wait_closed()
    assert offered == [[name.encode() for name in MECHANISMS]] * 2
