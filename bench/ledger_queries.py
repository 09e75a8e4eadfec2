"""How long the page's questions take in a large ledger: by default 1,000,000 messages and 10,000,000 hits on SQLite.

Run ``python -m bench.ledger_queries``; it fills a ledger in a scratch folder (minutes), asks each question twenty
times, prints medians, and takes the folder away. Times are those of the whole question, through aiosqlite and
SQLAlchemy to frozen rows; ``SQL`` is SQLite alone, asked with the very statements.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event

from config.settings import Settings
from ledger import queries
from ledger.message_id import MessageId, mint_message_id
from ledger.queries import ADMINISTRATOR, HitFilter, MessageFilter, Viewer
from ledger.schema import message
from ledger.store import Store
from ledger.words import words_of

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SENDERS = [f"sender{n}@example.com" for n in range(20)]
WORDS = ("offer", "invoice", "meeting", "minutes", "spring", "autumn", "report", "draft", "question", "answer", "plan")
CLASSES = ("human", "human", "image-proxy", "privacy-prefetch", "security-scanner", "bot")
TURNS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--hits", type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailglass-bench-") as folder:
        asyncio.run(_bench(Settings(data_dir=Path(folder)), options.messages, options.hits))


async def _bench(settings: Settings, messages: int, hits: int) -> None:
    store = await Store.open(settings)
    await store.close()
    began = time.monotonic()
    _fill(settings.data_dir / "mailglass.db", messages, hits)
    size = (settings.data_dir / "mailglass.db").stat().st_size // 10**6
    print(f"{messages} messages, {hits} hits, {size} MB, filled in {time.monotonic() - began:.0f} s\n")
    store = await Store.open(settings)
    print("| question | ms | SQL ms | rows |\n|---|---|---|---|")
    for name, ask in _questions(messages).items():
        await _measure(store, name, ask)
    await store.close()


def _questions(messages: int) -> dict[str, Callable[[Any], Awaitable[Any]]]:
    member = Viewer("login3", ("sender7@example.com",))
    deep = str(messages // 2)
    some = MessageId((messages // 3).to_bytes(16, "big"))
    year, zone = NOW - timedelta(days=365), ZoneInfo("Asia/Tokyo")

    def lists(wanted: MessageFilter, viewer: Viewer = ADMINISTRATOR, cursor: str | None = None) -> Any:
        return lambda connection: queries.list_messages(connection, viewer, wanted, cursor, 50, NOW)

    return {
        "newest messages": lists(MessageFilter()),
        "in the middle": lists(MessageFilter(), cursor=deep),
        "tracked": lists(MessageFilter(tracked=True)),
        "opened": lists(MessageFilter(opened=True)),
        "not opened": lists(MessageFilter(opened=False)),
        "not opened for 30 days": lists(MessageFilter(unopened_for=timedelta(days=30))),
        "clicked": lists(MessageFilter(clicked=True)),
        "tag": lists(MessageFilter(tag="offer")),
        "sender": lists(MessageFilter(sender="sender11@example.com")),
        "refused": lists(MessageFilter(state="refused")),
        "one week of last winter": lists(
            MessageFilter(since=NOW - timedelta(days=300), until=NOW - timedelta(days=293))
        ),
        "word, common": lists(MessageFilter(q="invoice")),
        "word, rare": lists(MessageFilter(q=f"person{messages // 2}")),
        "two words": lists(MessageFilter(q="invoice spring")),
        "word that is nowhere": lists(MessageFilter(q="zzzz")),
        "a member's": lists(MessageFilter(), member),
        "a member's not opened": lists(MessageFilter(opened=False), member),
        "a member's word": lists(MessageFilter(q="invoice"), member),
        "one message whole": lambda connection: queries.message(connection, ADMINISTRATOR, some),
        "its hits": lambda connection: queries.list_hits(connection, ADMINISTRATOR, HitFilter(message=some)),
        "newest hits": lambda connection: queries.list_hits(connection, ADMINISTRATOR),
        "a member's hits": lambda connection: queries.list_hits(connection, member),
        "hits of a class": lambda connection: queries.list_hits(connection, ADMINISTRATOR, HitFilter(hit_class="bot")),
        "hits of a class that nobody has": lambda connection: queries.list_hits(
            connection, ADMINISTRATOR, HitFilter(hit_class="own")
        ),
        "365 days by day": lambda connection: queries.per_day(connection, ADMINISTRATOR, year, NOW, zone),
        "a member's 365 days": lambda connection: queries.per_day(connection, member, year, NOW, zone),
        "weekdays and hours": lambda connection: queries.per_weekday_hour(connection, ADMINISTRATOR, year, NOW, zone),
        "all in all": lambda connection: queries.totals(connection, ADMINISTRATOR, year, NOW),
    }


async def _measure(store: Store, name: str, ask: Callable[[Any], Awaitable[Any]]) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    async with store.read() as connection:
        event.listen(store._engine.sync_engine, "before_cursor_execute", note)
        found = await ask(connection)
        event.remove(store._engine.sync_engine, "before_cursor_execute", note)
        took = []
        for _ in range(TURNS):
            began = time.perf_counter()
            found = await ask(connection)
            took.append(time.perf_counter() - began)
    alone = _sql_alone(store.place.path, statements)
    rows = len(found.items) if hasattr(found, "items") else len(found) if isinstance(found, list) else 1
    print(f"| {name} | {statistics.median(took) * 1000:.2f} | {alone * 1000:.2f} | {rows} |", flush=True)


def _sql_alone(path: Path | None, statements: list[tuple[str, Any]]) -> float:
    assert path is not None
    connection = sqlite3.connect(path)
    took = []
    for _ in range(TURNS):
        began = time.perf_counter()
        for statement, parameters in statements:
            connection.execute(statement, parameters).fetchall()
        took.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(took)


def _fill(path: Path, messages: int, hits: int) -> None:
    dice = random.Random(1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    _fill_messages(connection, dice, messages)
    per_message = max(1, hits // messages)
    _executemany(
        connection,
        "INSERT INTO hit VALUES (?, ?, ?, ?, ?, 0, ?, 'GET', ?, 'probable', 'R22', 'Firefox on Linux', '192.0.2.0/24',"
        " 1, 1, ?)",
        _hits(dice, messages, hits, per_message),
    )
    _fill_hours(connection)
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _fill_messages(connection: sqlite3.Connection, dice: random.Random, messages: int) -> None:
    named = [column.name for column in message.columns]
    marks = ", ".join(f":{name}" for name in named)
    rows = [_message(dice, seq, messages) for seq in range(1, messages + 1)]
    _executemany(connection, f"INSERT INTO message ({', '.join(named)}) VALUES ({marks})", iter(rows))
    _executemany(
        connection,
        "INSERT INTO message_words (rowid, words) VALUES (?, ?)",
        ((row["seq"], words_of([row["recipients"]], row["subject"])) for row in rows),
    )
    _executemany(
        connection, "INSERT INTO tag VALUES ('offer', ?)", ((row["seq"],) for row in rows if "offer" in row["subject"])
    )
    connection.execute("INSERT INTO copy (message_seq, number, address, state) SELECT seq, 0, '', 'sent' FROM message")
    connection.execute(
        "INSERT INTO link (message_seq, number, url, text, name, part, tracked)"
        " SELECT seq, 1, 'https://example.org/', 'here', '', '1', 1 FROM message"
    )


def _message(dice: random.Random, seq: int, messages: int) -> dict[str, Any]:
    at = _at(seq, messages)
    opened = at + 3_600_000 if dice.random() < 0.4 else None
    counts = {
        f"{kind}_{column}": 0 for kind in ("opens", "clicks") for column in ("confirmed", "possible", "machine", "own")
    }
    empty = dict.fromkeys((column.name for column in message.columns), None)
    subject = " ".join(dice.sample(WORDS, 3))
    times = {"first_opened_at": opened, "last_opened_at": opened, "last_hit_at": opened}
    return empty | counts | times | {
        "seq": seq, "id": seq.to_bytes(16, "big"), "submitted_at": at, "accepted_at": at,
        "login": f"login{seq % 20}", "sender": SENDERS[dice.randrange(20)], "listener": "",
        "recipients": f'["person{seq}@example.net"]', "recipient_count": 1, "subject": subject, "header_id": "",
        "tags": "[]", "meta": "{}", "notes": "[]", "own_note": "", "opens": seq % 10 != 0, "links": 1,
        "individually": 0, "counts_only": 0, "tracked": seq % 10 != 0, "notify": "", "client_network": "",
        "state": "refused" if seq % 1000 == 0 else "sent", "reply": "250 ok",
        "opens_confirmed": int(opened is not None),
        "first_clicked_at": opened if seq % 50 == 0 else None,
    }  # fmt: skip


def _hits(dice: random.Random, messages: int, hits: int, per_message: int) -> Iterator[tuple[Any, ...]]:
    for seq in range(1, hits + 1):
        message_seq = min(messages, (seq - 1) // per_message + 1)
        at = _at(message_seq, messages) + seq % per_message * 60_000
        kind, link = ("click", 1) if seq % 7 == 0 else ("open", 0)
        hit_id = str(mint_message_id(at, seq.to_bytes(10, "big")))
        yield seq, hit_id, at, kind, message_seq, link, dice.choice(CLASSES), '{"delay": 12.5}'


def _at(seq: int, messages: int) -> int:
    year = 365 * 86_400_000
    return round(NOW.timestamp() * 1000) - year + seq * year // messages


def _fill_hours(connection: sqlite3.Connection) -> None:
    hour = "submitted_at - submitted_at % 3600000"
    zeros = "count(*), sum(tracked), sum(opens_confirmed), 0, 0, 0, 0, 0, 0, 0"
    connection.execute(f"INSERT INTO hourly SELECT login, sender, {hour}, {zeros} FROM message GROUP BY 1, 2, 3")
    connection.execute(f"INSERT INTO hourly SELECT '', '', {hour}, {zeros} FROM message GROUP BY 3")


def _executemany(connection: sqlite3.Connection, statement: str, rows: Iterator[Any]) -> None:
    connection.executemany(statement, rows)
    connection.commit()


if __name__ == "__main__":
    main()
