"""Every reason has its words, and a result is told at length and in short."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.reason_words import LANGUAGES, OF_LINK, OF_MESSAGE, why_link, why_message
from ledger.records import LinkReason, LinkRecord, Reason
from relay.rewriting.explain import LONGEST_NOTE, explanation, reasons_page, smtp_note
from relay.rewriting.plan import Tracked, Unchanged, Wanted

ULID = "01JDEXAMPLE0000000000000AB"
LINKS = (
    LinkRecord(1, "https://shop.example.com/", "Shop", part="1", tracked=True),
    LinkRecord(2, "mailto:a@example.com", "Write", part="1", reason=LinkReason.SCHEME),
    LinkRecord(3, "https://example.com/\x1b[31m", "", part="1", reason=LinkReason.SECRET),
)
DONE = Tracked(b"", (), True, LINKS, ("odd thing",))
# Only a mark was taken away, or a quoted link put back.
UNMARKED = Tracked(b"", (), False, (LinkRecord(1, "https://example.com/", "Shop", reason=LinkReason.OPTED_OUT),))
ASKED = Wanted(opens=True, html_links=True, asked=True)


def test_every_reason_has_words_in_every_language() -> None:
    assert set(OF_MESSAGE) == set(Reason)
    assert set(OF_LINK) == set(LinkReason)
    for language in LANGUAGES:
        words = [why_message(reason, language) for reason in Reason] + [
            why_link(reason, language) for reason in LinkReason
        ]
        assert all(words)
        assert len(set(words)) == len(words)
    assert why_message(Reason.SIGNED, "ja") != why_message(Reason.SIGNED, "en")
    assert why_message(Reason.SIGNED, "tlh") == why_message(Reason.SIGNED, "en")


def test_the_documentation_is_what_the_code_prints() -> None:
    page = Path(__file__).parents[2] / "docs" / "why-unchanged.md"
    assert page.read_text("utf-8") == reasons_page()


def test_a_tracked_message_is_told_link_by_link() -> None:
    told = explanation(DONE, "en", ("X-Track: unknown value",))
    assert told.startswith("Tracked: opens (a pixel goes in), 1 of 3 links.")
    assert '1  "Shop"' in told
    assert "not a web link" in told
    assert "(no text)" in told
    assert "X-Track: unknown value" in told
    assert "odd thing" in told
    assert "\x1b" not in told


def test_an_untracked_message_is_told_with_its_reason() -> None:
    told = explanation(Unchanged(Reason.SIGNED), "en")
    assert told.startswith("Not tracked: it is signed.")
    assert "S/MIME" in told
    assert explanation(Unchanged(Reason.SIGNED), "ja").startswith("追跡されません: 署名されています。")


def test_a_message_changed_without_being_tracked_is_not_told_as_tracked() -> None:
    told = explanation(UNMARKED, "en")
    assert told.startswith("Not tracked: nothing in it can be tracked.")
    assert "opted out" in told or "marked" in told
    assert explanation(UNMARKED, "ja").startswith("追跡されません: 追跡できるものがありません。")


def test_a_link_left_alone_because_links_were_not_asked_for_is_not_told_as_tracked() -> None:
    told = explanation(Tracked(b"", (), True, (LinkRecord(1, "https://example.com/", "Shop"),)), "en")
    assert "→ not tracked: links were not asked for" in told


@pytest.mark.parametrize(
    ("result", "wanted", "note"),
    [
        (DONE, ASKED, f"mailglass {ULID}: opens, 1 of 3 links; odd thing"),
        (Tracked(b"", (), True), Wanted(opens=True), f"mailglass {ULID}: opens"),
        (Tracked(b"", (), False, LINKS), Wanted(html_links=True), f"mailglass {ULID}: 1 of 3 links"),
        (UNMARKED, ASKED, "mailglass: not tracked, nothing-to-track"),
        (Unchanged(Reason.SIGNED), ASKED, "mailglass: not tracked, signed"),
        (Unchanged(Reason.NO_HTML, notes=("a [b] é\r\n",)), ASKED, "mailglass: not tracked, no-html; a ?b? ???"),
    ],
)
def test_the_reply_says_it_in_short(result: Tracked | Unchanged, wanted: Wanted, note: str) -> None:
    assert smtp_note(ULID, wanted, result) == note


@given(st.lists(st.text(max_size=300), max_size=10))
def test_the_short_form_is_one_line_of_ascii(notes: list[str]) -> None:
    note = smtp_note(ULID, Wanted(asked=True, notes=tuple(notes)), Unchanged(Reason.MALFORMED, notes=tuple(notes)))
    assert note.startswith("mailglass: not tracked, malformed")
    assert note.isascii()
    assert note.isprintable()
    assert "[" not in note
    assert len(note) <= LONGEST_NOTE
