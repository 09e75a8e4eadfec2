"""Erasing somebody whose address got everywhere it can get: afterwards no byte of any file knows them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select, text

from config.settings import Settings
from ledger.accounts import add_account
from ledger.consent_events import ConsentPurpose
from ledger.consents import Consents, Gate
from ledger.message_id import MessageId
from ledger.notices import add_notices, settle_notice
from ledger.outbox import Outbox
from ledger.own_words import set_note, set_tags
from ledger.people import spellings, without
from ledger.queries.consents import verify
from ledger.queries.subjects import subject
from ledger.records import (
    Confidence,
    CopyRecord,
    Hit,
    HitClass,
    HitKind,
    LinkRecord,
    MessageRecord,
    State,
    Verdict,
)
from ledger.schema import copy, hourly, link, message, tag
from ledger.store import Store
from ledger.traces import files_naming
from tests.ledger.samples import a_record

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ANN, BOB, JOANN, ME = "ann@example.com", "bob@example.net", "joann@example.com", "me@example.org"
INTERNATIONAL = "jos\u00e9@b\u00fccher.example"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(Settings(data_dir=tmp_path), clock=lambda: NOW)
    yield opened
    await opened.close()


def register_of(store: Store) -> Consents:
    return Consents(store, b"s" * 32, False, timedelta(days=730))


def an_id(number: int) -> MessageId:
    return MessageId(bytes([number]) * 16)


async def put_everywhere(store: Store, address: str) -> None:
    """As recipient, as sender, and in all that people and servers write."""
    people, shouted = register_of(store), address.upper()
    await people.add(address, list(ConsentPurpose), f"mail from {shouted} of 3 May", actor="test")
    await people.ask(BOB, address, "de", "What is kept.", an_id(90), "test")
    await people.withdraw(BOB, sender=address, actor="test")
    named = MessageRecord(
        an_id(1), NOW, ME, (shouted, JOANN), subject=f"For {address}, as agreed", opens=True, links=True,
        header_id=f"<1.{address.replace('@', '=')}@mail.example.org>", tags=(f"to {address}", address),
        meta={"customer": address, address: "yes"}, notes=(f"odd: {shouted}",), reply=f"250 ok <{address}>",
        link_list=(
            LinkRecord(1, f"https://example.org/?to={quote(address)}&n=1", f"write {address}", tracked=True),
            LinkRecord(2, f"mailto:{address}", address),
        ),
    )  # fmt: skip
    await store.register(named)
    await store.register(a_record(id=an_id(2), sender=ME, recipients=(BOB, address), login=address, individually=True,
                                  copies=(CopyRecord(1, BOB), CopyRecord(2, address))))  # fmt: skip
    await store.settle(an_id(2), State.SENT, f"250 2.1.5 <{address}> ok", NOW, 2)
    await store.register(a_record(id=an_id(3), sender=address, login=address, recipients=(BOB,)))
    await store.register(a_record(id=an_id(4), sender=ME, recipients=(BOB,), subject=f"About {address}"))
    await store.write(set_note, an_id(4), f"ask {address}")
    await store.write(set_tags, an_id(4), [f"{address}"])
    account = await store.write(add_account, "me", "hash", False, [ME, address], NOW)
    assert account is not None
    async with store.read() as connection:
        seq = (await connection.execute(select(message.c.seq).where(message.c.id == an_id(1).raw))).scalar()
        owner = (await connection.execute(text("SELECT id FROM account"))).scalar()
    said = {"kind": "open", "at": "now", "recipient": address}
    told = {"account_id": owner, "message_seq": seq, "cause": "x", "way": "webhook", "made_at": NOW, "next_at": NOW}
    await store.write(add_notices, [told | {"said": said}], 0)
    await store.write(settle_notice, 1, "failed", f"no such user {address}")
    for number, numbered in ((1, 0), (2, 2)):
        verdict = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
        await store.add_hits(
            [Hit(str(number).rjust(26, "0"), NOW, HitKind.OPEN, an_id(number), numbered, 0, "GET", verdict)]
        )
    outbox = Outbox(store.settings.outbox_dir)
    outbox.deliver(b"To: somebody\r\n\r\nhello", ME, [address], NOW)
    outbox.deliver(f"To: {shouted}\r\n\r\nhello".encode(), ME, [BOB], NOW)
    outbox.deliver(b"To: bob\r\n\r\nhello", ME, [BOB, JOANN], NOW)


@pytest.mark.parametrize("address", [ANN, INTERNATIONAL], ids=["plain", "international"])
@pytest.mark.parametrize("typed", [str, str.upper, " <{}> ".format], ids=["as is", "shouted", "in brackets"])
async def test_after_an_erasure_no_byte_of_any_file_names_them(
    store: Store, tmp_path: Path, address: str, typed: Callable[[str], str]
) -> None:
    await put_everywhere(store, address)
    words = spellings(address)
    assert len(files_naming(tmp_path, words)) >= 3, "the ledger or its log of changes, and two mails in the sandbox"
    await register_of(store).erase(typed(address), actor="test")
    assert files_naming(tmp_path, words) == []
    for path in tmp_path.rglob("*"):
        raw = path.read_bytes().lower() if path.is_file() else b""
        for word in words:
            for spelled in (word.encode(), json.dumps(word)[1:-1].encode().lower(), word.encode("utf-16-le")):
                assert spelled.replace(b"joann@", b"") not in raw.replace(b"joann@example.com", b""), (path, spelled)
    assert len(Outbox(store.settings.outbox_dir).list()) == 1


async def test_an_erasure_leaves_everybody_else_and_every_number_as_they_were(store: Store) -> None:
    await put_everywhere(store, ANN)
    async with store.read() as connection:
        sums = select(hourly.c.sent, hourly.c.opens_confirmed).where(hourly.c.login == "", hourly.c.sender == "")
        before = (await connection.execute(sums)).all()
    await register_of(store).erase(ANN, actor="test")
    async with store.read() as connection:
        assert (await connection.execute(sums)).all() == before
        rows = {bytes(row.id): row for row in await connection.execute(select(message))}
        assert rows[an_id(1).raw].recipients == ["[erased]", JOANN]
        assert rows[an_id(1).raw].subject == "For [address], as agreed"
        assert rows[an_id(3).raw].sender == "[erased]"
        assert rows[an_id(3).raw].recipients == [BOB]
        assert (await connection.execute(select(copy.c.address).where(copy.c.number == 1))).scalars().all() == [BOB]
        assert (await connection.execute(select(link.c.url).where(link.c.number == 2))).scalars().all() == [
            "mailto:[address]", "https://example.org/two", "https://example.org/two", "https://example.org/two",
        ]  # fmt: skip
        assert sorted((await connection.execute(select(tag.c.word))).scalars()) == [
            "[address]",
            "[address]",
            "to [address]",
        ]
        found = await verify(connection)
        assert all(state.is_whole for state in found.values())
        assert len((await subject(connection, b"", BOB)).messages) == 3
        assert len((await subject(connection, b"", JOANN)).messages) == 1
        assert (await subject(connection, b"", ANN)).messages == ()


async def test_the_do_not_track_list_outlives_the_address_however_it_is_written(store: Store) -> None:
    await put_everywhere(store, ANN)
    people = register_of(store)
    await people.erase(ANN, actor="test")
    for spelled in ("ann@example.com", "ANN@Example.COM", " <ann@example.com>"):
        assert (await people.gates([spelled], ME))[spelled] == Gate(False, False)
    assert (await people.gates([JOANN], ME))[JOANN] == Gate(True, True)
    international = "jos\u00e9@b\u00fccher.example"
    await people.erase("jose\u0301@xn--bcher-kva.example", actor="test")
    assert (await people.gates([international], ME))[international] == Gate(False, False)


async def test_a_no_to_an_erased_sender_stays_a_no(store: Store) -> None:
    people = register_of(store)
    await people.withdraw(BOB, sender=ANN)
    await people.erase(ANN, actor="test")
    assert (await people.gates([BOB], ANN))[BOB] == Gate(False, False)
    assert (await people.gates([BOB], ME))[BOB] == Gate(True, True)


async def test_what_a_server_says_later_about_an_erased_copy_is_not_kept(store: Store, tmp_path: Path) -> None:
    await store.register(
        a_record(id=an_id(2), recipients=(BOB, ANN), individually=True, copies=(CopyRecord(1, BOB), CopyRecord(2, ANN)))
    )
    await register_of(store).erase(ANN, actor="test")
    await store.settle(an_id(2), State.REFUSED, f"550 no such user <{ANN}>", None, 2)
    await store.settle(an_id(2), State.SENT, f"250 <{BOB}> ok", NOW, 1)
    with closing(sqlite3.connect(tmp_path / "mailglass.db")) as connection:
        assert connection.execute("SELECT state, reply FROM copy ORDER BY number").fetchall() == [
            ("sent", f"250 <{BOB}> ok"), ("refused", ""),
        ]  # fmt: skip
    assert files_naming(tmp_path, spellings(ANN)) == []


@pytest.mark.parametrize(
    ("written", "left", "why"),
    [
        ("Ann@Example.COM.", "[address].", "any case, and a full stop behind"),
        ("<ann@example.com>", "<[address]>", "in brackets"),
        ("https://example.net/?a=ann%40example.com&b", "https://example.net/?a=[address]&b", "in a URL"),
        ("%3Cann%40example.com%3E", "%3C[address]%3E", "in a URL, in brackets"),
        ("<bounce-ann=example.com@example.org>", "<bounce-[address]@example.org>", "as mailing lists write it"),
        ("joann@example.com", "joann@example.com", "somebody else"),
        ("ann@example.com.au", "ann@example.com.au", "somewhere else"),
        ("ann+news@example.com", "ann+news@example.com", "a tag may be another person"),
    ],
)
def test_an_address_is_taken_out_of_text_and_longer_ones_are_left(written: str, left: str, why: str) -> None:
    assert without(written, spellings(ANN)) == left, why
