"""Digests: once a day or a week, of what happened before, to whom it was asked for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.accounts import set_preferences
from ledger.outbox import Outbox
from ledger.queries.digest import digest, digests_sent
from ledger.queries.rows import Viewer
from ledger.records import HitClass, HitKind
from pixel_server.notify.digest import is_due, period_before
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "kind", "begin", "end"),
    [
        ("2026-11-24T07:00", "daily", "2026-11-23T07:00", "2026-11-24T07:00"),
        ("2026-11-24T06:59", "daily", "2026-11-22T07:00", "2026-11-23T07:00"),
        ("2026-11-24T12:00", "weekly", "2026-11-16T07:00", "2026-11-23T07:00"),  # a Tuesday: Monday was yesterday
        ("2026-11-23T06:00", "weekly", "2026-11-09T07:00", "2026-11-16T07:00"),  # Monday, an hour too early
        ("2026-03-29T12:00", "daily", "2026-03-28T07:00", "2026-03-29T07:00"),  # the night the clocks went forward
    ],
)
def test_a_digest_is_of_the_last_whole_day_or_week(now: str, kind: str, begin: str, end: str):
    at = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    found = period_before(at.astimezone(UTC), kind, BERLIN, 7)
    assert found == tuple(datetime.fromisoformat(one).replace(tzinfo=BERLIN) for one in (begin, end))


def test_a_digest_is_due_once_and_not_for_a_time_before_it_was_asked_for():
    end = NOW - timedelta(hours=1)
    assert is_due(NOW, end, NOW - timedelta(days=1))
    assert not is_due(NOW, end, None)
    assert not is_due(NOW, end, end)
    assert not is_due(end + timedelta(hours=21), end, NOW - timedelta(days=1))  # too late: the next one comes soon


def wake(house: House, later: timedelta) -> None:
    """Time passes, and something happens that the teller hears of."""
    house.now += later
    other = letter(house.now - timedelta(days=9), sender="nobody@example.net")
    house.register(other)
    house.add_hits(hit(other.id, hit_class=HitClass.BOT, at=house.now))


def until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.02)


def told(house: House) -> dict[int, datetime]:
    async def ask() -> dict[int, datetime]:
        async with house.ledger.read() as connection:
            return dict(await digests_sent(connection))

    return house.run(ask())


def prefer(house: House, account: int, **preferences: Any) -> None:
    house.run(house.ledger.write(set_preferences, account, preferences))


def test_a_daily_digest_tells_what_happened_and_comes_once(house: House):
    account = house.add_account("hanna", addresses=["hanna@example.com"])
    prefer(house, account, digest="daily", digest_to="hanna@example.org", zone="UTC", language="en")
    wake(house, timedelta(minutes=1))
    until(lambda: told(house), "knowing where digests begin")
    sent = house.now + timedelta(hours=2)
    offer, quiet = letter(sent, subject="Offer"), letter(NOW - timedelta(days=2, hours=20), subject="Quiet")
    foreign = letter(sent, subject="Foreign", sender="joris@example.com")
    for record in (offer, quiet, foreign):
        house.register(record)
    at = sent + timedelta(minutes=9)
    house.add_hits(hit(offer.id, at=at), hit(offer.id, HitKind.CLICK, at=at), hit(foreign.id, at=at))
    wake(house, timedelta(days=1))
    outbox = Outbox(house.settings.outbox_dir)
    until(outbox.list, "the digest")
    (delivery,) = outbox.list()
    mail = message_from_bytes(outbox.read(delivery.id) or b"", policy=policy.default)
    assert delivery.recipients == ("hanna@example.org",)
    assert mail["Subject"] == "Your mail of the last day: opens 1, links followed 1"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "Messages: 1, of them tracked: 1" in text
    assert "- Offer (mia@example.net): opened once, links followed once" in text
    assert "Not opened after 3 days:\n- Quiet" in text.replace("\r\n", "\n")
    assert "Foreign" not in text
    for _ in range(2):
        wake(house, timedelta(minutes=1))
    assert len(outbox.list()) == 1


def test_nothing_to_tell_is_no_mail_and_no_longer_wanting_one_forgets(house: House):
    account = house.add_account("hanna", addresses=["hanna@example.com"])
    prefer(house, account, digest="daily", zone="UTC")
    wake(house, timedelta(minutes=1))
    until(lambda: told(house), "knowing where digests begin")
    before = told(house)[account]
    wake(house, timedelta(days=1))
    until(lambda: told(house)[account] > before, "passing over an empty day")
    assert Outbox(house.settings.outbox_dir).list() == []
    prefer(house, account, digest="", zone="UTC")
    wake(house, timedelta(minutes=1))
    until(lambda: told(house) == {}, "forgetting")


async def ask_digest(house: House, viewer: Viewer) -> Any:
    async with house.ledger.read() as connection:
        return await digest(connection, viewer, NOW - timedelta(days=7), NOW)


def test_a_digest_holds_only_what_its_reader_may_see(house: House):
    mine, other = letter(sender="joris@example.com"), letter(sender="hanna@example.com")
    house.register(mine)
    house.register(other)
    house.add_hits(hit(mine.id), hit(other.id))
    found = house.run(ask_digest(house, Viewer("joris", ("joris@example.com",))))
    assert [one.message.id for one in found.looked] == [mine.id]
    assert found.totals.sent == 1
    assert house.run(ask_digest(house, Viewer("nobody"))).is_empty


def test_a_digest_that_is_not_taken_is_tried_again(house: House, caplog: pytest.LogCaptureFixture):
    house.now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    account = house.add_account("hanna", addresses=["hanna@example.com"])
    prefer(house, account, digest="weekly", zone="UTC")
    wake(house, timedelta(minutes=1))
    until(lambda: told(house), "knowing where digests begin")
    house.register(letter(house.now))
    outbox = Outbox(house.settings.outbox_dir)
    house.settings.outbox_dir.write_text("in the way")  # no letter can be filed
    wake(house, timedelta(hours=20))
    until(lambda: "a digest was not taken" in caplog.text, "the failure")
    assert told(house)[account] < datetime(2026, 11, 23, tzinfo=UTC)
    house.settings.outbox_dir.unlink()
    wake(house, timedelta(minutes=11))
    until(lambda: told(house)[account] == datetime(2026, 11, 23, 7, tzinfo=UTC), "the next try")
    assert len(outbox.list()) == 1


def test_a_digest_that_cannot_be_noted_is_not_sent_again(house: House, caplog: pytest.LogCaptureFixture):
    account = house.add_account("hanna", addresses=["hanna@example.com"])
    prefer(house, account, digest="daily", zone="UTC")
    wake(house, timedelta(minutes=1))
    until(lambda: told(house), "knowing where digests begin")
    house.register(letter(house.now))
    outbox = Outbox(house.settings.outbox_dir)
    with closing(sqlite3.connect(house.settings.data_dir / "mailglass.db", isolation_level=None)) as other:
        other.execute("CREATE TRIGGER no_room BEFORE INSERT ON note BEGIN SELECT RAISE(FAIL, 'full'); END")
        house.now += timedelta(days=1)
        for attempt in range(3):
            house.now += timedelta(minutes=1)
            until(lambda: caplog.text.count("notices could not be") > attempt, "an attempt")  # noqa: B023
        other.execute("DROP TRIGGER no_room")
    before = told(house)[account]
    house.now += timedelta(minutes=1)
    until(lambda: told(house)[account] > before, "the note")
    assert len(outbox.list()) == 1
