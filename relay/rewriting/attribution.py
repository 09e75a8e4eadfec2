"""Whether a line is the one above a quotation: ``On Monday, 5 January, at 10:00, Ben <ben@example.com> wrote:``.

Decides by what nearly every mail program puts into it, in every language: an address in brackets, a day with a time,
and a word for writing. Knows nothing of where the line stands. Pure.
"""

from __future__ import annotations

import re

from relay.rewriting.quotation_words import FORWARD_WORDS, ORIGINAL, ORIGINAL_OF, WROTE

LONGEST = 300  # characters; with folding, names and addresses it goes over two lines at most
_ADDRESS = re.compile(r"[<(\[]\s*[^\s<>()@\[\]]+@[^\s<>()\[\]]+\s*[>)\]]")
_TIME = re.compile(r"(?<!\d)\d{1,2}[:.]\d{2}(?!\d)")
_DAY = re.compile(r"(?<!\d)(?:(?:19|20)\d\d(?!\d)|\d{1,2}[./-] ?\d{1,2}[./-] ?\d{2})")
_WROTE = re.compile(WROTE)
# Behind a weekday at most: "Your order of 5.1.2026, 10:00, for <ann@example.com>:" is none.
_DATE_TO_ADDRESS = re.compile(r"\s*+(?:[^\W\d_]++[.,]*+\s++)?\d[^!?<>]*+<\s*+[^<>\s]++\s*+>\)?\s*+[:：]\s*+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u06ff]")  # Hebrew and Arabic say "on the day of" first
# Without a time and an address, as people write it themselves.
_PLAIN = re.compile(
    r"\s*(?:On\b.{2,}\bwrote|Am\b.{2,}\bschrieb\b.*|Op\b.{2,}\bschreef\b.*|Le\b.{2,}\ba écrit|Il\b.{2,}\bha scritto"
    r"|El\b.{2,}\bescribió|Em\b.{2,}\bescreveu|[0-9]{4}年.{4,}@.{3,})\s*[:：]\s*",
    re.DOTALL,
)


def says_who_wrote(line: str) -> bool:
    """Whether a line that ends in a colon shows two of the three signs, or is one that people write.

    Tickets, orders and invitations have a time and an address, too. Without a word for writing these count only where
    the line begins with the date and ends with the address.
    """
    if len(line) > LONGEST:
        return False
    if _WROTE.search(line):
        return _signs(line) >= 2 or _PLAIN.fullmatch(line) is not None
    is_ordered = _DATE_TO_ADDRESS.fullmatch(line) or _RIGHT_TO_LEFT.search(line)
    return (_signs(line) >= 2 and is_ordered is not None) or _PLAIN.fullmatch(line) is not None


def says_forwarded(words: str) -> bool:
    """Whether the words of a line between dashes say that an earlier mail follows: "Original Message"."""
    folded = words.casefold()
    if any(word in folded for word in FORWARD_WORDS):
        return True
    return ORIGINAL.search(folded) is not None or ORIGINAL_OF.search(folded) is not None


def may_say_who_wrote(words: str) -> bool:
    """Whether there is any sign: enough right before what is set apart as a quotation."""
    return _signs(words) >= 1


def _signs(line: str) -> int:
    return sum(map(bool, (_ADDRESS.search(line), _TIME.search(line) and _DAY.search(line), _WROTE.search(line))))
