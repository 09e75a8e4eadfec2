"""F07: a clock that is set, by hours or by years, forwards or back, costs no hit, no link and no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from ledger.message_id import MessageId
from ledger.records import Confidence, DayCount, Hit, HitClass, HitKind, Verdict
from pixel_server.public import app, lean
from pixel_server.public.counts_only import AnonymousCounts, CountedHits
from pixel_server.public.neighbourhood import Neighbourhood
from pixel_server.public.rates import RateCap
from pixel_server.public.windows import windows_from
from tests.ledger.samples import rows, the_row
from tests.public.public_port import PublicPort, until

DESTINATION = "https://example.org/?a=1"
JUMPS = [
    timedelta(days=1), timedelta(days=-1), timedelta(days=3653), timedelta(days=-3653), timedelta(hours=1),
    timedelta(hours=-1),
]  # fmt: skip


@pytest.fixture
async def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PublicPort]:
    """One whose sweeper comes round often."""
    monkeypatch.setattr(app, "SWEEP_SECONDS", 0.05)
    opened = await PublicPort.open(tmp_path)
    yield opened
    await opened.close()


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_a_clock_that_jumps_costs_nothing(quick: PublicPort, jump: timedelta) -> None:
    urls = await quick.message()
    quick.ledger.clock = lambda: datetime.now(UTC)
    assert (await quick.get(urls.pixel())).status == 200
    quick.ledger.clock = lambda: datetime.now(UTC) + jump
    for _ in range(2):
        assert (await quick.get(urls.pixel())).status == 200
        assert (await quick.get(urls.link(1, DESTINATION))).headers["Location"] == DESTINATION
    assert (await quick.get(urls.page())).status == 200
    # A token holds for ever, whatever the date: one made before and one made after.
    assert (await quick.get((await quick.message()).pixel())).status == 200
    assert await the_row(quick.ledger, "SELECT count(*), count(DISTINCT id) FROM hit") == (6, 6)
    sums = await rows(
        quick.ledger, "SELECT opens_confirmed + opens_machine, clicks_confirmed + clicks_machine FROM message"
    )
    assert sums[0][1] == 1
    assert sums[1] == (1, 0)


async def test_an_idle_connection_is_shown_out_by_a_clock_that_nobody_sets(quick: PublicPort) -> None:
    path = (await quick.message()).pixel().split(str(quick.number))[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", quick.number)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    (connection,) = quick.server._lean
    since = connection.idle_since
    quick.ledger.clock = lambda: datetime.now(UTC) + timedelta(days=3653)
    await quick.get(path)  # another one, after the jump
    connection.close_if_idle(since + lean.IDLE_SECONDS - 0.1)
    assert connection in quick.server._lean
    connection.close_if_idle(since + lean.IDLE_SECONDS + 0.1)
    await until(lambda: connection not in quick.server._lean)
    writer.close()


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_visitor_is_counted_again_when_the_clock_has_moved_on_or_back(jump: timedelta) -> None:
    counts = AnonymousCounts(timedelta(minutes=30))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert counts.count(a_hit("a", noon), noon, "visitor") is not None
    assert counts.count(a_hit("b", noon), noon + timedelta(minutes=29), "visitor") is None
    assert counts.count(a_hit("c", noon), noon + jump, "visitor") is not None


def test_a_visitor_is_forgotten_when_the_time_is_over() -> None:
    counts = AnonymousCounts(timedelta(minutes=30))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for minutes in (0, 10, 20):
        counts.count(a_hit("a", noon), noon + timedelta(minutes=minutes), f"visitor {minutes}")
    counts.forget((noon + timedelta(minutes=45)).timestamp())
    assert [key[-1] for key in counts._views] == ["visitor 20"]


def test_clicks_are_forgotten_when_nothing_can_change_their_verdicts() -> None:
    windows = windows_from(Settings().hits)
    neighbourhood, counted = Neighbourhood(Settings()), CountedHits()
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    click = replace(a_hit("a", noon), kind=HitKind.CLICK, link=1)
    neighbourhood.look([click], noon.timestamp())
    counted.note("a", DayCount(click.message, noon, HitKind.CLICK, 1, HitClass.HUMAN))
    bot = Verdict(HitClass.BOT, Confidence.CERTAIN, "R20")
    for seconds, is_known in ((windows.second_look, True), (3 * windows.second_look, False)):
        now = noon.timestamp() + seconds
        neighbourhood.due(now)
        counted.forget(neighbourhood.forget(now))
        assert (neighbourhood._verdicts != {}) is is_known
        assert (counted._counts != {}) is is_known
    assert counted.moved([("a", bot)]) == []


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_minute_ends_when_the_clock_says_another_one(jump: timedelta) -> None:
    cap = RateCap(rows_a_minute=2)
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for number in range(5):
        cap.visitor("token", "source", at.timestamp()).row = f"row {number}"
    assert cap.visitor("token", "source", at.timestamp()).is_full
    assert not cap.visitor("token", "source", (at + jump).timestamp()).is_full


def a_hit(id_: str, at: datetime) -> Hit:
    verdict = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
    return Hit(id_, at, HitKind.OPEN, MessageId(bytes(16)), 0, 0, "GET", verdict)
