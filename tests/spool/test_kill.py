"""kill -9 at every named failpoint: no acknowledged recipient is lost, and at most the copy in flight comes twice.

Each scene is a client that behaves as clients do: it submits, and when it does not hear 250 it submits the same
octets again once the relay is back. The upstream outlives the relay and counts.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.failpoints import SPOOL_FAILPOINTS
from tests.relay.running_relay import Client
from tests.spool.relay_nest import RelayNest, relay_nest
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot, scripted_upstream
from tests.spool.test_through_the_relay import MESSAGE

ROOT = Path(__file__).resolve().parents[2]
DELIVERABLE = ["r1@example.net", "r2@example.net", "r4@example.net"]
REFUSED = "r3@example.net"
RECIPIENTS = ["r1@example.net", "r2@example.net", REFUSED, "r4@example.net"]
REPORTED_TO = "a@example.com"
SOAK_RUNS = 50
RESTARTS = 100
LANES = 2 * (os.cpu_count() or 1)  # installations at a time: each of them waits for disk and sockets half of its time
# How often the scene passes a place at least; the kill strikes at any of these passes. Elsewhere at the first.
PASSES = {
    "spool.copy-written": 4,
    "delivery.before-mail": 6,
    "delivery.after-mail": 6,
    "delivery.after-recipient": 6,
    "delivery.before-content": 6,
    "delivery.before-dot": 6,
    "delivery.after-dot": 6,
    "delivery.after-reply": 6,
    "journal.before-write": 12,
    "journal.before-fsync": 6,
    "journal.after-fsync": 6,
}

# Of every stage one, with a ledger that costs no time to open; all are visited in make soak with the real one.
SAMPLE = [
    ("spool.after-folder-fsync", "forgetful"),
    ("individual.after-ledger", "store"),
    ("delivery.after-dot", "forgetful"),
    ("journal.before-fsync", "forgetful"),
    ("individual.before-answer", "forgetful"),
    ("notification.after-spooled", "forgetful"),
    ("finish.between-removals", "forgetful"),
]


# Data folder, upstream, failpoint, ledger; gives its port, and a way to wait for its exit status.
Start = Callable[
    [Path, ScriptedUpstream, str, str], AbstractAsyncContextManager[tuple[int, Callable[[], Awaitable[int]]]]
]


@dataclass
class RelayProcess:
    process: asyncio.subprocess.Process
    port: int

    @property
    def is_dead(self) -> bool:
        return self.process.returncode is not None


@asynccontextmanager
async def relay_process(
    data_dir: Path, upstream: ScriptedUpstream, failpoint: str = "", ledger: str = "store"
) -> AsyncIterator[RelayProcess]:
    with (data_dir.parent / "relay.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.spool.relay_process", str(data_dir), str(upstream.port), "1s", ledger,
            stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "MAILGLASS_FAILPOINT": failpoint},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield RelayProcess(process, int(await process.stdout.readline()))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def submit(port: int, recipients: Sequence[str] = RECIPIENTS) -> bool:
    """Whether the client heard 250."""
    try:
        client = await Client.connect(port)
    except ConnectionError:
        return False
    try:
        await client.reply()
        await client.ask(b"EHLO client.example.com")
        await client.begin(*(address.encode() for address in recipients))
        await client.ask(b"DATA")
        await client.send(MESSAGE + b".\r\n")
        heard = await client.reply()
    except (ConnectionError, AssertionError):
        return False
    finally:
        client.close()
    return heard.startswith(b"250")


async def until(true: object, what: str, seconds: float = 25) -> None:
    """Poll: what is waited for happens in another process."""
    assert callable(true)
    try:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what) from None


@asynccontextmanager
async def freshly_started(
    data_dir: Path, upstream: ScriptedUpstream, failpoint: str, ledger: str
) -> AsyncIterator[tuple[int, Callable[[], Awaitable[int]]]]:
    """A relay in an interpreter of its own, as an installation has it."""
    async with relay_process(data_dir, upstream, failpoint, ledger) as relay:
        yield relay.port, relay.process.wait


def from_nest(nest: RelayNest) -> Start:
    @asynccontextmanager
    async def start(
        data_dir: Path, upstream: ScriptedUpstream, failpoint: str, ledger: str
    ) -> AsyncIterator[tuple[int, Callable[[], Awaitable[int]]]]:
        async with nest.relay(data_dir, upstream.port, failpoint, ledger) as relay:
            yield relay.port.result(), lambda: asyncio.shield(relay.ended)

    return start


async def scene(folder: Path, failpoint: str, ledger: str = "store", start: Start = freshly_started) -> int:
    """How many copies came twice."""
    data_dir = folder / "data"
    folder.mkdir(exist_ok=True)
    async with scripted_upstream() as upstream:
        # All recipients are accepted live; then r2 is greylisted and r3 refused.
        upstream.script = {
            "r2@example.net": [accepts(), at_dot("451 4.7.1 Greylisted"), accepts()],
            REFUSED: [accepts(), at_dot("550 5.7.1 No")],
        }
        async with start(data_dir, upstream, failpoint, ledger) as (port, ended):
            heard = await submit(port)
            async with asyncio.timeout(60):
                assert await ended() == -signal.SIGKILL
        upstream.script["r2@example.net"] = [accepts()]
        async with start(data_dir, upstream, "", ledger) as (port, _):
            if not heard:
                assert await submit(port)
            spool = data_dir / "spool"
            await until(lambda: not [*spool.glob("*.mail")], "the spool never became empty", seconds=60)
        assert not (spool / "quarantine").exists()
        counted = Counter(upstream.addresses())
    assert set(counted) == {*DELIVERABLE, REPORTED_TO}, "somebody was lost"
    repeated = sum(counted.values()) - len(counted)
    assert repeated <= 1, f"more than the copy in flight came twice: {counted}"
    return repeated


@pytest.mark.parametrize(("failpoint", "ledger"), SAMPLE)
async def test_a_killed_relay_loses_nobody_and_repeats_at_most_one_copy(
    tmp_path: Path, failpoint: str, ledger: str
) -> None:
    await scene(tmp_path, failpoint, ledger)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("failpoint", SPOOL_FAILPOINTS)
async def test_fifty_kills_at_every_failpoint(tmp_path: Path, failpoint: str, nest_log: Path) -> None:
    chance = random.Random(failpoint)
    passes = [chance.randint(1, PASSES.get(failpoint, 1)) for _ in range(SOAK_RUNS)]
    runs = iter(enumerate(passes))
    repeated = 0

    async def lane(start: Start) -> None:
        nonlocal repeated
        for run, number in runs:
            folder = tmp_path / str(run)
            repeated += await scene(folder, f"{failpoint}@{number}", start=start)
            shutil.rmtree(folder)

    async with relay_nest(nest_log) as nest, asyncio.TaskGroup() as lanes:  # which ends the others when one fails
        for _ in range(LANES):
            lanes.create_task(lane(from_nest(nest)))
    print(f"{failpoint}: {SOAK_RUNS} kills, nobody lost, {repeated} copies came twice")


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_hundred_restarts_lose_nobody_and_repeat_at_most_one_copy_each(tmp_path: Path, nest_log: Path) -> None:
    """Killed again and again at any moment, most of them in the middle of a start or of a delivery."""
    chance = random.Random(100)
    many = [f"m{number}@example.net" for number in range(400)]
    data_dir = tmp_path / "data"
    kills = 0
    async with scripted_upstream() as upstream, relay_nest(nest_log) as nest:
        upstream.keeps_content = False
        # Each is accepted live and greylisted once; the first is taken at once, so that all are ours.
        upstream.script = {one: [accepts(), at_dot("451 4.7.1 Greylisted"), accepts()] for one in many[1:]}
        async with nest.relay(data_dir, upstream.port) as relay:
            assert await submit(relay.port.result(), many)
        while [*(data_dir / "spool").glob("*.mail")]:
            async with nest.relay(data_dir, upstream.port) as relay:
                is_last = kills == RESTARTS
                await asyncio.sleep(chance.uniform(0, 0.3) if not is_last else 0)
                if is_last:
                    await until(lambda: not [*(data_dir / "spool").glob("*.mail")], "the spool never became empty")
                else:
                    relay.kill()
                    kills += 1
                    await relay.ended
    counted = Counter(upstream.addresses())
    assert set(counted) == set(many), "somebody was lost"
    assert counted.total() - len(counted) <= kills
    print(f"{kills} kills, nobody lost, {counted.total() - len(counted)} copies came twice")


@pytest.fixture
def nest_log(tmp_path: Path) -> Path:
    return tmp_path / "nest.log"


def test_there_are_at_least_twenty_places_to_die() -> None:
    assert len(set(SPOOL_FAILPOINTS)) >= 20
