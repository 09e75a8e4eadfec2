"""The system itself says EIO or ENOSPC: strace puts the error in the place of one call of a running relay."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.spool.scripted_upstream import scripted_upstream
from tests.spool.test_kill import ROOT, relay_process, submit, until
from tests.spool.test_sync_order import STRACE, may_trace
from tests.spool.test_through_the_relay import MESSAGE, R1, R2, R3, Client

pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is not here or may not trace")

RECIPIENTS = [one.decode() for one in (R1, R2, R3)]


async def reply_under(fault: str, data_dir: Path, upstream_port: int) -> bytes:
    """What a client hears of a relay of which that call fails; nothing is left in the spool then."""
    assert STRACE is not None
    process = await asyncio.create_subprocess_exec(
        STRACE, "-f", "-o", os.devnull, "-e", "trace=fsync,fdatasync,rename", "-e", f"inject={fault}",
        sys.executable, "-m", "tests.spool.relay_process", str(data_dir), str(upstream_port), "1h", "forgetful",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    client = await Client.connect(int(await process.stdout.readline()))
    await client.reply()
    await client.ask(b"EHLO client.example.com")
    reply = await client.submit(MESSAGE, R1, R2, R3)
    client.close()
    left = {path.name for path in (data_dir / "spool").iterdir()} - {"lock"}
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    await process.wait()
    assert left == set()
    return reply


@pytest.mark.parametrize(
    ("call", "error", "code", "taken", "why"),
    [
        ("fsync", "EIO:when=1", b"451 4.3.0", [], "the journal's"),
        ("fsync", "EIO:when=2", b"451 4.3.0", [], "the file's"),
        ("fsync", "EIO:when=3", b"451 4.3.0", [], "the folder's"),
        ("fsync", "ENOSPC:when=2", b"452 4.3.1", [], "no room, found out late"),
        ("rename", "EIO:when=1", b"451 4.3.0", [], "the commit point itself"),
        ("rename", "ENOSPC:when=1", b"452 4.3.1", [], "no room for a name"),
        ("fdatasync", "EIO:when=1", b"451 4.3.0", RECIPIENTS[:1], "the first acceptance: the copy that may come twice"),
    ],
)
async def test_a_call_that_fails_keeps_the_mail_with_its_client_and_nothing_here(
    tmp_path: Path, call: str, error: str, code: bytes, taken: list[str], why: str
) -> None:
    data_dir = tmp_path / "data"
    async with scripted_upstream() as upstream:
        reply = await reply_under(f"{call}:error={error}", data_dir, upstream.port)
        assert reply.startswith(code), (why, reply)
        assert upstream.addresses() == taken
        async with relay_process(data_dir, upstream, ledger="forgetful") as relay:
            assert await submit(relay.port, RECIPIENTS)  # as clients do after a temporary refusal
            await until(lambda: not [*(data_dir / "spool").glob("*.mail")], "the spool never became empty")
    assert Counter(upstream.addresses()) == Counter(RECIPIENTS + taken)
