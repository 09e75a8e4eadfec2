"""One linear pass over HTML: the tags and comments that matter, at their offsets (WHATWG HTML 13.2.5).

Decides where tags, comments, raw text, foreign content (SVG, MathML) and templates begin and end, as browsers do.
Refuses to know what links are. Where a browser's tree decides how the text goes on in ways not followed here, the
scan is called unusual, and somebody takes a second look.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple

from relay.rewriting.html_grammar import (
    ATTRIBUTE,
    BOGUS,
    COMMENT,
    CONDITIONAL,
    DULL,
    RAW_END,
    SCRIPT_MARK,
    TAG,
    TEXT,
    USUAL_LINK,
)

_BREAKS_OUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    b"nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)  # WHATWG HTML 13.2.6.5: these end foreign content
_HTML_INSIDE = frozenset(b"foreignobject desc title mi mo mn ms mtext annotation-xml".split())
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
_LINKS = frozenset((b"a", b"area"))
_SPECIAL = frozenset((*RAW_END, b"script", b"plaintext", b"svg", b"math", b"template"))
_MOST_TOKENS = 200_000


class Tag(NamedTuple):
    """``<name …>`` or ``</name …>`` at ``start`` to ``end``; the name in lower case."""

    name: bytes
    closing: bool
    start: int
    end: int
    conditional: bool = False  # inside a conditional comment, which only Outlook reads
    inert: bool = False  # a link in foreign content or a template, which is named and left alone


class Attribute(NamedTuple):
    """An attribute's value lies at ``start`` to ``end``, quotes left out; without a value both are its name's end."""

    name: bytes
    start: int
    end: int
    whole_start: int  # with the name
    whole_end: int  # with the closing quote


@dataclass(slots=True)
class Tokens:
    """What one pass found. ``limit`` is where ordinary markup ends: before an unclosed tag, comment or raw text."""

    tags: list[Tag] = field(default_factory=list)
    hidden: list[tuple[int, int]] = field(default_factory=list)  # comments, raw text, foreign content, templates
    limit: int = 0
    unusual: bool = False
    # Links written as most are, by the index of their start tag: where the value of ``href`` lies, and the words up to
    # the end tag, which follows; (-1, -1) where there is more than words.
    usual: dict[int, tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=dict)


def tokenize(html: bytes, *, every_tag: bool = False) -> Tokens | None:
    """The tags that matter for links (or every tag); None when there are more than anybody writes."""
    pass_ = _Pass(html, every_tag)
    return pass_.tokens if pass_.run(0, len(html), conditional=False) else None


def attributes_of(html: bytes, tag: Tag, wanted: Container[bytes] | None = None) -> list[Attribute]:
    """The tag's attributes in order, or those of the names that are wanted; of duplicates the first counts, the others
    are left out."""
    position = tag.start + 1 + tag.closing + len(tag.name)
    found: list[Attribute] = []
    seen = set()
    while match := ATTRIBUTE.match(html, position, tag.end):
        position = match.end()
        name = match[1].lower()
        if name in seen or (wanted is not None and name not in wanted):
            continue
        seen.add(name)
        whole_start, name_end = match.span(1)
        start, end = match.span(match.lastindex or 1) if match.lastindex != 1 else (name_end, name_end)
        found.append(Attribute(name, start, end, whole_start, position))
    return found


class _Pass:
    def __init__(self, html: bytes, every_tag: bool) -> None:
        self.html = html
        self.skip = TEXT if every_tag else DULL
        self.tokens = Tokens(limit=len(html))
        self._template_start = -1
        self._template_depth = 0

    def run(self, position: int, end: int, *, conditional: bool) -> bool:
        """Scan ``html[position:end]``; False when there are too many tokens."""
        html, tokens = self.html, self.tokens
        skip = (TEXT if conditional else self.skip).match
        tags, read_tag, read_link = tokens.tags, TAG.match, USUAL_LINK.match
        while True:
            skipped = skip(html, position, end)
            assert skipped is not None  # both may match nothing
            position = skipped.end()
            if position >= end:
                break
            link = None if conditional or self._template_depth else read_link(html, position, end)
            if link is not None:
                position = self._take_usual(link)
            elif (match := read_tag(html, position, end)) is None:
                position = self._markup(position, end, conditional)
            else:
                closing, name = match.groups()
                name = name.lower()
                tag = Tag(name, closing != b"", position, match.end(), conditional)
                if name in _SPECIAL or self._template_depth:
                    position = self._special(tag, end)
                else:
                    tags.append(tag)
                    position = tag.end
            if position < 0:
                break
            if len(tags) + len(tokens.hidden) > _MOST_TOKENS:
                return False
        if self._template_depth and not conditional:
            tokens.hidden.append((self._template_start, end))
            tokens.limit = min(tokens.limit, self._template_start)
        return True

    def _take_usual(self, link: re.Match[bytes]) -> int:
        """A link written as most are, with its end tag where only words stand before that; where it ends."""
        (start, end), target, words = link.regs
        tags = self.tokens.tags
        self.tokens.usual[len(tags)] = target, words
        if words[0] < 0:
            tags.append(Tag(b"a", False, start, end))
        else:
            tags.append(Tag(b"a", False, start, words[0]))
            tags.append(Tag(b"a", True, words[1], end))
        return end

    def _stop(self, position: int, conditional: bool) -> int:
        if not conditional:
            self.tokens.limit = position
            self.tokens.unusual = True
        return -1

    def _markup(self, position: int, end: int, conditional: bool) -> int:
        """A comment or what HTML treats as one; -1 when it never ends."""
        html = self.html
        if html.startswith(b"<!--", position):
            comment = COMMENT.match(html, position, end)
            if comment is None:
                return self._stop(position, conditional)
            self.tokens.hidden.append(comment.span())
            if not conditional and not self._template_depth:
                opening = CONDITIONAL.match(html, position, comment.end())
                if opening and opening.end() < comment.end():
                    self.run(opening.end(), comment.end() - 3, conditional=True)
            return comment.end()
        if html.startswith(b"</>", position):
            self.tokens.hidden.append((position, position + 3))
            return position + 3
        follower = html[position + 1 : position + 3]
        if follower[:1] in b"!?" or (follower[:1] == b"/" and len(follower) == 2 and not follower[1:].isalpha()):
            bogus = BOGUS.match(html, position, end)
            if bogus is None:
                return self._stop(position, conditional)
            self.tokens.hidden.append(bogus.span())
            return bogus.end()
        # A tag that never ends is dropped by browsers with all that follows; a last "</" is text.
        return self._stop(position, conditional)

    def _special(self, tag: Tag, end: int) -> int:
        """Take a tag that changes how the text goes on; the position after that, -1 for nothing more."""
        name = tag.name
        if name == b"template":
            self._template(tag)
            return tag.end
        if not self._template_depth:
            self.tokens.tags.append(tag)
        elif name in _LINKS and not tag.closing:
            self.tokens.tags.append(tag._replace(inert=True))
        if tag.closing:
            return tag.end
        if name in RAW_END or name == b"script":
            return self._raw_text(tag, end)
        if name == b"plaintext":
            self.tokens.hidden.append((tag.end, end))
            return self._stop(tag.start, tag.conditional)
        if name in (b"svg", b"math") and self.html[tag.end - 2 : tag.end] != b"/>":
            return self._foreign(tag, end)
        return tag.end

    def _template(self, tag: Tag) -> None:
        if not tag.closing:
            if not self._template_depth:
                self._template_start = tag.start
            self._template_depth += 1
        elif self._template_depth:
            self._template_depth -= 1
            if not self._template_depth:
                self.tokens.hidden.append((self._template_start, tag.end))

    def _raw_text(self, tag: Tag, end: int) -> int:
        close = _script_end(self.html, tag.end, end) if tag.name == b"script" else None
        if tag.name != b"script":
            match = RAW_END[tag.name].search(self.html, tag.end, end)
            close = match.start() if match else None
        if close is None or TAG.match(self.html, close, end) is None:  # an end tag that is cut off ends nothing
            self.tokens.hidden.append((tag.end, end))
            return self._stop(tag.start, tag.conditional)
        self.tokens.hidden.append((tag.end, close))
        return close

    def _foreign(self, root: Tag, end: int) -> int:
        """Behind the SVG or MathML that ``root`` opens (13.2.6.5); of the tags inside only links are reported."""
        html = self.html
        self.tokens.unusual = True
        names = [root.name]
        position = root.end
        while names:
            skipped = TEXT.match(html, position, end)
            assert skipped is not None
            position = skipped.end()
            if position >= end:
                break
            if html.startswith(b"<![CDATA[", position) and names[-1] not in _HTML_INSIDE:
                close = html.find(b"]]>", position, end)
                position = close + 3 if close >= 0 else end
                continue
            match = TAG.match(html, position, end)
            if match is None:
                comment = COMMENT.match(html, position, end) or (
                    None if html.startswith(b"<!--", position) else BOGUS.match(html, position, end)
                )
                if comment is None or html[position + 1 : position + 2].isalpha():
                    break
                position = comment.end()
                continue
            name = match[2].lower()
            inside_html = names[-1] in _HTML_INSIDE or any(open_ in _HTML_INSIDE for open_ in names[-8:])
            if not inside_html and self._breaks_out(match[2].lower(), bool(match[1]), match.end(), position):
                self.tokens.hidden.append((root.end, position))
                return position
            if name in _LINKS and not match[1]:
                self.tokens.tags.append(Tag(name, False, position, match.end(), root.conditional, True))
            position = match.end()
            if match[1]:
                if name in names:
                    del names[len(names) - 1 - names[::-1].index(name) :]
                continue
            if inside_html and (name in RAW_END or name == b"script"):
                close_at = self._foreign_raw(name, position, end)
                position = close_at
                continue
            if html[position - 2 : position] != b"/>" and name not in _VOID and len(names) < 200:
                names.append(name)
        if names:
            self.tokens.hidden.append((root.end, end))
            return self._stop(root.start, root.conditional)
        self.tokens.hidden.append((root.end, position))
        return position

    def _foreign_raw(self, name: bytes, position: int, end: int) -> int:
        if name == b"script":
            close = _script_end(self.html, position, end)
            return end if close is None else close
        match = RAW_END[name].search(self.html, position, end)
        return match.start() if match else end

    def _breaks_out(self, name: bytes, closing: bool, end: int, start: int) -> bool:
        if closing:
            return name in (b"p", b"br")
        if name == b"font":
            tag = Tag(name, False, start, end)
            return any(attribute.name in (b"color", b"face", b"size") for attribute in attributes_of(self.html, tag))
        return name in _BREAKS_OUT


def _script_end(html: bytes, position: int, end: int) -> int | None:
    """Where the script's end tag begins, with the escaped states of ``<!--`` (13.2.5.17-31); None: nowhere."""
    escaped = double = False
    while match := SCRIPT_MARK.search(html, position, end):
        position = match.end()
        mark = match[0]
        if mark == b"<!--":
            escaped = True
            position -= 2  # the dashes of "<!-->" close as well
        elif mark == b"-->":
            escaped = double = False
        elif match[1]:
            if not double:
                return match.start()
            double = False
        elif escaped:
            double = True
    return None
