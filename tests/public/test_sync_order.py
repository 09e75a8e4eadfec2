"""What reaches the disk before a visitor is answered, as the system sees it: strace over a public server.

A kill leaves what was written and not synced; only a power cut takes it. So the calls themselves are looked at.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.public.test_hits_survive import KILLED
from tests.spool.test_sync_order import STRACE, calls_in, may_trace

pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is not here or may not trace")
ANSWERS = 30


async def ask(number: int, path: str) -> None:
    """One after the other, so that none shares its sync with the next."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    for turn in range(ANSWERS):
        writer.write(f"GET {path}?{turn} HTTP/1.1\r\nHost: a\r\nUser-Agent: u\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(43)
    writer.close()


async def traced(folder: Path, locked: bool) -> list[str]:
    """The syncs and answers of a server, in their order."""
    trace = folder / "trace"
    process = await asyncio.create_subprocess_exec(
        str(STRACE), "-f", "-y", "-s", "64", "-o", str(trace), "-e", "trace=fsync,fdatasync,sendto",
        sys.executable, "-c", KILLED, str(folder / "var"),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    port = int(url.split(":")[2].split("/")[0])
    with closing(sqlite3.connect(folder / "var" / "mailglass.db", isolation_level=None)) as other:
        if locked:
            other.execute("BEGIN IMMEDIATE")
        await ask(port, url.split(str(port), 1)[1])
        if locked:
            other.execute("ROLLBACK")
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    steps = []
    for call in calls_in(trace):
        synced = re.match(r"f(?:data)?sync\(\d+<[^>]*(mailglass\.db-wal|\.journal)>\) += 0", call)
        if synced is not None:
            steps.append("ledger" if synced[1].startswith("mailglass") else "journal")
        elif call.startswith("sendto") and '"HTTP/1.1 200 OK' in call:
            steps.append("answer")
    return steps


@pytest.mark.parametrize("locked", [False, True], ids=["in the ledger", "in the journal"])
async def test_nobody_is_answered_before_the_disk_has_their_hit(tmp_path: Path, locked: bool) -> None:
    """E01: between two answers lies a sync of the ledger's log, or of the journal while the ledger takes nothing."""
    steps = await traced(tmp_path, locked)
    assert steps.count("answer") == ANSWERS
    place = "journal" if locked else "ledger"
    since: set[str] = set()
    for step in steps:
        if step == "answer":
            assert place in since, steps
            since = set()
        else:
            since.add(step)
