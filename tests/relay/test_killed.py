"""kill -9 at every named place of relaying: no client ever holds a 250 for a message that the upstream has not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from relay.failpoints import RELAY_FAILPOINTS
from tests.relay.running_relay import Client
from tests.relay.upstream_servers import Behaves

BODY = b"Subject: x\r\n\r\nHello\r\n"
ASKING = b"X-Track: all\r\nSubject: x\r\n\r\nHello\r\n"
# Passed only when the upstream's answer is lost: tests of the in-doubt case are elsewhere.
REACHED = tuple(name for name in RELAY_FAILPOINTS if name != "relay.in-doubt-recorded")
ONLY_HELD = ("relay.holding", "relay.registered", "relay.after-answer", "relay.settled")


async def killed_run(upstream: Behaves, data: Path, failpoint: str, content: bytes, passes: int) -> tuple[int, int]:
    """How many messages the client holds a 250 for, and how many the relay was killed in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.relay.relay_process", str(upstream.port), str(data),
        env=os.environ | {"MAILGLASS_FAILPOINT": f"{failpoint}@{passes}"}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    acknowledged = 0
    client = await Client.connect(port)
    try:
        await client.reply()
        await client.ask(b"EHLO client.example.com")
        for _ in range(passes + 1):
            for line in (b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>", b"DATA"):
                if not await client.ask(line):
                    raise ConnectionError
            await client.send(content + b".\r\n")
            acknowledged += (await client.reply()).startswith(b"250")
    except ConnectionError:
        pass
    finally:
        client.close()
    assert await process.wait() == -signal.SIGKILL
    return acknowledged, passes + 1


@pytest.mark.parametrize(
    ("failpoint", "content"),
    [
        pytest.param("relay.before-dot", BODY, id="before the dot, streamed"),
        pytest.param("relay.after-dot", ASKING, id="after the dot, held"),
        pytest.param("relay.after-reply", BODY, id="after the reply, streamed"),
        pytest.param("relay.registered", ASKING, id="on record, held"),
        pytest.param("relay.after-answer", ASKING, id="answered, held"),
    ],
)
async def test_a_250_means_that_the_upstream_has_the_message(
    upstream: Behaves, tmp_path: Path, failpoint: str, content: bytes
) -> None:
    acknowledged, _ = await killed_run(upstream, tmp_path / "data", failpoint, content, passes=2)
    await upstream.until(lambda: upstream.open_connections == 0)
    assert acknowledged <= len(upstream.delivered) <= acknowledged + 1
    if failpoint == "relay.before-dot":
        assert acknowledged == len(upstream.delivered) == 1
    if content is ASKING:
        records = (tmp_path / "data/records").read_text("ascii").split()
        assert len(set(records[::2])) >= len(upstream.delivered)  # whatever left was on record


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("failpoint", REACHED)
async def test_fifty_times(upstream: Behaves, tmp_path: Path, failpoint: str) -> None:
    """A02."""
    for turn in range(50):
        content = ASKING if turn % 2 or failpoint in ONLY_HELD else BODY
        before = len(upstream.delivered)
        acknowledged, _ = await killed_run(upstream, tmp_path / str(turn), failpoint, content, passes=1 + turn % 7)
        await upstream.until(lambda: upstream.open_connections == 0)
        assert acknowledged <= len(upstream.delivered) - before <= acknowledged + 1
