"""Which words of a message can be searched, and how a person's query asks for them. Pure.

The tokenizers of both databases cut at white space and punctuation, which leaves a Chinese or Japanese sentence as one
word. So a blank is put between characters of scripts that are written without blanks, in what is indexed and in what
is asked, where such characters in a row become a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ledger.people import plainly_written

# Hiragana, Katakana, CJK ideographs with extensions, half-width Katakana; Thai, Lao, Khmer and Burmese likewise.
_UNSPACED = re.compile(r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]"
                       r"|[\U00020000-\U0003ffff])")  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
MAXIMUM_WORDS = 12  # of one query: more are left out


def words_of(recipients: Iterable[str], subject: str) -> str:
    """The text to index for a message: its words, with nothing between them that a tokenizer could have views on
    (PostgreSQL's keeps addresses and hosts whole)."""
    return " ".join(_WORD.findall(_spaced(" ".join([*map(plainly_written, recipients), subject]))))


def fts5_query(typed: str) -> str:
    """An FTS5 expression for all the words typed, each as the beginning of a word; "" when there is none."""
    return " AND ".join(f'"{phrase}" *' for phrase in _phrases(typed))


def tsquery(typed: str) -> str:
    """The same for PostgreSQL's to_tsquery."""
    return " & ".join("(" + " <-> ".join(phrase.split()) + ":*)" for phrase in _phrases(typed))


def _phrases(typed: str) -> list[str]:
    # What was typed without a blank stands together: a@example.com is the phrase "a example com".
    chunks = (" ".join(_WORD.findall(_spaced(chunk))) for chunk in typed.split())
    return [chunk for chunk in chunks if chunk][:MAXIMUM_WORDS]


def _spaced(text: str) -> str:
    # NFKC so that full-width letters are found by plain ones.
    return re.sub(r"\s+", " ", _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", text).lower())).strip()
