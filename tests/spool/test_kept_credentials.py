"""``[spool] keep_credentials``: only then, only what can be used again, and only for its own client's copies."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.settings import Spool
from config.units import parse_duration
from relay.kept_account import AccountReader
from tests.relay.running_relay import Client, RunningRelay, run_relay, settings_for
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot, scripted_upstream
from tests.spool.test_through_the_relay import MESSAGE, R1, R2, CopyKeeping

SECRET = b"correct horse battery"


def coded(*fields: bytes) -> bytes:
    return b64encode(b"\0".join(fields))


@pytest.mark.parametrize(
    ("mechanism", "answers", "account", "why"),
    [
        (b"PLAIN", [coded(b"", b"ann", b"pw")], ("ann", "pw"), "one answer holds both"),
        (
            b"plain",
            [coded(b"ann", b"ann", b"pw")],
            ("ann", "pw"),
            "mechanisms have no case; the first field is who to be",
        ),
        (b"LOGIN", [coded(b"ann"), coded(b"pw")], ("ann", "pw"), "two answers"),
        (b"LOGIN", [coded(b"ann")], None, "half a login"),
        (b"PLAIN", [coded(b"", b"ann", b"")], None, "no password"),
        (b"PLAIN", [b"*"], None, "cancelled"),
        (b"PLAIN", [coded(b"", b"ann", b"\xff")], None, "no UTF-8"),
        (b"CRAM-MD5", [coded(b"ann 0123")], None, "an answer to one challenge is of no use for the next"),
        (b"XOAUTH2", [coded(b"user=ann\x01auth=Bearer t\x01\x01")], None, "tokens end soon"),
    ],
)
def test_only_a_password_that_can_be_used_again_is_read(
    mechanism: bytes, answers: list[bytes], account: tuple[str, str] | None, why: str
) -> None:
    reader = AccountReader(mechanism)
    for answer in answers:
        reader.see(answer)
    found = reader.account
    assert (None if found is None else (found.username, found.password)) == account, why
    assert "pw" not in repr(reader) + repr(found)


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as server:
        server.script[R2.decode()] = [
            accepts(),
            at_dot("451 4.7.1 Greylisted"),
            at_dot("451 4.7.1 Greylisted"),
            accepts(),
        ]
        yield server


async def submitted(upstream: ScriptedUpstream, data_dir: Path, keep: bool) -> tuple[RunningRelay, bytes]:
    records = CopyKeeping()
    settings = settings_for(upstream.port, data_dir)
    spool = Spool(keep_credentials=keep, first_retry=parse_duration("1s"))
    relay = await run_relay(settings.model_copy(update={"spool": spool}), records=records, copies=records)
    client = await Client.connect(relay.port)
    await client.reply()
    await client.ask(b"EHLO client.example.com")
    assert (await client.ask(b"AUTH PLAIN " + coded(b"", b"ann", SECRET))).startswith(b"235")
    reply = await client.submit(MESSAGE, R1, R2)
    await client.ask(b"QUIT")
    client.close()
    return relay, reply


async def test_with_it_a_copy_is_tried_again_under_its_clients_name(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    relay, reply = await submitted(upstream, tmp_path / "data", keep=True)
    try:
        assert b"1 of 2 copies sent, 1 waiting" in reply
        await upstream.wait_for(2)
        assert [(one.recipient, one.login) for one in upstream.taken] == [(R1.decode(), "ann"), (R2.decode(), "ann")]
    finally:
        await relay.server.stop(grace_seconds=0.2)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and SECRET in path.read_bytes()]


async def test_without_it_the_password_is_nowhere(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    relay, reply = await submitted(upstream, tmp_path / "data", keep=False)
    try:
        assert b"1 refused" in reply  # tried twice in the session, then reported
        assert upstream.addresses() == [R1.decode(), "a@example.com"]
        files = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
        assert not [content for content in files if SECRET in content]
    finally:
        await relay.server.stop(grace_seconds=0.2)
