"""Links that carry secrets are left alone, and ordinary links are not taken for such."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.urls import destination_of
from relay.rewriting.secret_links import is_secret, looks_random

ROWS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "secrets.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("verdict", "url", "text", "why"), ROWS, ids=[f"{row[0]}: {row[3]}" for row in ROWS])
def test_a_link_is_judged_by_what_it_gives_away(verdict: str, url: str, text: str, why: str) -> None:
    destination = destination_of(url)
    assert destination is not None
    assert is_secret(destination, text) is (verdict == "secret"), why


def test_the_table_is_worth_its_name() -> None:
    verdicts = [row[0] for row in ROWS]
    assert verdicts.count("secret") >= 60
    assert verdicts.count("track") >= 60
    assert len({row[1:3] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("value", "random"),
    [
        ("9f86d081884c7d65", True),  # hexadecimal
        ("4b1c6d0e-9f1b-4b6e-8a55-3f0f9a1d2c3b", True),  # UUID
        ("xKqPzTbWmRcNvLsD", True),  # no digit, but the case keeps changing
        ("c1a2b3-0123456789abcdef", True),
        ("autumn-webinar-2026", False),
        ("2026-11-24", False),
        ("123456789012", False),  # a number may be guessed, but nobody draws it by lot
        ("summer2026sale", False),
        ("ShopNowAndSave", False),  # words
        ("", False),
    ],
)
def test_a_drawn_value_is_told_from_a_written_one(value: str, random: bool) -> None:
    assert looks_random(value, 10) is random


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), st.text(max_size=100))
def test_no_address_and_no_text_raise(rest: str, text: str) -> None:
    is_secret(f"https://example.com/{rest}", text)
    is_secret(rest, text)


@pytest.mark.parametrize("piece", ["a1", "/reset", "&token=a1b2c3", "eyJhbGciOiJI.", "%41", "login/", "=;=", "A"])
def test_a_long_address_costs_little(piece: str) -> None:
    address = "https://example.com/reset/x?" + piece * (200_000 // len(piece))
    started = process_time()
    is_secret(address, "Reset your password")
    assert process_time() - started < 2.0
