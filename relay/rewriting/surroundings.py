"""The words round a link, within its sentence: what "here" is, in "To unsubscribe, click here".

Decides where a sentence begins and ends: at the elements that stand apart, at other links, at two line breaks, and at
the full stop. Asked only about links whose own words say nothing. Knows nothing of what the words mean.
"""

from __future__ import annotations

import re

from relay.rewriting.character_references import decode_text
from relay.rewriting.charsets import Text

_REACH = 600  # bytes of markup to either side
_LONGEST = 160  # characters of the sentence
_APART = re.compile(
    rb"</?(?:p|div|td|th|tr|table|tbody|li|ul|ol|dl|dt|dd|h[1-6]|hr|center|blockquote|body|a|area|pre|section|footer)"
    rb"(?=[\t\n\f\r />])[^>]*+>|(?:<br[^>]*+>\s*+){2,}",
    re.IGNORECASE,
)
_INVISIBLE = re.compile(rb"<!--.*?(?:-->|\Z)|<[^>]*+(?:>|\Z)", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？؟।]")


def words_round(text: Text, start: int, end: int) -> tuple[str, str]:
    """The rest of the sentence before ``start`` and behind ``end``, which are outside of any tag."""
    return _before(text, start), _behind(text, end)


def sentence_before(words: str) -> str:
    """What of ``words`` belongs to the sentence that goes on behind them."""
    last = 0
    for match in _SENTENCE_END.finditer(words.rstrip()):
        if words[match.end() :].strip():
            last = match.end()
    return words[last:].strip()[-_LONGEST:]


def _before(text: Text, start: int) -> str:
    html = text.scan
    begin = max(0, start - _REACH)
    for match in _APART.finditer(html, begin, start):
        begin = match.end()
    if begin and begin == start - _REACH:  # perhaps within a tag
        close, open_ = html.find(b">", begin, start), html.find(b"<", begin, start)
        begin = close + 1 if 0 <= close < open_ or (open_ < 0 <= close) else begin
    return sentence_before(_plain(text, begin, start))


def _behind(text: Text, end: int) -> str:
    html = text.scan
    limit = min(len(html), end + _REACH)
    apart = _APART.search(html, end, limit)
    words = _plain(text, end, apart.start() if apart else limit)
    stop = _SENTENCE_END.search(words)
    return words[: stop.start() if stop else None][:_LONGEST].strip()


def _plain(text: Text, start: int, end: int) -> str:
    pieces = []
    for match in _INVISIBLE.finditer(text.scan, start, end):
        pieces.append(text.decode(start, match.start()))
        start = match.end()
    pieces.append(text.decode(start, end))
    return " ".join(decode_text(" ".join(pieces)).split())
