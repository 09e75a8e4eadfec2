"""Slow upstreams, clients that leave or come in crowds, a stop in the middle, no more files, addresses beyond ASCII."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from relay.replies import Fault, RelayFault
from tests.relay.running_relay import Client, RunningRelay
from tests.spool.messages import other_id
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot, at_rcpt
from tests.spool.test_kill import relay_process, until
from tests.spool.test_through_the_relay import MESSAGE, R1, R2, R3, CopyKeeping, run_relay, settings_for, start
from tests.spool.workbench import RECIPIENTS, workbench

__all__ = ["start"]  # a fixture


async def session_with(port: int) -> Client:
    client = await Client.connect(port)
    await client.reply()
    await client.ask(b"EHLO client.example.com")
    return client


async def begun(port: int, *recipients: bytes) -> Client:
    """A client that has sent its message and waits."""
    client = await session_with(port)
    await client.begin(*recipients)
    await client.ask(b"DATA")
    await client.send(MESSAGE + b".\r\n")
    return client


async def test_the_first_acceptance_is_answered_though_the_upstream_is_slow_afterwards(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """The client hears 250 within the grace, and who hangs up then loses nobody."""
    upstream.holds[R2.decode()] = asyncio.Event()
    async with relay_process(tmp_path / "data", upstream, ledger="forgetful") as relay:
        client = await begun(relay.port, R1, R2, R3)
        reply = await client.reply()
        assert reply.startswith(b"250 ")
        assert b"1 of 3 copies sent, 2 waiting" in reply
        client.reset()
        upstream.holds[R2.decode()].set()
        await upstream.wait_for(3)
        await until(lambda: not [*(tmp_path / "data" / "spool").glob("*.mail")], "the spool never became empty")
    assert upstream.addresses() == [R1.decode(), R2.decode(), R3.decode()]


@pytest.mark.parametrize(("held", "code"), [(R1, b"451 4.4.2"), (R2, b"250")])
async def test_a_stop_in_the_middle_loses_nobody_and_tells_the_client_the_truth(
    upstream: ScriptedUpstream, tmp_path: Path, held: bytes, code: bytes
) -> None:
    """Stopped while the upstream thinks about a copy: the first, whose fate is not known then, or a later one."""
    upstream.holds[held.decode()] = asyncio.Event()
    data_dir = tmp_path / "data"
    async with relay_process(data_dir, upstream, ledger="forgetful") as relay:
        client = await begun(relay.port, R1, R2, R3)
        await upstream.wait_for(1 if held == R1 else 2)
        if held == R2:
            reply = await client.reply()
            assert reply.startswith(code)
        relay.process.send_signal(signal.SIGTERM)
        if held == R1:
            reply = await client.reply()
            assert reply.startswith(code), reply
        await asyncio.wait_for(relay.process.wait(), 40)
        client.close()
    upstream.holds.pop(held.decode()).set()
    async with relay_process(data_dir, upstream, ledger="forgetful") as relay:
        if not reply.startswith(b"250"):
            again = await begun(relay.port, R1, R2, R3)
            assert (await again.reply()).startswith(b"250 ")
            again.close()
        await until(lambda: not [*(data_dir / "spool").glob("*.mail")], "the spool never became empty")
    counted = Counter(upstream.addresses())
    assert set(counted) == {R1.decode(), R2.decode(), R3.decode()}
    assert counted.total() <= 4, "more than the copy in flight came twice"


async def test_clients_that_come_together_get_each_their_own_copies_out(
    start: object, upstream: ScriptedUpstream
) -> None:
    relay: RunningRelay = await start()  # type: ignore[operator]
    clients = [await relay.session() for _ in range(8)]
    replies = await asyncio.gather(*(client.submit(MESSAGE, R1, R2, R3) for client in clients))
    assert all(b"3 of 3 copies sent" in reply for reply in replies)
    assert Counter(upstream.addresses()) == {R1.decode(): 8, R2.decode(): 8, R3.decode(): 8}
    assert len({one.content for one in upstream.taken}) == 24  # each with tokens of its own
    for client in clients:
        client.close()


async def test_a_report_reaches_a_sender_beyond_ascii_about_a_recipient_beyond_ascii(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.offers = ("8BITMIME", "SMTPUTF8", "DSN")
    upstream.script["müller@example.net"] = [at_dot("550 5.1.1 <müller@example.net>: nobody here")]
    bench = workbench(tmp_path / "spool", upstream)
    mail = "MAIL FROM:<jörg@example.org> SMTPUTF8 BODY=8BITMIME".encode()
    async with bench.client_session() as session:
        reply = await bench.submit(session, (RECIPIENTS[0], "müller@example.net"), mail=mail)
    assert reply.code == 250
    await bench.runner.run_once()
    await bench.runner.run_once()
    (report,) = upstream.to("jörg@example.org")
    assert report.mail == b"MAIL FROM:<> SMTPUTF8" or report.mail == b"MAIL FROM:<> BODY=8BITMIME SMTPUTF8"
    status = message_from_bytes(report.content, policy=policy.default).get_payload(1)
    fields = dict(status.get_payload()[1].items())  # type: ignore[union-attr]
    assert fields["Final-Recipient"] == r"utf-8; m\x{FC}ller@example.net"
    assert fields["Status"] == "5.1.1"
    assert bench.folder() == []
    bench.spool.close()


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)  # the lowest number that is free: all below it are taken
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_with_no_more_files_to_be_had_nothing_is_kept_and_nothing_is_lost(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    bench = workbench(tmp_path / "spool", upstream)
    async with bench.client_session() as session:
        with no_more_files(), pytest.raises(RelayFault) as raised:
            await bench.submit(session)
        assert raised.value.fault is Fault.INTERNAL
        assert bench.folder() == []
        assert upstream.taken == []
        assert (await bench.submit(session, message_id=other_id(1))).code == 250  # without a restart
    bench.spool.close()


async def test_of_a_password_that_is_kept_nothing_is_logged_and_nothing_is_left(
    upstream: ScriptedUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Kept for a retry, used, and gone; also when the client never heard its answer and a trace is kept for a day."""
    secret = b"correct horse battery"
    caplog.set_level(logging.DEBUG)
    upstream.script[R2.decode()] = [accepts(), at_dot("451 4.7.1 Greylisted"), accepts()]
    upstream.script[R3.decode()] = [accepts(), at_rcpt("550 5.1.1 nobody here")]
    upstream.holds[R2.decode()] = asyncio.Event()
    records = CopyKeeping()
    settings = settings_for(upstream.port, tmp_path / "data")
    spool = settings.spool.model_copy(update={"keep_credentials": True, "first_retry": settings.hits.burst / 20})
    relay = await run_relay(settings.model_copy(update={"spool": spool}), records=records, copies=records)
    assert relay.server.spool is not None
    relay.server.spool.runner.look_seconds = 0.05
    client = await session_with(relay.port)
    from_client = b"AUTH PLAIN AGFubgBjb3JyZWN0IGhvcnNlIGJhdHRlcnk="
    assert (await client.ask(from_client)).startswith(b"235")
    await client.begin(R1, R2, R3)
    await client.ask(b"DATA")
    await client.send(MESSAGE + b".\r\n")
    await upstream.wait_for(1)
    client.reset()
    folder = relay.server.spool.spool.folder
    await until(lambda: any(secret in path.read_bytes() for path in folder.glob("*.mail")), "it was never kept")
    upstream.holds[R2.decode()].set()
    await upstream.wait_for(3)  # the second try, and the report about the third recipient
    await until(lambda: not [*folder.glob("*.mail")], "the spool never became empty")
    await relay.server.stop(grace_seconds=1)
    assert [path.suffix for path in folder.iterdir() if path.name != "lock"] == [".done"]
    left = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [path for path in left if secret in path.read_bytes() or b"ann" in path.read_bytes()]
    for word in (secret.decode(), from_client.decode().split()[-1]):
        assert word not in caplog.text
