"""The outbox on a real disk: a delivery is there whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.message_id import MessageId
from ledger.outbox import Outbox

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def test_an_outbox_that_was_never_used_is_empty(outbox: Outbox) -> None:
    assert outbox.list() == []
    assert outbox.find(MessageId(bytes(16))) is None
    assert outbox.read(MessageId(bytes(16))) is None


def test_what_was_delivered_is_read_back_byte_for_byte(outbox: Outbox) -> None:
    raw = bytes(range(256)) + b"\r\n.\r\n\n\r"
    delivery = outbox.deliver(raw, "ann@example.com", ["bob@example.net", "eve@example.org"], NOON)
    assert outbox.read(delivery.id) == raw
    assert outbox.find(delivery.id) == delivery
    assert delivery.size == len(raw)


def test_addresses_keep_letters_and_bytes_outside_ascii(outbox: Outbox) -> None:
    recipients = ["jürgen@example.com", b"caf\xe9@example.com".decode("utf-8", "surrogateescape")]
    delivery = outbox.deliver(b"x", "", recipients, NOON)
    assert outbox.list()[0].recipients == tuple(recipients)
    assert delivery.sender == ""


def test_the_newest_comes_first_and_pages_go_on_from_the_last_one(outbox: Outbox) -> None:
    ids = [outbox.deliver(b"x", "", [], NOON + timedelta(seconds=n)).id for n in range(5)]
    assert [d.id for d in outbox.list(limit=2)] == [ids[4], ids[3]]
    assert [d.id for d in outbox.list(limit=2, before=ids[3])] == [ids[2], ids[1]]


def test_a_message_whose_envelope_was_not_written_any_more_is_not_there(outbox: Outbox, tmp_path: Path) -> None:
    delivery = outbox.deliver(b"x", "", [], NOON)
    (tmp_path / "outbox" / f"{delivery.id}.json").rename(tmp_path / "outbox" / f"{delivery.id}.draft")
    assert outbox.list() == []


def test_files_of_others_are_left_alone(outbox: Outbox, tmp_path: Path) -> None:
    outbox.deliver(b"x", "", [], NOON)
    (tmp_path / "outbox" / "notes.json").write_text("{")
    assert len(outbox.list()) == 1


def test_nothing_is_left_behind_when_the_disk_refuses(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="File exists"):
        outbox.deliver(b"x", "", [], NOON)


def test_only_the_owner_may_read_the_letters(outbox: Outbox, tmp_path: Path) -> None:
    outbox.deliver(b"x", "", [], NOON)
    assert (tmp_path / "outbox").stat().st_mode & 0o077 == 0
