"""What rewriting needs to know of an HTML body: links, quoted text, marks to take out, room for the pixel.

Decides where things stand, as offsets; what is done with them is decided elsewhere. Links are the ``href`` of ``a``
and ``area``, in Outlook's conditional comments those of VML elements too. SVG and ``template`` are left alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from relay.rewriting import opt_out, unsubscribe
from relay.rewriting.character_references import decode_attribute, decode_text
from relay.rewriting.charsets import Text, decoder_of
from relay.rewriting.html_grammar import TAG
from relay.rewriting.html_tokens import Attribute, Tag, Tokens, attributes_of, tokenize
from relay.rewriting.possessive_groups import compiled
from relay.rewriting.quoted_regions import find_quoted_regions, may_hold_quotes

MOST_LINKS = 10_000
LONGEST_TEXT = 200
_OWN_PIXEL_PATH = re.compile(rb"/o/[\w-]{51}\.gif", re.ASCII)
_TELLING = frozenset(name.encode("ascii") for name in (*opt_out.KNOWN, unsubscribe.MARK, "data-track-name"))
_WANTED = _TELLING | {b"href", b"alt"}
_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


class LinkSpan(NamedTuple):
    """One link. ``start`` to ``end`` is the value without its quotes; ``quote`` is ``"``, ``'`` or nothing."""

    start: int
    end: int
    quote: str
    href: str  # references decoded
    text: str
    attributes: Mapping[str, str]  # those that could tell something of the author's wishes
    in_quoted_text: bool
    conditional: bool
    inert: bool = False
    alternative: str = ""  # what stands for a picture, where nothing else is to be seen
    tag_start: int = 0
    after: int = 0  # behind the end tag


@dataclass(frozen=True, slots=True)
class ImageSpan:
    """An ``img`` whose address looks like one of our pixels."""

    start: int
    end: int
    source: str
    in_quoted_text: bool


@dataclass(slots=True)
class HtmlSpans:
    """Everything found, in document order."""

    links: list[LinkSpan] = field(default_factory=list)
    images: list[ImageSpan] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)  # data-track attributes with the space before them
    quoted: list[tuple[int, int]] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Tokens)
    every_tag: bool = False
    lower: bytes = b""  # the scan, for looking without regard to case: patterns that disregard it take twice as long


def find_spans(text: Text) -> HtmlSpans | None:
    """The spans of an HTML body; None when it has more links or tags than anybody writes."""
    html = text.scan
    lower = html.lower()
    own_pixel = b"/o/" in html and _OWN_PIXEL_PATH.search(html) is not None
    has_marks = b"-trac" in lower and b"data-track" in lower
    may_quote = may_hold_quotes(text, lower)
    every_tag = own_pixel or has_marks or may_quote
    tokens = tokenize(html, every_tag=every_tag)
    if tokens is None:
        return None
    spans = HtmlSpans(tokens=tokens, every_tag=every_tag, lower=lower)
    if may_quote:  # not whenever every tag is at hand: our own pixel must not show a second look what the first missed
        spans.quoted = find_quoted_regions(text, tokens.tags, tokens.hidden, tokens.limit)
    links = _Links(text, spans)
    for index, tag in enumerate(tokens.tags):
        if tag.closing:
            continue
        if tag.inert and not tag.conditional:
            links.take(index, tag)
            continue
        if tag.name in (b"a", b"area") or (tag.conditional and b":" in tag.name):
            links.take(index, tag)
            if len(spans.links) > MOST_LINKS:
                return None
        elif own_pixel and tag.name == b"img":
            links.take_image(tag)
        if has_marks:
            links.take_marks(tag)
            if len(spans.marks) > MOST_LINKS:
                return None
    return spans


class _Links:
    def __init__(self, text: Text, spans: HtmlSpans) -> None:
        self._html = text.scan
        self._decode = decoder_of(text)
        self._spans = spans
        self._quoted_starts = [start for start, _ in spans.quoted]
        self._usual = spans.tokens.usual
        self._hidden = sorted(spans.tokens.hidden)
        self._hidden_starts = [start for start, _ in self._hidden]

    def take(self, index: int, tag: Tag) -> None:
        usual = self._usual.get(index)
        if usual is None:
            self._take_any(index, tag)
            return
        # The same as _take_any does, in a fraction of the time.
        (start, end), (words_start, words_end) = usual
        if words_start >= 0 and words_end - words_start <= LONGEST_TEXT:
            words, after = " ".join(self._decode(words_start, words_end).split()), words_end + len("</a>")
        else:
            words, after = self._visible_text(index, tag)
        alternative = "" if words else self._alternative(tag.end, after)
        quoted = bool(self._quoted_starts) and self._is_quoted(tag.start)
        href = decode_attribute(self._decode(start, end))
        self._spans.links.append(
            LinkSpan(start, end, '"', href, words, _NO_ATTRIBUTES, quoted, False, False, alternative, tag.start, after)
        )

    def _take_any(self, index: int, tag: Tag) -> None:
        decode = self._decode
        target: Attribute | None = None
        alternative = ""
        telling = {}
        for found in attributes_of(self._html, tag, _WANTED):
            if found.name == b"href":
                target = found
            elif found.name == b"alt":
                alternative = decode_attribute(decode(found.start, found.end))
            else:
                telling[found.name.decode("ascii")] = decode_attribute(decode(found.start, found.end))
        if target is None:
            return
        before = self._html[target.start - 1 : target.start]
        quote = before.decode("ascii") if before in (b'"', b"'") and target.whole_end > target.end else ""
        words, after = "", tag.end
        if tag.name == b"a" and not tag.inert:
            words, after = self._visible_text(index, tag)
            alternative = "" if words else self._alternative(tag.end, after)
        self._spans.links.append(
            LinkSpan(
                target.start,
                target.end,
                quote,
                decode_attribute(decode(target.start, target.end)),
                words,
                telling or _NO_ATTRIBUTES,
                self._is_quoted(tag.start),
                tag.conditional,
                tag.inert,
                _folded(alternative),
                tag.start,
                after,
            )
        )

    def take_image(self, tag: Tag) -> None:
        for found in attributes_of(self._html, tag):
            if found.name == b"src":
                source = decode_attribute(self._decode(found.start, found.end))
                self._spans.images.append(ImageSpan(tag.start, tag.end, source, self._is_quoted(tag.start)))

    def take_marks(self, tag: Tag) -> None:
        """``data-track…`` attributes, each with the white space before it."""
        html = self._html
        for found in attributes_of(html, tag):
            if found.name.startswith(b"data-track"):
                start = found.whole_start
                while html[start - 1 : start] in (b" ", b"\t", b"\n", b"\r", b"\f"):
                    start -= 1
                if html[found.whole_end : found.whole_end + 1] not in (b" ", b"\t", b"\n", b"\r", b"\f", b">"):
                    start = found.whole_start  # else what follows would run into what stands before
                self._spans.marks.append((start, found.whole_end))

    def _is_quoted(self, position: int) -> bool:
        row = bisect_right(self._quoted_starts, position) - 1
        return row >= 0 and position < self._spans.quoted[row][1]

    def _visible_text(self, index: int, tag: Tag) -> tuple[str, int]:
        """What a reader sees between this tag and its end, and where that is: tags and comments out, white space
        folded."""
        tags = self._spans.tokens.tags
        if index + 1 < len(tags) and (close := tags[index + 1]).name == b"a" and close.conditional == tag.conditional:
            words = self._html[tag.end : close.start]
            if b"<" not in words and b"&" not in words and len(words) <= LONGEST_TEXT and not close.inert:
                return " ".join(self._decode(tag.end, close.start).split()), close.end
        pieces: list[str] = []
        position = tag.end
        length = 0
        for following in tags[index + 1 : index + 200]:
            if following.conditional != tag.conditional or following.inert:
                continue
            pieces.append(self._between(position, following.start))
            length += len(pieces[-1])
            position = following.end
            if length > 5 * LONGEST_TEXT:
                break
            if following.name == b"a":
                break
            if following.name not in (b"b", b"i", b"u", b"em", b"strong", b"span", b"font", b"small"):
                pieces.append(" ")
        else:
            pieces.append(self._between(position, self._spans.tokens.limit))
            position = self._spans.tokens.limit
        return _folded("".join(pieces)), position

    def _alternative(self, start: int, end: int) -> str:
        """The texts that stand for the pictures in a stretch without words."""
        html = self._html
        end = min(end, start + 20_000)
        pieces: list[str] = []
        while (at := html.find(b"<", start, end)) >= 0:
            match = TAG.match(html, at, end)
            start = match.end() if match else at + 1
            if match is None or match[1] or match[2].lower() != b"img" or self._is_hidden(at):
                continue
            for found in attributes_of(html, Tag(b"img", False, at, start)):
                if found.name == b"alt":
                    pieces.append(decode_attribute(self._decode(found.start, found.end)))
        return _folded(" ".join(pieces))

    def _is_hidden(self, position: int) -> bool:
        row = bisect_right(self._hidden_starts, position) - 1
        return row >= 0 and position < self._hidden[row][1]

    def _between(self, start: int, end: int) -> str:
        """The text of a stretch that may hold dull tags, but no others."""
        html = self._html
        end = min(end, start + 20_000)
        row = max(bisect_right(self._hidden_starts, start) - 1, 0)
        pieces = []
        while start < end:
            while row < len(self._hidden) and self._hidden[row][1] <= start:
                row += 1
            hidden = self._hidden[row] if row < len(self._hidden) else (end, end)
            if hidden[0] <= start:
                start = hidden[1]
                continue
            stop = min(hidden[0], end)
            pieces.append(self._plain(html, start, stop))
            start = stop
        return "".join(pieces)

    def _plain(self, html: bytes, start: int, end: int) -> str:
        if html.find(b"<", start, end) < 0:
            return decode_text(self._decode(start, end))
        pieces = []
        for match in _TEXT_OR_TAG.finditer(html, start, end):
            if match[1]:
                pieces.append(decode_text(self._decode(*match.span(1))))
            elif not _INLINE.match(match[0]):
                pieces.append(" ")
        return "".join(pieces)


def _folded(words: str) -> str:
    return " ".join(words.split())[:LONGEST_TEXT]


_TEXT_OR_TAG = compiled(rb"([^<]++)|<(?:\"[^\"]*+\"|'[^']*+'|[^>\"'])*+>|<")
_INLINE = re.compile(rb"</?(?:b|i|u|em|strong|span|font|small|big|s|sub|sup|code|o:p)\b", re.IGNORECASE)
