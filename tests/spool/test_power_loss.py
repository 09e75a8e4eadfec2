"""The power fails, at every instant: nobody acknowledged is lost, and at most the copy in flight comes twice.

kill -9 does not show this, since the system still writes what the dead process wrote. So the calls of a real relay are
recorded, and from each point of the record every state is made that a disk may be found in (disk_model.py). Each state
is then opened by the spool's own start.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from relay.spool import Spool
from relay.spool_start import load_spool
from relay.spool_states import CopyState
from tests.relay.running_relay import Client
from tests.spool.disk_model import Disk, FolderSynced, Made, Removed, Renamed, Synced, Written
from tests.spool.disk_trace import CALLS, Answered, ClientTold, Offered, Step, steps_in
from tests.spool.scripted_upstream import Verdict, accepts, at_dot, scripted_upstream
from tests.spool.test_kill import DELIVERABLE, RECIPIENTS, REFUSED, REPORTED_TO, ROOT, until
from tests.spool.test_sync_order import STRACE, may_trace
from tests.spool.test_through_the_relay import MESSAGE

pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is not here or may not trace")

LAST = RECIPIENTS[-1]
Script = dict[str, list[Verdict]]


@dataclass(frozen=True)
class Recovered:
    """What a start made of a state of the disk."""

    copies: dict[str, CopyState]  # of the message, if it is still known
    unreported: frozenset[str]
    reports: int  # that wait
    is_remembered: bool  # by its digest, should its client send it again
    set_aside: tuple[str, ...]


@dataclass
class World:
    """What the others know of the message whose files have this name."""

    message: str
    offered: list[str] = field(default_factory=list)  # whom the upstream may have taken a copy for
    accepted: list[str] = field(default_factory=list)
    is_told: bool = False

    def follow(self, step: Step) -> None:
        match step:
            case Offered(address):
                self.offered.append(address)
            case Answered(address, code):
                if code == 250:
                    self.accepted.append(address)
                else:
                    self.offered.remove(address)
            case ClientTold():
                self.is_told = True

    def faults(self, found: Recovered) -> Iterator[str]:
        waiting = {address for address, state in found.copies.items() if state is CopyState.WAITING}
        if self.is_told:
            for address in set(DELIVERABLE) - set(self.accepted) - waiting:
                yield f"{address} is lost"
            told_of = REPORTED_TO in self.accepted or found.reports or REFUSED in found.unreported | waiting
            if not told_of:
                yield "the sender is never told of the refusal"
        elif not self.accepted and found.copies:
            yield "what was never accepted is delivered, though its client heard nothing and will send it again"
        elif len(self.accepted) > 1 and not found.copies and not found.is_remembered:
            yield "a client that was not told sends again, and more than one copy comes twice"
        twice = [address for address in self.offered if address in waiting]
        if REPORTED_TO in self.offered and (found.reports or found.unreported):
            twice.append(REPORTED_TO)
        if len(twice) > 1:
            yield f"more than the copy in flight comes twice: {twice}"
        if self.is_told and any(name.startswith(self.message) for name in found.set_aside):
            yield "a message that was acknowledged is taken for damaged"


def recover(folder: Path, state: dict[str, bytes]) -> Recovered:
    folder.mkdir()
    for name, content in state.items():
        (folder / name).write_bytes(content)
    spool = Spool(folder)
    try:
        found = load_spool(spool, hold_doubtful=False)
        copies: dict[str, CopyState] = {}
        unreported = set()
        for message in found.waiting:
            if not message.header.notification:
                for number, standing in message.standing.copies.items():
                    address = message.copies[number].planned.address
                    copies[address] = standing.state
                    if standing.state is CopyState.REFUSED and not standing.notified:
                        unreported.add(address)
        reports = [one for one in found.waiting if one.header.notification and not one.standing.is_final]
        return Recovered(
            copies, frozenset(unreported), len(reports), bool(spool.unheard.digests), tuple(found.set_aside)
        )
    finally:
        spool.close()
        shutil.rmtree(folder)


def examine(steps: Sequence[Step], folder: Path) -> tuple[set[str], int]:
    """All faults in all states, and how many different states there were."""
    first = next(step for step in steps if isinstance(step, Made))
    disk, world = Disk(), World(first.name.partition(".")[0])
    known: dict[tuple[tuple[str, bytes], ...], Recovered] = {}
    faults: set[str] = set()
    for step in steps:
        if isinstance(step, Made | Written | Synced | FolderSynced | Renamed | Removed):
            disk.follow(step)
        else:
            world.follow(step)
        for state in disk.after_power_loss():
            key = tuple(sorted(state.items()))
            if key not in known:
                known[key] = recover(folder / "state", state)
            faults.update(world.faults(known[key]))
    return faults, len(known)


MIXED = {
    RECIPIENTS[1]: [accepts(), at_dot("451 4.7.1 Greylisted"), accepts()],
    REFUSED: [accepts(), at_dot("550 5.7.1 No")],
}
ALL_REFUSED = {address: [accepts(), at_dot("451 4.3.0 Not now")] for address in RECIPIENTS}


async def recorded(folder: Path, script: Script = MIXED, client_leaves: bool = False) -> list[Step]:
    """The steps of a relay that took one message for four apart."""
    trace, data_dir = folder / "trace", folder / "data"
    async with scripted_upstream() as upstream:
        upstream.script = {address: list(verdicts) for address, verdicts in script.items()}
        assert STRACE is not None
        process = await asyncio.create_subprocess_exec(
            STRACE, "-f", "-y", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(trace),
            sys.executable, "-m", "tests.spool.relay_process", str(data_dir), str(upstream.port), "1s", "forgetful",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        client = await Client.connect(port)
        await client.reply()
        await client.ask(b"EHLO client.example.com")
        if client_leaves:
            upstream.holds[LAST] = asyncio.Event()
            await client.begin(*(address.encode() for address in RECIPIENTS))
            await client.ask(b"DATA")
            await client.send(MESSAGE + b".\r\n")
            await upstream.wait_for(1)
            client.reset()
            upstream.holds[LAST].set()
        else:
            reply = await client.submit(MESSAGE, *(one.encode() for one in RECIPIENTS))
            assert reply.startswith(b"250 " if script is MIXED else b"451 ")
            client.close()
        if script is MIXED:
            await upstream.wait_for(len(DELIVERABLE) + 1, seconds=60)
        await until(lambda: not [*(data_dir / "spool").glob("*.mail")], "the spool never became empty", seconds=60)
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
        await process.wait()
    return list(steps_in(trace.read_text("utf-8", "replace"), str(data_dir / "spool")))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Where thousands of small folders cost nothing."""
    made = Path("/dev/shm") / f"mailglass-{os.getpid()}" if os.access("/dev/shm", os.W_OK) else tmp_path / "states"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize(
    ("script", "client_leaves", "is_told", "why"),
    [
        (MIXED, False, True, "one copy is greylisted, one refused"),
        (MIXED, True, False, "the same, and the client is gone before it can have heard so"),
        (ALL_REFUSED, False, False, "nobody takes it: the message goes back to its client, and none may come later"),
    ],
)
async def test_nobody_is_lost_however_the_disk_is_found_after_a_power_failure(
    tmp_path: Path, memory: Path, script: Script, client_leaves: bool, is_told: bool, why: str
) -> None:
    steps = await recorded(tmp_path, script, client_leaves)
    assert (ClientTold() in steps) is is_told, why
    faults, states = examine(steps, memory)
    assert faults == set(), why
    assert states > 20


def without(steps: Sequence[Step], is_left_out: Callable[[Step], bool]) -> list[Step]:
    return [step for step in steps if not is_left_out(step)]


def is_sync_of(step: Step, suffix: str) -> bool:
    return isinstance(step, Synced) and step.name.endswith(suffix)


async def test_without_any_one_kind_of_sync_somebody_would_be_lost(tmp_path: Path, memory: Path) -> None:
    """The examination can fail, and no sync is for nothing."""
    steps = await recorded(tmp_path)
    lost = {f"{address} is lost" for address in DELIVERABLE}
    for name, is_left_out in {
        "of the message's file": lambda step: is_sync_of(step, ".mail.new"),
        "of the journal": lambda step: is_sync_of(step, ".log"),
        "of the folder": lambda step: isinstance(step, FolderSynced),
    }.items():
        faults, _ = examine(without(steps, is_left_out), memory)
        assert faults & lost, f"nobody would miss the sync {name}"
