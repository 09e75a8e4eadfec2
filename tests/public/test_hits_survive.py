"""No answered hit is lost: with the ledger locked, damaged, deleted or gone, with both stores failing, by kill -9."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.journal import left_behind, read_journal
from ledger.keys import load_keys
from ledger.recipients import BOTH, silence_for_recipient
from ledger.records import Hit
from ledger.tokens import Purpose, Target, mint, read_unverified
from pixel_server.hit_numbers import exposition
from pixel_server.public.rates import ROWS_A_MINUTE
from tests.ledger.samples import rows, the_row
from tests.public.public_port import PublicPort, until

# The contract says 300 ms; a machine that runs other tests as well may be late itself.
ALLOWED_SECONDS = 0.3
NOISE_SECONDS = 2.7
CLIENTS = 8


async def slowest(port: PublicPort, urls: list[str], wanted: set[int]) -> float:
    """The longest that one of these took; each is asked for on its own connection, five at a time."""
    longest, turns = 0.0, asyncio.Semaphore(5)

    async def ask(url: str) -> None:
        nonlocal longest
        async with turns:
            began = time.monotonic()
            answer = await port.get(url)
            longest = max(longest, time.monotonic() - began)
            assert answer.status in wanted

    await asyncio.gather(*(ask(url) for url in urls))
    return longest


async def stored(port: PublicPort) -> int:
    (total,) = await the_row(port.ledger, "SELECT coalesce(sum(repeats), 0) FROM hit")
    return int(total)


async def stored_in_time(port: PublicPort, number: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if await stored(port) == number and port.server.ingest.alarm is None:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.05)


async def lock(file: Path, trouble: Callable[[], Awaitable[None]]) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await trouble()
        other.execute("ROLLBACK")


async def damage(file: Path, trouble: Callable[[], Awaitable[None]]) -> None:
    saved = file.with_name("saved.db")
    with closing(sqlite3.connect(file)) as other:
        other.execute("VACUUM INTO ?", (str(saved),))
    broken = file.with_name("broken.db")
    broken.write_bytes(os.urandom(50_000))
    broken.rename(file)
    await trouble()
    saved.rename(file)


async def delete(file: Path, trouble: Callable[[], Awaitable[None]]) -> None:
    for path in file.parent.glob("mailglass.db*"):
        path.unlink()
    await trouble()


async def put_a_folder_in_its_place(file: Path, trouble: Callable[[], Awaitable[None]]) -> None:
    aside = file.with_name("aside.db")
    file.rename(aside)
    file.mkdir()
    await trouble()
    file.rmdir()
    aside.rename(file)


TROUBLES = (lock, damage, delete, put_a_folder_in_its_place)


async def test_a_row_that_waits_in_a_journal_is_counted_on_all_the_same(
    port: PublicPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger may be well again a moment before what was written down meanwhile is replayed."""
    ingest, pixel, file = port.server.ingest, (await port.message()).pixel(), port.ledger.place.path
    assert file is not None

    async def not_yet() -> None:
        """In place of the replay."""

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "replay", not_yet)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(ROWS_A_MINUTE):
                await port.get(pixel)
            other.execute("ROLLBACK")
        await until(lambda: port.ledger.fault is None)
        for _ in range(5):
            await port.get(pixel)
    await stored_in_time(port, ROWS_A_MINUTE + 5)


@pytest.mark.parametrize("cause", TROUBLES, ids=lambda cause: cause.__name__)
async def test_in_trouble_everything_is_answered_in_time_and_stored_afterwards(
    port: PublicPort, cause: Callable[[Path, Callable[[], Awaitable[None]]], Awaitable[None]]
) -> None:
    urls = await port.message()
    pixel, link = urls.pixel(), urls.link(1, "https://example.org/?a=1")
    await port.get(pixel)
    file = port.ledger.place.path
    assert file is not None

    async def trouble() -> None:
        took = await slowest(port, [pixel, link] * 10, {200, 302})
        assert took < ALLOWED_SECONDS + NOISE_SECONDS

    await cause(file, trouble)
    await stored_in_time(port, 21)
    assert (await port.get("/healthz")).text == '{"status": "ok"}\n'
    opens, clicks, hits = await the_row(
        port.ledger,
        "SELECT opens_confirmed, clicks_confirmed, (SELECT count(DISTINCT id) FROM hit) FROM message",
    )
    assert (opens, clicks, hits) == (1, 1, 21)  # looking again counts once
    assert port.server.ingest.counters.dropped == 0


async def test_trouble_is_said_where_operators_look(port: PublicPort) -> None:
    urls = await port.message()
    file = port.ledger.place.path
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await port.get(urls.pixel())
        assert (await port.get("/healthz")).text.startswith('{"status": "alarm", ')  # of the journal, as long as
        async with asyncio.timeout(60):  # whoever waits for the lock has not come back yet
            while (health := await port.get("/healthz")).text != '{"status": "alarm", "alarm": "ledger"}\n':
                await asyncio.sleep(0.01)
        assert health.status == 200
        other.execute("ROLLBACK")
    await stored_in_time(port, 1)


async def test_when_both_stores_fail_visitors_are_answered_and_the_loss_is_counted(
    port: PublicPort, tmp_path: Path
) -> None:
    urls = await port.message()
    file = port.ledger.place.path
    assert file is not None
    journal = port.server.ingest._journal
    os.close(journal._handle)
    journal._handle = os.open("/dev/full", os.O_RDWR)  # every write says: no space left
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        took = await slowest(port, [urls.pixel()] * 7, {200})
        other.execute("ROLLBACK")
    assert took < ALLOWED_SECONDS + NOISE_SECONDS
    assert port.server.ingest.counters.dropped == 7
    await until(lambda: port.ledger.fault is None)
    await port.get(urls.pixel())
    assert await stored(port) == 1


async def test_a_journal_that_was_left_behind_is_replayed_once(tmp_path: Path) -> None:
    port = await PublicPort.open(tmp_path)
    urls = await port.message()
    file = port.ledger.place.path
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await slowest(port, [urls.pixel()] * 4, {200})
        port.server.ingest._tasks[1].cancel()  # as if it were killed before it could replay
        await port.server.close()
        other.execute("ROLLBACK")
    await port.ledger.close()
    (path,) = left_behind(tmp_path / "journal")
    hits = [value for value in read_journal(path) if isinstance(value, Hit)]
    assert len(hits) == 4
    raw = path.read_bytes()
    for _ in range(2):
        again = await PublicPort.open(tmp_path)
        await stored_in_time(again, 4)
        async with asyncio.timeout(10):
            while path.exists():
                await asyncio.sleep(0.05)
        await again.close()
        path.write_bytes(raw)


async def test_a_journal_of_nothing_goes_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process that was killed before any trouble leaves one, and so does one that found its port taken."""
    (tmp_path / "journal").mkdir()
    path = tmp_path / "journal" / "1-00.journal"
    path.write_bytes(bytes(4096))
    port = await PublicPort.open(tmp_path)
    async with asyncio.timeout(10):
        while path.exists():
            await asyncio.sleep(0.05)
    await port.close()
    assert "written down" not in caplog.text


async def test_a_journal_brings_back_nothing_of_somebody_who_withdrew_meanwhile(tmp_path: Path) -> None:
    port = await PublicPort.open(tmp_path)
    urls, others = await port.message(), await port.message(recipients=("bob@example.net",))
    port.server.ingest._tasks[1].cancel()  # so that it stays in the journal until the next start
    file = port.ledger.place.path
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await slowest(port, [urls.pixel(), others.pixel()], {200})
        other.execute("ROLLBACK")
    assert await port.ledger.write(silence_for_recipient, urls.message, 0, BOTH, datetime.now(UTC))
    await port.close()
    assert len(left_behind(tmp_path / "journal")) == 1
    again = await PublicPort.open(tmp_path)
    async with asyncio.timeout(20):
        while left_behind(tmp_path / "journal"):
            await asyncio.sleep(0.05)
    (of_whom,) = await the_row(again.ledger, "SELECT recipients FROM hit JOIN message ON message.seq = message_seq")
    assert "bob@example.net" in of_whom
    assert await stored(again) == 1
    await again.close()


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.public.public_port import PublicPort

async def main():
    port = await PublicPort.open(Path(sys.argv[1]))
    urls = await port.message()
    print(urls.pixel(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


# A message and the copy that its pixel names: each hit has one of its own, by which it is found again.
Answered = set[tuple[bytes, int]]


async def one_round(folder: Path, answered: Answered, locked: bool, delay: float) -> None:
    """Asks as fast as it can until the server is killed, and notes what was answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(folder), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    number = int(url.split(":")[2].split("/")[0])
    claimed = read_unverified(url.split("/o/")[1].removesuffix(".gif"))
    assert claimed is not None
    message, ring = claimed[1].message, load_keys(folder / "keys")

    async def client(copy: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        try:
            while True:
                copy += CLIENTS
                token = mint(ring, Purpose.PIXEL, Target(message, copy))
                writer.write(f"GET /o/{token}.gif HTTP/1.1\r\nHost: a\r\nUser-Agent: u\r\n\r\n".encode())
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(43)
                answered.add((message.raw, copy))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    clients = [asyncio.create_task(client(n)) for n in range(CLIENTS)]
    with closing(sqlite3.connect(folder / "mailglass.db", isolation_level=None)) as other:
        await asyncio.sleep(delay / 2)
        if locked:
            other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(delay / 2)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        if locked:
            other.execute("ROLLBACK")
    await asyncio.gather(*clients)


async def rounds(folder: Path, number: int) -> None:
    answered: Answered = set()
    for turn in range(number):
        await one_round(folder, answered, locked=turn % 2 == 1, delay=0.3 + 0.11 * (turn % 5))
    port = await PublicPort.open(folder)
    async with asyncio.timeout(60):
        while list((folder / "journal").glob("*.journal")) != [port.server.ingest._journal._path]:
            await asyncio.sleep(0.05)
    found = "SELECT message.id, hit.copy FROM hit JOIN message ON message.seq = hit.message_seq"
    kept = [(bytes(message), copy) for message, copy in await rows(port.ledger, found)]
    assert answered <= set(kept)
    assert len(kept) == len(set(kept)) == await stored(port)  # none is there twice
    # At each kill some are stored whose answer was still on its way: one of each client.
    assert len(kept) <= len(answered) + CLIENTS * number
    assert len(answered) > 20 * number  # it was a load
    (counted,) = await the_row(port.ledger, "SELECT sum(counted) FROM hit")
    assert (counted,) == await the_row(
        port.ledger,
        "SELECT sum(opens_confirmed + opens_possible + opens_machine + opens_own) FROM message",
    )
    with closing(sqlite3.connect(folder / "mailglass.db")) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await port.close()


async def test_four_kills_lose_no_answered_hit(tmp_path: Path) -> None:
    await rounds(tmp_path, 4)


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_fifty_kills_lose_no_answered_hit(tmp_path: Path) -> None:
    await rounds(tmp_path, 50)


@pytest.mark.soak
async def test_ten_seconds_of_a_locked_ledger_lose_nothing(port: PublicPort) -> None:
    urls = await port.message()
    file = port.ledger.place.path
    assert file is not None
    asked = 0
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        while time.monotonic() - began < 10:
            assert await slowest(port, [urls.pixel()] * 5, {200}) < ALLOWED_SECONDS + NOISE_SECONDS
            asked += 5
        other.execute("ROLLBACK")
    await stored_in_time(port, asked)


async def test_the_numbers_of_hits_are_there_for_prometheus(port: PublicPort) -> None:
    urls = await port.message()
    before = metric("stored")
    await port.get(urls.pixel())
    assert metric("stored") == before + 1
    assert metric("dropped") >= 0


def metric(name: str) -> int:
    gc.collect()  # servers of other tests take their numbers along whenever they go
    (line,) = [line for line in exposition().decode().splitlines() if line.startswith(f"mailglass_hits_{name}_total")]
    return int(line.split()[1])
