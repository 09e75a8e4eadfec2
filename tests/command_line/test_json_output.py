"""What programs read: ids as they are written everywhere else, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from ledger.message_id import MessageId
from mailglass.commands.tables import plain


def test_an_id_is_its_ulid_wherever_it_stands() -> None:
    one = MessageId(bytes(range(16)))
    assert plain({"id": one, "of": [one]}) == {"id": str(one), "of": [str(one)]}


def test_a_time_is_utc_iso_8601() -> None:
    assert plain(datetime(2026, 11, 24, 10, 0, tzinfo=UTC)) == "2026-11-24T10:00:00.000Z"
