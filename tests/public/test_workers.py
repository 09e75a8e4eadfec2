"""Several processes on one port judge as one: hits of all of them pass through the one that writes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import Settings
from ledger.keys import load_keys
from ledger.records import LinkRecord
from ledger.shared import open_ledger
from tests.ledger.samples import rows
from tests.public.public_port import PublicPort, until

LINKS = tuple(LinkRecord(n, f"https://example.org/{n}", tracked=True) for n in range(1, 4))
SETTINGS = {"pixel_server": {"bind": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}}


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[list[PublicPort]]:
    """Three, each with a ledger as a process of its own would have it; the first one writes."""
    settings = Settings.model_validate({"data_dir": tmp_path, **SETTINGS})
    opened = []
    for _ in range(3):
        ledger = await open_ledger(settings)
        ledger.patience_seconds = 5
        port = PublicPort(settings, ledger, load_keys(settings.keys_dir))
        port.looks.start()
        await port.server.start()
        opened.append(port)
    yield opened
    for port in reversed(opened):
        await port.close()


async def classes_become(port: PublicPort, wanted: list[str]) -> None:
    async with asyncio.timeout(15):
        while [name for (name,) in await rows(port.ledger, "SELECT rule FROM hit ORDER BY seq")] != wanted:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 1), (2, 2, 0)])
async def test_a_burst_over_several_workers_is_one_burst(workers: list[PublicPort], order: tuple[int, ...]) -> None:
    urls = await workers[0].message(link_list=LINKS)
    for link, worker in zip(LINKS, order, strict=True):
        path = urls.link(link.number, link.url).split(str(workers[0].number))[1]
        assert (await workers[worker].get(path, X_Forwarded_For="198.51.100.7")).status == 302
    await classes_become(workers[0], ["R16"] * 3)
    counts = await rows(workers[0].ledger, "SELECT clicks_confirmed, clicks_machine FROM message")
    assert counts == [(0, 3)]


async def test_several_workers_give_a_source_the_same_name(workers: list[PublicPort]) -> None:
    """Or a burst over them would look like several people."""
    urls = await workers[0].message(link_list=LINKS)
    for worker in workers:
        path = urls.pixel().split(str(workers[0].number))[1]
        await worker.get(path, X_Forwarded_For="198.51.100.7")
    facts = [json.loads(kept)["source"] for (kept,) in await rows(workers[0].ledger, "SELECT facts FROM hit")]
    assert len(facts) == 3
    assert len(set(facts)) == 1


async def test_when_the_writing_worker_goes_the_next_one_judges_on(workers: list[PublicPort]) -> None:
    urls = await workers[0].message(link_list=LINKS)
    await workers.pop(0).close()
    second, third = workers
    async with asyncio.timeout(15):
        while not (second.ledger.writes_itself or third.ledger.writes_itself):  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)
        while third.ledger.fault is not None or second.ledger.fault is not None:
            await asyncio.sleep(0.05)
    for link, worker in zip(LINKS, (second, third, second), strict=True):
        path = "/c/" + urls.link(link.number, link.url).split("/c/")[1]
        await worker.get(path, X_Forwarded_For="198.51.100.7")
    await classes_become(second, ["R16"] * 3)


async def numbers_become(port: PublicPort, wanted: dict[tuple[str, str], int]) -> None:
    kept = "SELECT kind, class, sum(number) FROM daily GROUP BY 1, 2"
    async with asyncio.timeout(15):
        while {(kind, name): n for kind, name, n in await rows(port.ledger, kept) if n} != wanted:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("order", [(0, 0, 0), (0, 1, 2), (1, 2, 1), (2, 2, 0)])
async def test_a_burst_is_one_where_nothing_but_numbers_is_kept(
    workers: list[PublicPort], order: tuple[int, ...]
) -> None:
    urls = await workers[0].message(link_list=LINKS, counts_only=True)
    for link, worker in zip(LINKS, order, strict=True):
        path = urls.link(link.number, link.url).split(str(workers[0].number))[1]
        for address in ("198.51.100.7", f"203.0.113.{link.number}"):  # a filter, and three people
            assert (await workers[worker].get(path, X_Forwarded_For=address)).status == 302
    await numbers_become(workers[0], {("click", "human"): 3, ("click", "security-scanner"): 3})
    assert await rows(workers[0].ledger, "SELECT clicks_confirmed, clicks_machine FROM message") == [(3, 3)]
    assert await rows(workers[0].ledger, "SELECT DISTINCT clicks_confirmed, clicks_machine FROM link") == [(1, 1)]
    assert await rows(workers[0].ledger, "SELECT * FROM hit") == []


async def test_what_is_shown_of_a_counted_click_names_nobody(workers: list[PublicPort]) -> None:
    seen: list[str] = []
    watched = workers[0].looks._look_at_counted
    workers[0].ledger.watch_hits(
        workers[0].looks._look, lambda counted: (seen.append(repr(counted)), watched(counted))[1]
    )
    urls = await workers[0].message(link_list=LINKS, counts_only=True)
    path = urls.link(1, LINKS[0].url).split(str(workers[0].number))[1]
    for worker in workers:
        await worker.get(path, X_Forwarded_For="198.51.100.7")
    async with asyncio.timeout(15):
        while len(seen) < 3:
            await asyncio.sleep(0.05)
    for word in ("198.51.100", "Mozilla", "Firefox"):
        assert word not in "".join(seen)


async def test_a_counted_burst_during_trouble_is_put_right_afterwards(workers: list[PublicPort]) -> None:
    urls = await workers[0].message(link_list=LINKS, counts_only=True)
    file = workers[0].ledger.place.path
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for link, worker in zip(LINKS, workers, strict=True):
            path = urls.link(link.number, link.url).split(str(workers[0].number))[1]
            assert (await worker.get(path, X_Forwarded_For="198.51.100.7")).status == 302
        other.execute("ROLLBACK")
    await numbers_become(workers[0], {("click", "security-scanner"): 3})
    firsts = "SELECT first_clicked_at FROM message UNION ALL SELECT first_clicked_at FROM link"
    assert await rows(workers[0].ledger, firsts) == [(None,)] * 4


async def test_a_counted_click_that_was_lost_is_not_shown_and_so_not_corrected(workers: list[PublicPort]) -> None:
    seen: list[object] = []
    workers[0].ledger.watch_hits(workers[0].looks._look, seen.extend)
    urls = await workers[0].message(link_list=LINKS, counts_only=True)
    path = urls.link(1, LINKS[0].url).split(str(workers[0].number))[1]
    ingest, file = workers[0].server.ingest, workers[0].ledger.place.path
    assert file is not None

    def full(_values: object) -> None:
        raise OSError("no room")

    ingest._journal.append = full  # type: ignore[method-assign]
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await workers[0].get(path, X_Forwarded_For="198.51.100.7")).status == 302
        other.execute("ROLLBACK")
    assert ingest.counters.dropped == 1
    await until(lambda: workers[0].ledger.fault is None)
    assert (await workers[0].get(path, X_Forwarded_For="198.51.100.8")).status == 302
    await until(lambda: len(seen) == 1)
    assert await rows(workers[0].ledger, "SELECT sum(number) FROM daily") == [(1,)]


@pytest.mark.parametrize("which", [0, 2], ids=["that writes", "that hands over"])
async def test_a_counted_click_under_way_is_shown_before_its_worker_is_gone(
    workers: list[PublicPort], which: int
) -> None:
    seen: list[object] = []
    workers[0].ledger.watch_hits(workers[0].looks._look, seen.extend)
    urls = await workers[0].message(link_list=LINKS, counts_only=True)
    path = urls.link(1, LINKS[0].url).split(str(workers[0].number))[1]
    worker = workers.pop(which)
    server, file = worker.server, worker.ledger.place.path
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # so that it is under way for a while
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.number)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n".encode())
        await until(lambda: any(connection._is_busy for connection in server._lean))
        await server.close()
        assert len(seen) == 1
        other.execute("ROLLBACK")
    assert (await reader.read()).startswith(b"HTTP/1.1 302 ")
    writer.close()
    await worker.looks.close()
    await worker.ledger.close()
