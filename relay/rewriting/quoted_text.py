"""Where in plain text an earlier mail begins that no ``>`` marks.

Decides by what a mail program or a writer puts above it: ``-----Original Message-----`` or ``On … wrote:``, each alone
on its line, or Outlook's lines of From, Sent, To, Subject. All below it is quoted. Where ``>`` follows, the marks say
what is quoted and what is an answer.
"""

from __future__ import annotations

import re
from itertools import islice

from relay.rewriting.attribution import LONGEST, says_forwarded, says_who_wrote
from relay.rewriting.charsets import Text
from relay.rewriting.quotation_words import (
    DATE_WORDS,
    RECIPIENT_WORDS,
    REPLY_TO_WORDS,
    SENDER_WORDS,
    SENT_WORDS,
    SUBJECT_WORDS,
)

_MOST_LINES = 4  # between Outlook's, with Cc, Importance, and recipients that go over several
_END = r"[ \t\u200e\u200f]*+\r?$"
_DASHED_LINE = re.compile(r"^[ \t]*+-{4,80}+((?:[^-\r\n]|-(?!-)){1,120})-{4,80}+" + _END, re.MULTILINE)
# Zoho and Notes: -----"Ben" <ben@example.com> wrote: -----
_DASHED_ATTRIBUTION = re.compile(r"^[ \t]*+-{4,80}+[^\r\n]{2,200}?\bwrote:?+[ \t]?+-{4,80}+" + _END, re.MULTILINE)
_COLON_AT_END = re.compile(r"[:：]" + _END, re.MULTILINE)
_MOST_COLONS = 5000  # a text with more such lines is a list, and each is looked at
_MARKED = re.compile(r"\s*+(?:[A-Z]{0,4}>|\|[ \t]|<snip)")


def _line(words: tuple[str, ...], rest: str = r"[^\r\n]{0,300}\r?\n") -> str:
    return r"[ \t]{0,8}+\*?(?:" + "|".join(words) + r")\*?[\u00a0 ]?[:：]" + rest


_HEADER_BLOCK = re.compile(
    rf"^(?:{_line(SENDER_WORDS)}(?:{_line(REPLY_TO_WORDS)})?{_line(DATE_WORDS)}|{_line(SENT_WORDS)}{_line(SENDER_WORDS)})"
    rf"{_line(RECIPIENT_WORDS)}(?:[^\r\n]{{1,300}}\r?\n){{0,{_MOST_LINES}}}?{_line(SUBJECT_WORDS, '')}",
    re.MULTILINE,
)  # fmt: skip


def quoted_from(text: Text) -> int:
    """The offset in the scan of the line above the earlier mail; the scan's length when there is none."""
    words = text.decode(0, len(text.scan))
    begin = _begin(words)
    if begin is None or words.count("\n") != text.scan.count(b"\n"):  # damaged octets can swallow a line's end
        return len(text.scan)
    offset = 0
    for _ in range(words.count("\n", 0, begin)):
        offset = text.scan.index(b"\n", offset) + 1
    return offset


def _begin(words: str) -> int | None:
    found = [match.start() for sign in (_DASHED_ATTRIBUTION, _HEADER_BLOCK) if (match := sign.search(words))]
    found.extend(islice((line.start() for line in _DASHED_LINE.finditer(words) if says_forwarded(line[1])), 1))
    end = min(found, default=None)
    colons = _COLON_AT_END.finditer(words, 0, len(words) if end is None else end)
    for colon in islice(colons, _MOST_COLONS):
        start = _attribution(words, colon.start() + 1)
        if start is not None and not _MARKED.match(words, colon.end()):
            return start
    return end


def _attribution(words: str, end: int) -> int | None:
    """Where the one or two lines begin that say who wrote when, and end there; None when they do not say so."""
    start = words.rfind("\n", 0, end) + 1
    for _ in range(2):
        line = words[max(start, end - 2 * LONGEST) : end]
        if _MARKED.match(line):
            return None
        if says_who_wrote(line):
            return start
        if start == 0 or not words[words.rfind("\n", 0, start - 1) + 1 : start].strip():
            return None
        start = words.rfind("\n", 0, start - 1) + 1
    return None
