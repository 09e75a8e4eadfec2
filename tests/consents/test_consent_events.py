"""What can happen to a consent, and what follows from it: expiry, asking again, restriction, one sender or all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.settings import Settings
from ledger.consent_events import (
    Action,
    ConsentEvent,
    ConsentPurpose,
    Standing,
    is_silent,
    may_ask,
    may_track,
    standing,
)
from ledger.consent_senders import only_from

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OPENS, LINKS = ConsentPurpose.OPENS, ConsentPurpose.LINKS
PRIVACY = Settings().privacy
ME = "me@example.org"


def said(days_ago: int, action: Action, purpose: ConsentPurpose | None = OPENS, sender: str = "") -> ConsentEvent:
    return ConsentEvent(NOW - days_ago * DAY, action, purpose, sender)


def stands(*events: ConsentEvent, sender: str = ME) -> Standing:
    return standing(events, OPENS, (sender,), NOW, PRIVACY.consent_valid)


@pytest.mark.parametrize(
    ("events", "expected", "why"),
    [
        ([], Standing.UNKNOWN, "nobody said anything"),
        ([said(1, Action.ASK, None)], Standing.ASKED, "silence is no consent"),
        ([said(1, Action.GRANT)], Standing.GRANTED, "a tick alone is not confirmed"),
        ([said(729, Action.CONFIRM)], Standing.CONFIRMED, "a day before 24 months"),
        ([said(730, Action.CONFIRM)], Standing.EXPIRED, "24 months"),
        ([said(800, Action.CONFIRM), said(1, Action.CONFIRM)], Standing.CONFIRMED, "given again"),
        ([said(9, Action.CONFIRM), said(1, Action.ASK)], Standing.CONFIRMED, "a question takes no consent away"),
        ([said(9, Action.WITHDRAW, None), said(1, Action.ASK)], Standing.WITHDRAWN, "nor does it undo a no"),
        ([said(9, Action.REFUSE), said(1, Action.ASK, None)], Standing.REFUSED, "of whichever kind"),
        ([said(9, Action.CONFIRM), said(1, Action.WITHDRAW, LINKS)], Standing.CONFIRMED, "the other purpose"),
        (
            [said(9, Action.CONFIRM), said(1, Action.WITHDRAW, None, "x@example.org")],
            Standing.CONFIRMED,
            "other sender",
        ),
        ([said(9, Action.CONFIRM), said(1, Action.RESTRICT, None)], Standing.RESTRICTED, "while it lasts"),
        (
            [said(9, Action.CONFIRM), said(2, Action.RESTRICT, None), said(1, Action.UNRESTRICT, None)],
            Standing.CONFIRMED,
            "and then as before",
        ),
        ([said(9, Action.CONFIRM), said(1, Action.ERASE, None)], Standing.WITHDRAWN, "erased is a no"),
        (
            [said(9, Action.WITHDRAW, None, ME), said(1, Action.IMPORT)],
            Standing.WITHDRAWN,
            "a consent in general, told by others, takes back no no to one sender",
        ),
        ([said(9, Action.WITHDRAW, None), said(1, Action.IMPORT)], Standing.CONFIRMED, "it does one to all"),
        (
            [said(9, Action.WITHDRAW, None, ME), said(5, Action.WITHDRAW, None), said(1, Action.IMPORT)],
            Standing.WITHDRAWN,
            "of two it takes back the one it is about",
        ),
        (
            [said(9, Action.WITHDRAW, None, ME), said(1, Action.IMPORT, OPENS, ME)],
            Standing.CONFIRMED,
            "a record that names the sender does",
        ),
        (
            [said(9, Action.WITHDRAW, None, ME), said(2, Action.GRANT), said(1, Action.CONFIRM)],
            Standing.CONFIRMED,
            "and so does their own word",
        ),
        ([said(9, Action.WITHDRAW, None, ME), said(2, Action.GRANT)], Standing.WITHDRAWN, "once it is confirmed"),
    ],
)
def test_where_somebody_stands_is_what_their_events_come_to(
    events: list[ConsentEvent], expected: Standing, why: str
) -> None:
    assert stands(*events) is expected, why


@pytest.mark.parametrize(
    ("events", "silent", "why"),
    [
        ([], False, "mail may have been tracked already"),
        ([said(9, Action.CONFIRM), said(1, Action.REFUSE)], False, "a refusal leaves delivered mail as it is"),
        ([said(9, Action.CONFIRM), said(1, Action.WITHDRAW, None)], True, "withdrawn"),
        ([said(1, Action.WITHDRAW, LINKS)], False, "the other purpose"),
        ([said(1, Action.WITHDRAW, None, ME)], False, "one sender's mail only"),
        ([said(1, Action.ERASE, None)], True, "erased"),
        ([said(9, Action.WITHDRAW, None), said(1, Action.IMPORT, OPENS, ME)], False, "one sender may again"),
        ([said(9, Action.WITHDRAW, None), said(5, Action.IMPORT), said(1, Action.REFUSE)], False, "what came between"),
        ([said(9, Action.WITHDRAW, None), said(5, Action.ASK), said(1, Action.REFUSE)], True, "nothing came between"),
    ],
)
def test_only_a_no_that_reached_delivered_mail_leaves_nothing_to_withdraw(
    events: list[ConsentEvent], silent: bool, why: str
) -> None:
    assert is_silent(events, OPENS) is silent, why


@pytest.mark.parametrize(
    ("events", "alone", "why"),
    [
        ([said(9, Action.WITHDRAW, None), said(1, Action.IMPORT, OPENS, ME)], (ME,), "a no to all, taken back for one"),
        ([said(1, Action.IMPORT, OPENS, ME)], (ME,), "nothing else was said"),
        ([said(900, Action.WITHDRAW, None), said(800, Action.IMPORT, OPENS, ME)], (ME,), "it took back the no"),
        ([said(9, Action.IMPORT), said(1, Action.IMPORT, OPENS, ME)], (), "they agreed in general"),
        ([said(9, Action.IMPORT, OPENS, ME), said(1, Action.WITHDRAW, None)], (), "withdrawn since"),
        ([said(9, Action.IMPORT, OPENS, ME), said(1, Action.RESTRICT, None)], (), "restricted"),
        ([said(1, Action.IMPORT, LINKS, ME)], (), "for the other purpose"),
    ],
)
def test_for_whom_alone_a_consent_holds_can_be_told(
    events: list[ConsentEvent], alone: tuple[str, ...], why: str
) -> None:
    assert only_from(events, NOW, PRIVACY.consent_valid)[OPENS] == alone, why


@pytest.mark.parametrize("state", Standing)
def test_where_consent_is_required_only_a_confirmed_one_opens_the_gate(state: Standing) -> None:
    assert may_track(state, required=True) is (state is Standing.CONFIRMED)
    refused = state in (Standing.WITHDRAWN, Standing.REFUSED, Standing.RESTRICTED)
    assert may_track(state, required=False) is not refused


@pytest.mark.parametrize(
    ("events", "may", "why"),
    [
        ([], True, "never asked"),
        ([said(181, Action.ASK, None)], False, "six months are not over"),
        ([said(182, Action.ASK, None)], True, "now they are"),
        ([said(181, Action.REFUSE)], False, "after a no"),
        ([said(181, Action.WITHDRAW, None)], False, "after a withdrawal"),
        ([said(9999, Action.ERASE, None)], False, "never after an erasure"),
        ([said(1, Action.CONFIRM)], True, "who agreed may be asked for more"),
    ],
)
def test_nobody_is_asked_again_before_six_months(events: list[ConsentEvent], may: bool, why: str) -> None:
    assert may_ask(events, NOW, PRIVACY.ask_again) is may, why
