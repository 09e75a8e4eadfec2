"""Links that end a subscription are found by their address, their text and the message's own header."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.urls import destination_of
from relay.rewriting.unsubscribe import is_unsubscribe, list_unsubscribe
from relay.rewriting.unsubscribe_words import OTHER_SCRIPT_SIGNS, TEXT_HINTS, TEXT_SIGNS, URL_HINTS, URL_WORDS

ROWS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "unsubscribes.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
NOWHERE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("verdict", "url", "text", "why"), ROWS, ids=[f"{row[0]}: {row[2]} {row[3]} {n}" for n, row in enumerate(ROWS)]
)
def test_a_link_is_judged_by_address_and_text(verdict: str, url: str, text: str, why: str) -> None:
    destination = destination_of(url)
    assert destination is not None
    assert is_unsubscribe(destination, text, {}, NOWHERE) is (verdict == "unsubscribe"), why


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("<https://example.com/leave?u=1>", {"https://example.com/leave?u=1"}),
        ("<mailto:leave@example.com>, <https://example.com/leave?u=1>", {"https://example.com/leave?u=1"}),
        (
            "<https://example.com/a>\t(comment) ,<http://example.com/b>",
            {"https://example.com/a", "http://example.com/b"},
        ),
        ("<https://example.com/le ave>", {"https://example.com/leave"}),  # RFC 2369: white space inside is ignored
        ("https://example.com/leave", set()),  # without brackets it is no address of the header
        ("<>", set()),
        ("", set()),
    ],
)
def test_the_header_names_web_addresses_in_angle_brackets(header: str, found: set[str]) -> None:
    assert list_unsubscribe(header) == found


def test_a_link_that_the_header_names_is_one_whatever_it_says() -> None:
    named = list_unsubscribe("<https://example.com/l?x=1>")
    assert is_unsubscribe("https://example.com/l?x=1", "More", {}, named)
    assert not is_unsubscribe("https://example.com/l?x=2", "More", {}, named)


def test_sparkposts_mark_counts() -> None:
    assert is_unsubscribe("https://example.com/l", "More", {"data-msys-unsubscribe": "1"}, NOWHERE)
    assert not is_unsubscribe("https://example.com/l", "More", {"data-msys-unsubscribe": "0"}, NOWHERE)


def test_a_paragraph_that_names_the_word_is_no_button() -> None:
    text = "You may unsubscribe whenever you like. " * 6
    assert not is_unsubscribe("https://example.com/l", text, {}, NOWHERE)


def test_every_word_of_an_address_passes_the_first_look() -> None:
    assert URL_WORDS <= URL_HINTS
    assert all(word == word.casefold() for word in TEXT_HINTS)
    assert TEXT_SIGNS
    assert OTHER_SCRIPT_SIGNS


@given(st.text(max_size=200), st.text(max_size=200))
def test_nothing_raises(rest: str, text: str) -> None:
    is_unsubscribe(f"https://example.com/{rest}", text, {}, NOWHERE)
    list_unsubscribe(text)


@pytest.mark.parametrize("piece", ["unsubscribe/", "opt-", "?a=unsub&", "Un", "%75nsub/", "%2funsub"])
def test_a_long_address_costs_little(piece: str) -> None:
    address = "https://example.com/" + piece * (200_000 // len(piece))
    started = process_time()
    is_unsubscribe(address, "here", {}, NOWHERE)
    assert process_time() - started < 2.0
