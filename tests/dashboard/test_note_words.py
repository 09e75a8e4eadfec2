"""What was odd about a request, in the reader's language: every sentence that the relay can write is known."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC

import pytest

from ledger.people import ERASED
from ledger.records import LinkRecord, Reason
from pixel_server.dashboard.languages import language
from pixel_server.dashboard.note_words import note_in
from pixel_server.dashboard.wording import Wording
from relay.permitted import exceptions, too_few, withheld
from relay.rewriting.optin import OptInPolicy, decide, under_ceiling
from relay.rewriting.plan import Plan
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import letter
from tests.dashboard.visits import Visitor

SAY = language("ja").sentences.gettext
JAPANESE = re.compile(r"[\u3040-\u9fff]")
MANY = ", ".join(f"t{number}" for number in range(200))


def notes_on(*lines: str, **policy: object) -> tuple[str, ...]:
    return decide("".join(f"{line}\r\n" for line in (*lines, "")).encode(), OptInPolicy(**policy)).notes  # type: ignore[arg-type]


WRITTEN = [
    *notes_on("X-Track: bogus", 'X-Track-Opens: "a, b"', "X-Track-Until: sometime", "X-Track-Odd: yes"),
    *notes_on("X-Track-Links: maybe", "X-Track-Notify: sometimes", "X-Track-Notice: hm", "X-Track-Fallback: x"),
    *notes_on(f"X-Track-Tag: {MANY}", *(f"X-Track-Meta-n{number}: x" for number in range(99))),
    *notes_on("X-Track-Until: 30d", "X-Track-Until: 2027-01-01"),
    *notes_on("X-Track-Tag: " + "x" * 99, "X-Track-Meta-n: " + "x" * 2000),
    *notes_on(*["X-Track: all"] * 600),
    *notes_on(
        "X-SMTPAPI: {", 'X-SMTPAPI: {"filters": {"opentrack": {"settings": {"enable": "hm"}}}}', dialects=("sendgrid",)
    ),
    *under_ceiling(replace(decide(b"X-Track: all\r\n\r\n", OptInPolicy())), "off").notes,
    *exceptions([Reason.NO_CONSENT, Reason.EXCLUDED_RECIPIENT]),
    "2 of 3 recipients tracked in part, no-consent",
    *withheld(Plan(True, True, True), Plan(False, False, False)),
    too_few(3, 20),
    "X-Track-Individually: one copy for all",
    "pixel: its line could not stay under 998 octets",
    "DKIM: signed again",
    "DKIM: no new signature could be made",
    "Subject: the tag could not be taken out",
]


def test_there_is_a_note_of_every_kind() -> None:
    assert len(set(WRITTEN)) > 20


@pytest.mark.parametrize("note", sorted(set(WRITTEN)))
def test_a_note_is_said_in_japanese_and_stays_as_it_is_in_english(note: str) -> None:
    assert JAPANESE.search(note_in(SAY, note))
    assert note_in(lambda sentence: sentence, note) == note


@pytest.mark.parametrize(("code", "said"), [("en", "[erased]"), ("ja", "［消去済み］")])
def test_who_was_erased_is_so_in_the_readers_language(code: str, said: str) -> None:
    words = Wording(language(code), UTC, NOW)
    assert words.address(ERASED) == said
    assert words.address("mia@example.net") == "mia@example.net"


@pytest.mark.parametrize("note", ["", "100% sure", 'X-Track: unknown value "%(header)s"', "%(n)s"])
def test_whatever_a_note_holds_it_is_shown(note: str) -> None:
    assert note_in(lambda sentence: sentence, note) == note


async def test_what_was_left_out_for_want_of_consent_is_said_on_the_page(house: House, at_home: Visitor):
    record = letter(
        opens=True, links=False, notes=("links not tracked, no-consent",), link_list=(LinkRecord(1, "https://e.com/"),)
    )
    house.register(record)
    for path in ("/messages", f"/messages/{record.id}"):
        assert "links not tracked, no-consent" in (await at_home.get(path)).page.find("main").get_text()
