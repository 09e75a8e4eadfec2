"""Which words find a message: in plain functions, and in both databases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.queries import ADMINISTRATOR, MessageFilter, list_messages
from ledger.store import Store
from ledger.words import MAXIMUM_WORDS, fts5_query, tsquery, words_of
from tests.ledger.samples import a_record

SUBJECTS = (
    "Invoice 4711 for November",
    "請求書の送付について",
    "Ｆｕｌｌ　ｗｉｄｔｈ news",
    'He said "hi" (twice)',
    "",
)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("invoice", [0]),  # case does not matter
        ("inv nov", [0]),  # beginnings of words, all of them
        ("voice", []),  # but not middles
        ("請求", [1]),  # no blanks between Japanese words
        ("送付", [1]),
        ("付送", []),  # order matters in a phrase
        ("full width", [2]),  # full-width letters are letters
        ("bob@example.net", [3]),  # an address is a phrase
        ("bob example", [3]),
        ("example bob@", [3]),
        ('"hi"', [3]),  # operators are only characters
        ("hi AND twice", []),  # AND is a word like others
        ("* OR - NOT (", []),
    ],
)
async def test_what_is_typed_finds(store: Store, typed: str, found: list[int]) -> None:
    records = [
        a_record(subject=subject, recipients=("bob@example.net",) if number == 3 else ("ann@example.net",))
        for number, subject in enumerate(SUBJECTS)
    ]
    for record in records:
        await store.register(record)
    async with store.read() as connection:
        page = await list_messages(connection, ADMINISTRATOR, MessageFilter(q=typed))
    assert sorted(records.index(next(r for r in records if r.id == row.id)) for row in page.items) == found


@given(st.text())
def test_every_query_is_harmless_to_write(typed: str) -> None:
    expression = fts5_query(typed)
    assert expression.count('"') % 2 == 0
    assert expression.count(" AND ") < MAXIMUM_WORDS
    assert tsquery(typed).count("(") == tsquery(typed).count(")")


@given(st.text(), st.text())
def test_indexing_is_settled_after_once(recipient: str, subject: str) -> None:
    once = words_of([recipient], subject)
    assert words_of([], once) == once
