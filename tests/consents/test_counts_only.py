"""``identity = "aggregate"``: numbers a day and nothing else, down to the bytes of every file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select, text

from config.settings import Ledger, PixelServer, Settings, Tracking
from ledger.access import Ledger as AnyLedger
from ledger.keys import load_keys
from ledger.message_id import MessageId, mint_message_id
from ledger.records import Confidence, DayCount, DayCounts, Hit, HitClass, HitKind, LinkRecord, MessageRecord, Verdict
from ledger.schema import daily, hit, hourly, link, message, metadata
from ledger.shared import SharedLedger, open_ledger
from ledger.urls import TrackingUrls, UrlGrammar
from pixel_server.public.app import PublicServer

NOW = datetime(2026, 11, 24, 10, 17, 23, 456000, tzinfo=UTC)
TODAY = datetime(2026, 11, 24, tzinfo=UTC)
SENT = NOW - timedelta(days=3)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WGET = "Wget/1.21.4"
PEOPLE = tuple(f"p{number}@example.com" for number in range(20))
CAMPAIGN = MessageId(b"\1" * 16)
DESTINATION = "https://example.org/one"


def a_campaign(**changes: object) -> MessageRecord:
    record = MessageRecord(
        CAMPAIGN, SENT, "me@example.org", PEOPLE, subject="Offer", opens=True, links=True, counts_only=True,
        link_list=(LinkRecord(1, DESTINATION, "one", tracked=True),),
    )  # fmt: skip
    return replace(record, **changes)  # type: ignore[arg-type]


def settings_in(folder: Path, identity: str = "aggregate", ledger: str = "sqlite:///mailglass.db") -> Settings:
    return Settings.model_validate(
        {
            "data_dir": folder,
            "tracking": Tracking(identity=identity),  # type: ignore[arg-type]
            "pixel_server": PixelServer(bind="127.0.0.1:0", trusted_proxies=["127.0.0.1/32"]),  # type: ignore[arg-type]
            "ledger": Ledger(url=ledger),
        }
    )


class Public:
    """A public server and its visitors, who come from wherever ``look`` says."""

    def __init__(self, settings: Settings, ledger: SharedLedger, browser: aiohttp.ClientSession) -> None:
        self.ledger, self._browser = ledger, browser
        self._urls = TrackingUrls(UrlGrammar(""), load_keys(settings.keys_dir), CAMPAIGN)

    async def look(self, address: str, user_agent: str, number: int = 0) -> int:
        path = self._urls.link(number, DESTINATION) if number else self._urls.pixel()
        headers = {"X-Forwarded-For": address, "User-Agent": user_agent}
        async with self._browser.get(path, headers=headers, allow_redirects=False) as answer:
            return answer.status


@asynccontextmanager
async def a_public_server(settings: Settings, clock: datetime = NOW) -> AsyncIterator[Public]:
    ledger = await open_ledger(settings, clock=lambda: clock)
    ledger.patience_seconds = 5  # this machine may be busy; what is asked here is not how long it takes
    ring = load_keys(settings.keys_dir)
    server = PublicServer(settings, ledger, lambda: ring)
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as browser:
        yield Public(settings, ledger, browser)
    await server.close()
    await ledger.close()


def all_bytes(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


async def all_values(ledger: AnyLedger) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    async with ledger.read() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(text(f"SELECT * FROM {table.name}"))
            found += [(table.name, value) for row in rows for value in row]
    return found


async def test_hits_leave_numbers_a_day_and_no_byte_about_who_looked(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with a_public_server(settings) as public:
        await public.ledger.register(a_campaign())
        assert await public.look("203.0.113.77", CHROME) == 200
        assert await public.look("203.0.113.77", CHROME) == 200, "looking again is answered, and not counted"
        assert await public.look("198.51.100.9", FIREFOX) == 200
        assert await public.look("198.51.100.9", FIREFOX, 1) == 302
        assert await public.look("192.0.2.5", WGET, 1) == 302
        async with public.ledger.read() as connection:
            row = (await connection.execute(select(message))).one()
            counted = {
                (one.day, one.kind, one.link, one._mapping["class"]): one.number
                for one in await connection.execute(select(daily))
            }
            assert (await connection.execute(select(hit))).all() == []
            hours = (await connection.execute(select(hourly.c.hour).where(hourly.c.clicks_confirmed > 0))).scalars()
            assert set(hours) == {TODAY}, "an hour would be finer than a day"
            link_row = (await connection.execute(select(link))).one()
        assert (row.opens_confirmed, row.clicks_confirmed, row.clicks_machine) == (2, 1, 1)
        assert (link_row.clicks_confirmed, link_row.last_clicked_at) == (1, TODAY)
        assert (row.first_opened_at, row.last_opened_at, row.last_hit_at) == (TODAY, TODAY, TODAY)
        assert counted == {
            (TODAY, "open", 0, "human"): 2,
            (TODAY, "click", 1, "human"): 1,
            (TODAY, "click", 1, "bot"): 1,
        }
        values = await all_values(public.ledger)
    moments = range(round((NOW - timedelta(hours=9)).timestamp() * 1000), round((NOW.timestamp() + 9e4) * 1000))
    assert [one for one in values if isinstance(one[1], int) and one[1] in moments] == []
    stamp = str(mint_message_id(round(NOW.timestamp() * 1000), bytes(10)))[:8].encode()
    for path, raw in all_bytes(tmp_path):
        for word in (b"203.0.113", b"198.51.100", b"192.0.2", b"Chrome", b"Firefox", b"Wget", b"wget", stamp):
            assert word not in raw, (path, word)


async def test_a_day_of_counts_survives_a_ledger_that_is_away_and_nothing_else_is_written_down(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, ledger="sqlite:///elsewhere/mailglass.db")
    async with a_public_server(settings) as public:
        await public.ledger.register(a_campaign())
    (tmp_path / "elsewhere").rename(tmp_path / "away")
    (tmp_path / "elsewhere").write_text("no folder")
    async with a_public_server(settings) as public:
        assert await public.look("203.0.113.77", CHROME) == 200
        journals = list((tmp_path / "journal").iterdir())
        assert any(b"DayCount" in path.read_bytes() for path in journals)
        for path in journals:
            raw = path.read_bytes()
            assert b"203.0.113" not in raw
            assert b"Chrome" not in raw
    (tmp_path / "elsewhere").unlink()
    (tmp_path / "away").rename(tmp_path / "elsewhere")
    ledger = await open_ledger(settings, clock=lambda: NOW)
    ledger.patience_seconds = 5  # this machine may be busy; what is asked here is not how long it takes
    ring = load_keys(settings.keys_dir)
    server = PublicServer(settings, ledger, lambda: ring)
    await server.start()
    await server.ingest.replay()
    async with ledger.read() as connection:
        assert (await connection.execute(select(message.c.opens_confirmed))).scalar() == 1
    await server.close()
    await ledger.close()


async def test_the_ceiling_holds_for_mail_that_was_sent_before_it(tmp_path: Path) -> None:
    async with a_public_server(settings_in(tmp_path)) as public:
        await public.ledger.register(a_campaign(counts_only=False))
        await public.look("203.0.113.77", CHROME)
        async with public.ledger.read() as connection:
            assert (await connection.execute(select(hit))).all() == []
            assert (await connection.execute(select(message.c.opens_confirmed))).scalar() == 1


async def test_what_was_promised_when_it_was_sent_holds_after_the_ceiling_is_raised(tmp_path: Path) -> None:
    async with a_public_server(settings_in(tmp_path, "individual")) as public:
        await public.ledger.register(a_campaign())
        await public.look("203.0.113.77", CHROME)
        async with public.ledger.read() as connection:
            assert (await connection.execute(select(hit))).all() == []
            assert (await connection.execute(select(daily.c.number))).scalars().all() == [1]


async def test_with_identity_off_delivered_mail_is_answered_and_nothing_is_recorded(tmp_path: Path) -> None:
    async with a_public_server(settings_in(tmp_path, "off")) as public:
        await public.ledger.register(a_campaign(counts_only=False))
        assert await public.look("203.0.113.77", CHROME) == 200
        assert await public.look("203.0.113.77", CHROME, 1) == 302
        async with public.ledger.read() as connection:
            assert (await connection.execute(select(hit))).all() == []
            assert (await connection.execute(select(daily))).all() == []
            assert (await connection.execute(select(message.c.opens_confirmed))).scalar() == 0


def counts(number: int, hit_class: HitClass = HitClass.HUMAN, link_number: int = 0, days: int = 0) -> DayCount:
    kind = HitKind.CLICK if link_number else HitKind.OPEN
    return DayCount(CAMPAIGN, TODAY + timedelta(days=days), kind, link_number, hit_class, number)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SharedLedger]:
    opened = await open_ledger(settings_in(tmp_path), clock=lambda: NOW)
    await opened.register(a_campaign())
    yield opened
    await opened.close()


async def test_a_class_that_changed_takes_its_first_day_along(ledger: SharedLedger) -> None:
    await ledger.add_counts(DayCounts("a", (counts(1), counts(1, days=1), counts(1, link_number=1))))
    await ledger.add_counts(DayCounts("b", (counts(-1), counts(1, HitClass.SECURITY_SCANNER))))
    await ledger.add_counts(DayCounts("c", (counts(-1, link_number=1), counts(1, HitClass.BOT, 1))))
    async with ledger.read() as connection:
        row = (await connection.execute(select(message))).one()
        link_row = (await connection.execute(select(link))).one()
    assert (row.opens_confirmed, row.opens_machine) == (1, 1)
    assert row.first_opened_at == row.last_opened_at == TODAY + timedelta(days=1)
    assert (row.first_clicked_at, link_row.first_clicked_at, link_row.clicks_machine) == (None, None, 1)


async def test_a_correction_that_comes_before_what_it_corrects_leaves_no_first_day(ledger: SharedLedger) -> None:
    """What went to the journal is counted when it is replayed; what corrects it may have been quicker."""
    await ledger.add_counts(DayCounts("c", (counts(-1, link_number=1), counts(1, HitClass.BOT, 1))))
    await ledger.add_counts(DayCounts("a", (counts(1, link_number=1),)), again=True)
    async with ledger.read() as connection:
        row = (await connection.execute(select(message))).one()
        link_row = (await connection.execute(select(link))).one()
    assert (row.clicks_confirmed, row.clicks_machine, link_row.clicks_machine) == (0, 1, 1)
    assert (row.first_clicked_at, row.last_clicked_at, link_row.first_clicked_at) == (None, None, None)


async def test_a_group_that_comes_twice_is_counted_once(ledger: SharedLedger) -> None:
    group = DayCounts("a", (counts(1),))
    await ledger.add_counts(group)
    await ledger.add_counts(group)
    async with ledger.read() as connection:
        assert (await connection.execute(select(message.c.opens_confirmed))).scalar() == 1


async def test_after_a_stop_and_for_an_unknown_message_nothing_is_counted(ledger: SharedLedger) -> None:
    await ledger.stop(CAMPAIGN, NOW)
    other = replace(counts(1), message=MessageId(b"\2" * 16))
    await ledger.add_counts(DayCounts("a", (counts(1, days=1), other)))
    async with ledger.read() as connection:
        assert (await connection.execute(select(daily))).all() == []


async def test_a_hit_of_one_who_could_not_read_the_promise_becomes_a_number_too(ledger: SharedLedger) -> None:
    verdict = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
    one = Hit("1" * 26, NOW, HitKind.CLICK, CAMPAIGN, 0, 1, "GET", verdict, "Firefox on Linux", "203.0.113.0/24")
    assert await ledger.add_hits([one]) == 0
    async with ledger.read() as connection:
        assert (await connection.execute(select(hit))).all() == []
        row = (await connection.execute(select(message))).one()
        assert (row.clicks_confirmed, row.first_clicked_at, row.last_hit_at) == (1, TODAY, TODAY)
        kept = (await connection.execute(select(daily))).one()
        assert (kept.day, kept.kind, kept.link, kept.number) == (TODAY, "click", 1, 1)
