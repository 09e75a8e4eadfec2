"""Real clients to a real Postfix, straight and through the relay: the same bytes, the same session."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from tests.relay import mail_clients, real_postfix
from tests.relay.conftest import StartRelay
from tests.relay.mail_clients import Submission, masked, submit
from tests.relay.real_postfix import RealPostfix, answer_logins
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import Behaves

pytestmark = [pytest.mark.clients, pytest.mark.skipif(bool(real_postfix.missing()), reason=real_postfix.missing())]


@pytest.fixture
async def postfix() -> AsyncIterator[RealPostfix]:
    """In a folder that Postfix's own user may enter, which pytest's are not."""
    auth = await asyncio.start_server(answer_logins, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory(prefix="postfix-") as folder:
        Path(folder).chmod(0o755)
        server = RealPostfix(Path(folder))
        await asyncio.to_thread(server.start, auth.sockets[0].getsockname()[1])
        yield server
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0)  # its connections to the auth server have ended: their handlers see it
    auth.close()


class Elsewhere(Behaves):
    """Stands for a server that runs already."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port


@pytest.fixture
async def relay(start_relay: StartRelay, postfix: RealPostfix) -> RunningRelay:
    return await start_relay(Elsewhere(postfix.port), {"rewriter": None, "decide": None})


@pytest.mark.timeout(240)
async def test_every_client_delivers_the_same_bytes_as_without_the_relay(
    relay: RunningRelay, postfix: RealPostfix, tmp_path: Path
) -> None:
    tried = []
    for command in (*mail_clients.CLIENTS, mail_clients.smtputf8):
        if not await asyncio.to_thread(mail_clients.missing, command):
            await submit(command, Submission(postfix.port, tmp_path / "direct" / command.__name__))
            direct = await postfix.next_message()
            await submit(command, Submission(relay.port, tmp_path / "relayed" / command.__name__))
            relayed = await postfix.next_message()
            assert masked(relayed[1]) == masked(direct[1]), command.__name__
            assert relayed[0] == direct[0], command.__name__
            assert b"Gr" in relayed[1], command.__name__
            tried.append(command.__name__)
    assert {"swaks", "curl", "smtplib"} <= set(tried)


@pytest.mark.timeout(240)
async def test_clients_log_in_over_starttls_and_postfix_sees_their_login(
    start_relay: StartRelay, postfix: RealPostfix, tmp_path: Path
) -> None:
    authority = trustme.CA()
    ca_file, chain, key = (tmp_path / name for name in ("ca.pem", "chain.pem", "key.pem"))
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(ca_file)
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(key)
    listener = {"security": "starttls", "certificate": str(chain), "private_key": str(key)}
    relay = await start_relay(Elsewhere(postfix.port), {"rewriter": None, "decide": None}, listener=listener)
    for command in mail_clients.LOGS_IN_AND_ENCRYPTS:
        if not await asyncio.to_thread(mail_clients.missing, command):
            to = Submission(relay.port, tmp_path / command.__name__, ca_file, login=True)
            await submit(command, to)
            received, _ = await postfix.next_message()
            assert b"ESMTPA" in received, command.__name__  # the A stands for a login (RFC 3848)


@pytest.mark.parametrize("command", [mail_clients.swaks, mail_clients.curl, mail_clients.smtplib])
async def test_a_message_that_asks_is_tracked_on_its_way_to_postfix(
    relay: RunningRelay,
    postfix: RealPostfix,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., object],
) -> None:
    monkeypatch.setattr(mail_clients, "MESSAGE", "X-Track: all\n" + mail_clients.MESSAGE)
    monkeypatch.setattr(mail_clients, "CRLF_MESSAGE", "X-Track: all\r\n" + mail_clients.CRLF_MESSAGE)
    await submit(command, Submission(relay.port, tmp_path / "tracked"))  # type: ignore[arg-type]
    _, raw = await postfix.next_message()
    assert b"/o/" in raw
    assert b"/c/" in raw
    assert b"X-Track" not in raw
    assert (relay.records.only.opens, relay.records.only.links) == (True, True)
