"""How long the pages take with much mail: `python -m bench.pages [--messages 1000000] [--hits 10000000] [--keep DIR]`.

Fills a ledger by SQL (with the real tables and indexes), starts the dashboard on a socket, and asks each page as a
browser would, after one warming request. Prints the median and the worst of TIMES, the processor time of both ends
(which says on a busy machine what the time would be on another), and the memory of the process; the goal is 100 ms a
page and 300 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from argon2 import PasswordHasher

from config.settings import Settings
from ledger.accounts import Passwords, add_account
from ledger.shared import open_ledger
from pixel_server.dashboard.app import build

TIMES = 15
GOAL_MS = 100.0
YEAR_MS = 360 * 86_400_000  # nothing of it is so old that it is forgotten meanwhile
PAGES = (
    "/messages", "/messages?tracked=true", "/messages?opened=true", "/messages?opened=false",
    "/messages?unopened_for=3", "/messages?clicked=true", "/messages?tag=tag7", "/messages?tag=mailglass-probe",
    "/messages?opened=false&q=subject77", "/messages?sender=s3%40example.com",
    "/messages?state=refused", "/messages?q=subject77", "/messages?q=r123%40example.net",
    "/messages?since=2026-01-01&until=2026-06-30", "/messages?cursor=50000", "/activity", "/statistics?days=30",
    "/statistics?days=365", "/api/v1/messages?limit=100", "/api/v1/hits?limit=100", "/api/v1/stats", "ONE",
)  # fmt: skip

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_FILL = (
    f"""{_NUMBERS} INSERT INTO message (seq, id, submitted_at, accepted_at, login, sender, listener, recipients,
        recipient_count, subject, header_id, tags, meta, notes, opens, links, individually, tracked, reason, state,
        first_opened_at, last_opened_at, first_clicked_at, last_clicked_at, opens_confirmed, clicks_confirmed)
    SELECT i, randomblob(16), :start + i * :step, :start + i * :step + 500, '', 's' || (i % 20) || '@example.com',
        '127.0.0.1:2525', '["r' || (i % 5000) || '@example.net"]', 1, 'Subject' || (i % 90000) || ' of letter ' || i,
        '<' || i || '@example.com>', CASE WHEN i % 5 = 0 THEN '["tag' || (i % 40) || '"]' ELSE '[]' END,
        json_object(), '[]',
        i % 10 > 0, i % 10 > 0, 0, i % 10 > 0, CASE WHEN i % 10 = 0 THEN 'no-html' END,
        CASE WHEN i % 500 = 0 THEN 'refused' ELSE 'sent' END,
        CASE WHEN i % 10 > 3 THEN :start + i * :step + 90000 END,
        CASE WHEN i % 10 > 3 THEN :start + i * :step + 900000 END,
        CASE WHEN i % 10 > 7 THEN :start + i * :step + 95000 END,
        CASE WHEN i % 10 > 7 THEN :start + i * :step + 95000 END,
        CASE WHEN i % 10 > 3 THEN 3 ELSE 0 END, CASE WHEN i % 10 > 7 THEN 1 ELSE 0 END FROM n""",
    "INSERT INTO copy (message_seq, number, address, state) SELECT seq, 0, '', state FROM message",
    """INSERT INTO link (message_seq, number, url, text, name, part, tracked, clicks_confirmed)
    SELECT seq, 1, 'https://example.com/' || (seq % 900), 'link', '', '1', 1, clicks_confirmed FROM message""",
    """INSERT INTO tag (word, message_seq) SELECT 'tag' || (seq % 40), seq FROM message WHERE seq % 5 = 0
    UNION ALL SELECT 'mailglass-probe', seq FROM message WHERE seq % 1000 = 1""",
    """INSERT INTO message_words (rowid, words)
    SELECT seq, 'r' || (seq % 5000) || ' example net ' || lower(subject) FROM message""",
    f"""{_NUMBERS} INSERT INTO hit (seq, id, at, kind, message_seq, copy, link, method, class, confidence, rule,
        user_agent, ip, counted)
    SELECT i, printf('01HIT%021d', i), :start + i * :step, CASE WHEN i % 4 = 0 THEN 'click' ELSE 'open' END,
        1 + (i * 7919) % :messages, 0, i % 4 = 0, 'GET',
        CASE i % 5 WHEN 0 THEN 'security-scanner' WHEN 1 THEN 'privacy-prefetch' ELSE 'human' END, 'probable', 'R22',
        'Firefox on Linux', '203.0.113.0', 1 FROM n""",
    f"""{_NUMBERS} INSERT INTO hourly (login, sender, hour, sent, tracked, opens_confirmed, opens_machine,
        clicks_confirmed)
    SELECT '', '', (:start / 3600000 + i) * 3600000, 100, 90, 300 + i % 70, 120, 40 FROM n""",
)  # fmt: skip


def fill(path: Path, messages: int, hits: int) -> None:
    start = round(datetime.now(UTC).timestamp() * 1000) - YEAR_MS
    counts = (messages, 0, 0, 0, 0, hits, 365 * 24)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        for statement, count in zip(_FILL, counts, strict=True):
            began = time.monotonic()
            named = {"count": count, "start": start, "step": YEAR_MS // max(count, 1), "messages": messages}
            database.execute(statement, named)
            table = statement.split("INSERT INTO ")[1].split()[0]
            print(f"  {table:<14} {time.monotonic() - began:6.1f} s", flush=True)
    database.close()


async def measure(folder: Path, messages: int, hits: int) -> bool:
    settings = Settings(data_dir=folder)
    ledger = await open_ledger(settings)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024))
    if not (folder / "filled").exists():
        await asyncio.to_thread(fill, folder / "mailglass.db", messages, hits)
        now = datetime.now(UTC)
        await ledger.write(add_account, "bench", await passwords.hash("bench bench"), True, (), now)
        (folder / "filled").touch()
    runner = web.AppRunner(build(settings, ledger, passwords=passwords), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await session.post(url + "/login", data={"name": "bench", "password": "bench bench"})
        async with session.get(url + "/api/v1/messages?opened=true&limit=1") as answer:
            one = (await answer.json())["items"][0]["id"]
        well = [await _page(session, url, f"/messages/{one}" if path == "ONE" else path) for path in PAGES]
    await runner.cleanup()
    await ledger.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process, filling included: {peak:.0f} MB")
    return all(well)


async def _page(session: aiohttp.ClientSession, url: str, path: str) -> bool:
    took, worked = [], []
    for _ in range(TIMES + 1):
        began, at_work = time.perf_counter(), time.process_time()
        async with session.get(url + path) as answer:
            await answer.read()
            assert answer.status == 200, f"{path}: {answer.status}"
        took.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - at_work) * 1000)
    median, worst, work = statistics.median(took[1:]), max(took[1:]), statistics.median(worked[1:])
    remark = "" if median <= GOAL_MS else "  over the goal"
    print(f"{path:<50} {median:7.1f} ms  worst {worst:7.1f} ms  processor {work:6.1f} ms{remark}", flush=True)
    return median <= GOAL_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--hits", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="a folder for the ledger, to measure again without filling")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = wanted.keep or Path(temporary)
        raise SystemExit(0 if asyncio.run(measure(folder, wanted.messages, wanted.hits)) else 1)


if __name__ == "__main__":
    main()
