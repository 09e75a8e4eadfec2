"""Consents in a real ledger: the gate, withdrawal that reaches delivered mail, erasure that leaves nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from config.settings import Settings
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose, Standing
from ledger.consents import Consents, Gate, add_said
from ledger.message_id import MessageId
from ledger.people import normalise
from ledger.queries.consents import find_person
from ledger.records import Confidence, CopyRecord, Hit, HitClass, HitKind, LinkRecord, MessageRecord, Verdict
from ledger.schema import copy, hit, link, message
from ledger.store import Store

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
YEARS = timedelta(days=730)
SITE_KEY = b"s" * 32
ANN, BOB = "ann@example.com", "bob@example.net"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(Settings(data_dir=tmp_path), clock=lambda: NOW)
    yield opened
    await opened.close()


def consents(store: Store, required: bool) -> Consents:
    return Consents(store, SITE_KEY, required, YEARS)


def record(number: int, recipients: tuple[str, ...], copies: tuple[CopyRecord, ...] = ()) -> MessageRecord:
    return MessageRecord(
        id=MessageId(bytes([number]) * 16),
        submitted_at=NOW,
        sender="me@example.org",
        recipients=recipients,
        subject="Offer",
        opens=True,
        links=True,
        individually=bool(copies),
        copies=copies,
        link_list=(LinkRecord(1, "https://example.com/", "here", tracked=True),),
    )


def a_hit(name: str, message_number: int, copy_number: int = 0, link_number: int = 0) -> Hit:
    kind = HitKind.CLICK if link_number else HitKind.OPEN
    verdict = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
    return Hit(
        name.rjust(26, "0"),
        NOW,
        kind,
        MessageId(bytes([message_number]) * 16),
        copy_number,
        link_number,
        "GET",
        verdict,
    )


@pytest.mark.parametrize(
    ("required", "expected"), [(False, Gate(True, True)), (True, Gate(False, False))], ids=["sender", "required"]
)
async def test_somebody_unknown_is_tracked_only_where_no_consent_is_required(
    store: Store, required: bool, expected: Gate
) -> None:
    assert (await consents(store, required).gates([ANN], "me@example.org"))[ANN] == expected


async def test_a_proven_consent_opens_just_its_purpose(store: Store) -> None:
    people = consents(store, required=True)
    await people.add(ANN, [ConsentPurpose.OPENS], "form 7, 2026-10-01", actor="test")
    assert (await people.gates(["Ann@EXAMPLE.com", BOB], "me@example.org")) == {
        "Ann@EXAMPLE.com": Gate(True, False),
        BOB: Gate(False, False),
    }


async def test_a_consent_without_evidence_is_refused_and_an_unproven_row_opens_nothing(store: Store) -> None:
    people = consents(store, required=True)
    with pytest.raises(ValueError, match="evidence"):
        await people.add(ANN, [ConsentPurpose.OPENS], "  ", actor="test")
    await people.add_unproven(ANN, [ConsentPurpose.OPENS], actor="test")
    assert (await people.gates([ANN], "me@example.org"))[ANN] == Gate(False, False)
    async with store.read() as connection:
        found = await find_person(connection, people.key_of(ANN), NOW, YEARS)
    assert found is not None
    assert found[0].standings[ConsentPurpose.OPENS] is Standing.ASKED


async def test_a_withdrawal_from_one_sender_leaves_the_others(store: Store) -> None:
    people = consents(store, required=False)
    await people.withdraw(ANN, sender="me@example.org")
    assert (await people.gates([ANN], "me@example.org"))[ANN] == Gate(False, False)
    assert (await people.gates([ANN], "else@example.org"))[ANN] == Gate(True, True)


async def test_a_no_to_one_sender_is_a_no_too_when_a_list_comes(store: Store) -> None:
    people = consents(store, required=True)
    await people.add(ANN, list(ConsentPurpose), "form 7", actor="test")
    assert not await people.has_said_no(ANN, list(ConsentPurpose))
    await people.withdraw(ANN, [ConsentPurpose.OPENS], sender="me@example.org")
    assert await people.has_said_no(ANN, list(ConsentPurpose))
    assert not await people.has_said_no(ANN, [ConsentPurpose.LINKS])
    assert not await people.has_said_no(BOB, list(ConsentPurpose))


async def test_after_a_withdrawal_delivered_mail_leaves_no_trace(store: Store) -> None:
    people = consents(store, required=False)
    await store.register(record(1, (ANN,)))
    await store.register(record(2, (ANN, BOB), (CopyRecord(1, ANN), CopyRecord(2, BOB))))
    assert await store.add_hits([a_hit("a", 1)]) == 1
    assert await people.withdraw(ANN, [ConsentPurpose.OPENS]) == 2
    hits = [a_hit("b", 1), a_hit("c", 2, 1), a_hit("d", 2, 2), a_hit("e", 1, 0, 1)]
    assert await store.add_hits(hits) == 2, "Bob's open and Ann's click: she withdrew from opens only"
    store.patience_seconds = 30
    state = await store.recording(MessageId(b"\1" * 16), 0)
    assert not state.may_record(NOW, "open")
    assert state.may_record(NOW, "click")
    assert (await store.recording(MessageId(b"\2" * 16), 2)).may_record(NOW, "open")


async def test_a_restriction_closes_the_gate_until_it_is_lifted(store: Store) -> None:
    people = consents(store, required=False)
    await people.restrict(ANN, True, actor="test")
    assert (await people.gates([ANN], "me@example.org"))[ANN] == Gate(False, False)
    await people.restrict(ANN, False, actor="test")
    assert (await people.gates([ANN], "me@example.org"))[ANN] == Gate(True, True)


async def test_an_erased_person_is_in_no_file_and_is_not_tracked_again(store: Store, tmp_path: Path) -> None:
    people = consents(store, required=False)
    await people.add(ANN, [ConsentPurpose.OPENS], "form 7", actor="test")
    await store.register(record(1, (ANN,)))
    await store.register(record(2, (ANN, BOB)))
    await store.register(record(3, (BOB, ANN), (CopyRecord(1, BOB), CopyRecord(2, ANN))))
    await store.add_hits([a_hit("a", 1), a_hit("b", 1, 0, 1), a_hit("c", 2), a_hit("d", 3, 1), a_hit("e", 3, 2)])
    erased = await people.erase(ANN, actor="test")
    assert (erased.messages, erased.hits) == (3, 3), "the shared copy's hit cannot be assigned to anybody"
    assert (await people.gates([ANN], "me@example.org"))[ANN] == Gate(False, False)
    async with store.read() as connection:
        counts = (await connection.execute(select(message.c.opens_confirmed).order_by(message.c.seq))).scalars().all()
        assert counts == [0, 1, 1]
        assert (await connection.execute(select(link.c.clicks_confirmed))).scalars().all() == [0, 0, 0]
        assert (await connection.execute(select(copy.c.address).where(copy.c.number == 2))).scalars().all() == [""]
        assert (await connection.execute(select(hit.c.id))).scalars().all() == [
            hit_id.rjust(26, "0") for hit_id in ("c", "d")
        ]
        assert (await connection.execute(text("SELECT count(*) FROM person WHERE address IS NULL"))).scalar() == 1
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"ann@" not in path.read_bytes().lower(), path
            assert b"ann " not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("one", "other", "same", "why"),
    [
        ("Ann@Example.COM", "ann@example.com", True, "case"),
        (" <ann@example.com> ", "ann@example.com", True, "brackets and white space"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example", True, "IDNA"),
        ("jose\u0301@example.com", "jos\u00e9@example.com", True, "NFC"),
        ("ann+news@example.com", "ann@example.com", False, "a tag may be another person"),
        ("a.nn@example.com", "ann@example.com", False, "dots count"),
        ('"ann"@example.com', "ann@example.com", True, "quotes that nothing needs"),
        (r'"a\n\n"@example.com', "ann@example.com", True, "backslashes neither"),
        (r"a\nn@example.com", "ann@example.com", True, "nor without quotes (RFC 821)"),
        ('"ann".lee@example.com', "ann.lee@example.com", True, "quotes round a part"),
        ('"ann..lee"@example.com', "ann..lee@example.com", True, "what some write without quotes all the same"),
        (r'"a\ b"@example.com', '"a b"@example.com', True, "quotes that are needed"),
        ('"a b"@example.com', "ab@example.com", False, "another mailbox"),
        (r'"a\"b"@example.com', r'"a\\b"@example.com', False, "and these are two"),
        ('"a@b"@example.com', "a@b@example.com", True, "which only quotes can mean"),
        ("ann@example.com.", "ann@example.com", True, "the root's dot"),
        ("ann@example.com\u3002", "ann@example.com", True, "as Japanese writes it"),
        ("ann@\u4f8b\u3048\u3002jp\u3002", "ann@\u4f8b\u3048.jp", True, "between labels too"),
        ("ann@x_y\uff61", "ann@x_y", True, "behind what is no IDNA"),
        ("a\u3002n@example.com", "a.n@example.com", False, "which is a letter like others in a local part"),
        ("J\u030c@example.org", "\u01f0@example.org", True, "a letter that is composed only when it is small"),
        ('"J"\u030c@example.org', "\u01f0@example.org", True, "or without its quotes"),
        ("J\u030c@example.org", "j@example.org", False, "another letter"),
        ('"<\\\u0338"@example.org', "\u226e@example.org", True, "which needs no quotes once it is composed"),
    ],
)
def test_an_address_is_known_by_its_normal_form(one: str, other: str, same: bool, why: str) -> None:
    assert (normalise(one) == normalise(other)) == same, why


@given(st.text(st.sampled_from('abJ"\\ .@\u030c\u0338\u3002\u4f8b\u03a3')))
def test_the_normal_form_is_its_own(address: str) -> None:
    assert normalise(normalise(address)) == normalise(address)


@pytest.mark.parametrize(
    "written",
    ['"ann"@example.com', r'"\a\nn"@Example.com', r"a\nn@example.com", "ann@example.com.", "ann@example.com\u3002"],
)
async def test_a_no_holds_for_mail_to_the_same_mailbox_otherwise_written(store: Store, written: str) -> None:
    people = consents(store, required=False)
    await store.register(record(1, (written,)))
    assert await people.withdraw(ANN) == 1, "of delivered mail"
    assert await store.add_hits([a_hit("a", 1)]) == 0
    assert (await people.gates([written], "me@example.org"))[written] == Gate(False, False)
    assert (await people.erase(ANN, actor="test")).messages == 1


async def test_a_no_to_a_sender_holds_however_that_sender_is_written(store: Store) -> None:
    people = consents(store, required=False)
    await people.withdraw(ANN, sender='"Me"@example.org')
    for sender in ("me@example.org", r'"m\e"@example.org'):
        assert (await people.gates([ANN], sender))[ANN] == Gate(False, False)


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ('"me"@example.org', "me@example.org"),
        ("me@example.org", r'"m\e"@Example.org'),
        ("info@b\u00fccher.example", "info@xn--bcher-kva.example"),
        ("info@xn--bcher-kva.example", "info@B\u00dcCHER.example"),
    ],
)
async def test_a_no_to_a_sender_reaches_what_they_delivered_however_they_are_written(
    store: Store, written: str, given: str
) -> None:
    people = consents(store, required=False)
    await store.register(replace(record(1, (ANN,)), sender=written))
    await store.register(replace(record(2, (ANN,)), sender="else@example.org"))
    assert await people.withdraw(ANN, sender=given) == 1
    assert await store.add_hits([a_hit("a", 1), a_hit("b", 2)]) == 1, "of the other sender's mail"


async def test_an_old_no_to_a_sender_is_judged_by_the_name_that_a_newer_record_has(store: Store) -> None:
    people, both = consents(store, required=False), list(ConsentPurpose)
    key, written, ascii_form = people.key_of(ANN), "info@b\u00fccher.example", "info@xn--bcher-kva.example"
    old = ConsentEvent(NOW, Action.WITHDRAW, None, written, "page")
    await store.write(add_said, key, ANN, [old], "test", "withdraw")
    assert await people.noes(ANN, both) == [ascii_form]
    assert (await people.gates([ANN], ascii_form))[ANN] == Gate(False, False)
    await people.add(ANN, both, "form 7", "test", sender=ascii_form)
    assert await people.noes(ANN, both) == []
    assert (await people.gates([ANN], written))[ANN] == Gate(True, True)
    async with store.read() as connection:
        found = await find_person(connection, key, NOW, YEARS)
    assert found is not None
    assert not any(found[0].not_from.values())
