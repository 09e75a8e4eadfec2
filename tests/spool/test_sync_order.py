"""What reaches the disk before what is said, as the system sees it: strace over a relay that takes messages apart.

For every message: its file written and fsynced, renamed, the folder fsynced, the ledger's commit fsynced; only then
the first copy to the upstream; the journal fsynced; only then 250 to the client.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relay.running_relay import Client
from tests.spool.scripted_upstream import scripted_upstream
from tests.spool.test_through_the_relay import MESSAGE

ROOT = Path(__file__).resolve().parents[2]
STRACE = shutil.which("strace")
CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write"
LINE = re.compile(r"(?P<pid>\d+) +(?P<text>.*)")
RESUMED = re.compile(r"<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)")


def may_trace() -> bool:
    return (
        STRACE is not None and subprocess.run([STRACE, "-o", os.devnull, "true"], capture_output=True).returncode == 0
    )


pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is not here or may not trace")


def calls_in(trace: Path) -> Iterator[str]:
    """The calls in order: what is said counts from its beginning, what makes durable from its end."""
    open_calls: dict[str, str] = {}
    for line in trace.read_text("utf-8", "replace").splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        pid, text = match["pid"], match["text"]
        resumed = RESUMED.match(text)
        if resumed is not None:
            begun = open_calls.pop(pid, "")
            if begun and not begun.startswith(("sendto", "sendmsg", "write")):
                yield begun + resumed["rest"]
        elif text.endswith("<unfinished ...>"):
            open_calls[pid] = text.removesuffix("<unfinished ...>").rstrip()
            if text.startswith(("sendto", "sendmsg", "write")):
                yield text
        else:
            yield text


def steps_of(calls: list[str], message_id: str) -> list[str]:
    """The steps of one message, named, in the order in which they happened."""
    steps = []
    for call in calls:
        if f".{message_id}.mail.new>" in call and call.startswith("write"):
            steps.append("file written")
        elif f".{message_id}.mail.new>" in call and call.startswith("fsync"):
            steps.append("file synced")
        elif call.startswith("rename") and f"{message_id}.mail" in call:
            steps.append("file renamed")
        elif re.match(r"fsync\(\d+</[^>]*/spool>", call):
            steps.append("folder synced")
        elif re.match(r"f(data)?sync\(\d+</[^>]*/mailglass\.db", call):
            steps.append("ledger synced")
        elif re.match(r"f(data)?sync\(\d+</[^>]*/" + message_id + r"\.log>", call):
            steps.append("journal synced")
        elif call.startswith(("sendto", "sendmsg")) and '"MAIL FROM:<a@example.com>' in call:
            steps.append("copy begun")
        elif call.startswith(("sendto", "sendmsg")) and f"[mailglass {message_id}" in call:
            steps.append("client told")
    return steps


ORDER = [
    "file written", "file synced", "file renamed", "folder synced", "ledger synced", "copy begun", "journal synced",
    "client told",
]  # fmt: skip


def follows(steps: list[str], order: list[str]) -> bool:
    """Whether the order is a subsequence: each step was seen after the one before it."""
    remaining = iter(steps)
    return all(step in remaining for step in order)


def first_before(steps: list[str], first: str, then: str) -> bool:
    return first in steps and then in steps and steps.index(first) < steps.index(then)


async def traced(folder: Path, messages: int) -> tuple[list[str], list[str]]:
    """The calls of a relay that took so many messages apart, and the messages' ids."""
    trace = folder / "trace"
    ids = []
    async with scripted_upstream() as upstream:
        assert STRACE is not None
        process = await asyncio.create_subprocess_exec(
            STRACE, "-f", "-y", "-s", "160", "-e", f"trace={CALLS}", "-o", str(trace),
            sys.executable, "-m", "tests.spool.relay_process", str(folder / "data"), str(upstream.port), "1h", "store",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(60 + messages):
            port = int(await process.stdout.readline())
            client = await Client.connect(port)
            await client.reply()
            await client.ask(b"EHLO client.example.com")
            for _ in range(messages):
                reply = await client.submit(MESSAGE, b"r1@example.net", b"r2@example.net")
                match = re.search(rb"\[mailglass ([0-9A-Z]{26})", reply)
                assert match is not None, reply
                ids.append(match[1].decode())
            client.close()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGTERM)
            await process.wait()
    return list(calls_in(trace)), ids


async def check(folder: Path, messages: int) -> None:
    calls, ids = await traced(folder, messages)
    assert len(set(ids)) == messages
    for index, message_id in enumerate(ids):
        # One message after the other: what a message's steps are among lies before the next one's answer.
        begin = next(place for place, call in enumerate(calls) if f".{message_id}.mail.new>" in call)
        end = next(place for place, call in enumerate(calls) if f"[mailglass {message_id}" in call)
        steps = steps_of(calls[begin : end + 1], message_id)
        assert follows(steps, ORDER), (index, steps)
        assert first_before(steps, "ledger synced", "copy begun"), (index, steps)
        assert first_before(steps, "folder synced", "copy begun"), (index, steps)


@pytest.mark.timeout(110)
async def test_all_is_durable_before_it_is_said(tmp_path: Path) -> None:
    await check(tmp_path, 10)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_all_is_durable_before_it_is_said_a_hundred_times(tmp_path: Path) -> None:
    await check(tmp_path, 100)


def test_the_check_notices_a_wrong_order() -> None:
    assert follows(["x", *ORDER], ORDER)
    assert not follows([ORDER[1], ORDER[0], *ORDER[2:]], ORDER)
    assert not follows(ORDER[:-1], ORDER)
