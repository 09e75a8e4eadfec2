"""Where in an HTML body the pixel and the notice go.

Decides on a place that leaves the rest of the browser's tree as it was: before ``</body>`` and before quoted text, at
the top where Gmail would clip the end. A browser that meets new content after ``<p><font>…</p>`` opens the ``font``
again for it (WHATWG HTML 13.2.4.3), and moves what stands directly in a table out of it; there the place is behind the
last words instead. The line end that ends the body stays its last: a message must end with one, and a relay behind us
would add what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import methodcaller

from relay.rewriting.html_spans import HtmlSpans
from relay.rewriting.html_tokens import Tag, Tokens, tokenize

# Gmail shows about 102 kB of a message's HTML and hides the rest behind a link; pixels there are not fetched.
CLIPPED_FROM = 100_000
_OF_THE_HEAD = frozenset(
    b"html head title style script meta link base basefont bgsound noframes noscript template".split()
)
_SPACES = b"\t\n\f\r "
_FORMATTING_NAMES = frozenset(b"a b big code em font i nobr s small strike strong tt u".split())
_FORMATTING = re.compile(rb"<(/?+)(" + b"|".join(sorted(_FORMATTING_NAMES)) + rb")(?=[\t\n\f\r />])")
_GROUPS = methodcaller("groups")
_TAG_IN_VALUE = re.compile(rb"=[\t\n\f\r ]*+(?:\"[^\"<>]*+|'[^'<>]*+)<")
_TABLE = re.compile(
    rb"<(/?+)(table|caption|colgroup|tbody|tfoot|thead|tr|td|th|select)(?=[\t\n\f\r />])", re.IGNORECASE
)
_SWALLOWS_LINE_END = re.compile(rb"<(?:pre|listing)(?=[\t\n\f\r />])[^<]*>\Z", re.IGNORECASE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"[ \t\f]*+(?:\r\n|\n|\r)")


def find_place(html: bytes, spans: HtmlSpans, *, at_top: bool, has_room: Callable[[int], bool]) -> int | None:
    """The offset at which the pixel goes in; None when what follows would no longer be what it was.

    ``has_room`` says whether the line at an offset may get longer.
    """
    top = _top(spans.tokens) if at_top else None
    if top is not None:
        return top
    end = _body_end(html, spans.tokens)
    if spans.quoted:
        end = min(end, spans.quoted[0][0])
    if end == spans.tokens.limit < len(html) and not _body_has_begun(html, spans, end):
        return None  # an unended comment or style of the head would find itself in the body
    place = _without_effect(html, spans, end)
    return _before_final_line_end(html, spans, has_room) if place == len(html) else place


def _top(tokens: Tokens) -> int | None:
    bodies = [tag for tag in tokens.tags if tag.name == b"body" and not tag.closing and not tag.conditional]
    return bodies[0].end if len(bodies) == 1 else None


def _body_end(html: bytes, tokens: Tokens) -> int:
    """Before ``</body>`` or ``</html>``, else the end. Of several at the end the first."""
    ends = [
        tag
        for tag in tokens.tags
        if tag.closing and tag.name in (b"body", b"html") and not tag.conditional and tag.start < tokens.limit
    ]
    if not ends:
        return tokens.limit
    bodies = [tag for tag in ends if tag.name == b"body"]
    chosen = (bodies or ends)[-1]
    for earlier in reversed(ends[: ends.index(chosen)]):
        if not _is_empty(html[earlier.end : chosen.start]):
            break
        chosen = earlier
    return chosen.start


def _is_empty(between: bytes) -> bool:
    return not re.sub(rb"<!--.*?-->|</(?:body|html)[^>]*>", b"", between, flags=re.DOTALL | re.IGNORECASE).strip()


def _without_effect(html: bytes, spans: HtmlSpans, place: int) -> int:
    if not _is_in_table(html, place):
        if place and html[place - 1] in _SPACES and not _last_of_table(html, place)[0]:
            return place  # the white space has already opened again what was to be; in a cell, not in html5lib's eyes
        if not _leaves_formatting_open(html, spans, place):
            return place
    words = _last_words(html, spans, place)
    if words is not None:
        return words
    opened = [
        tag.end
        for tag in _every_tag(html, spans)
        if tag.end <= place and not (tag.closing or tag.conditional or tag.inert) and tag.name in _FORMATTING_NAMES
    ]
    return opened[-1] if opened else place


def _before_final_line_end(html: bytes, spans: HtmlSpans, has_room: Callable[[int], bool]) -> int:
    """Before the white space at the end, where that means the same there as it does behind the pixel.

    It does not in a table, which lets through nothing else; nor right behind ``<pre>``, which swallows one line end;
    nor before anything has opened the body. A last line without room leaves a place in the empty lines below it.
    """
    words = len(html.rstrip(_SPACES))
    if not html.endswith((b"\n", b"\r")) or _SWALLOWS_LINE_END.search(html, html.rfind(b"<"), words):
        return len(html)
    begins_with_words = html.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACES)[:1] not in (b"", b"<")
    if _is_in_table(html, len(html)) or not (begins_with_words or _body_has_begun(html, spans, words)):
        return len(html)
    if has_room(words):
        return words
    line_end = _LINE_END.match(html, words)
    return line_end.end() if line_end else len(html)


def _is_in_table(html: bytes, place: int) -> bool:
    """Whether what stands there is in a table but in none of its cells."""
    name, closing = _last_of_table(html, place)
    if name in (b"td", b"th", b"caption"):
        return closing
    return name != b"" and not (name in (b"table", b"select") and closing)


def _last_of_table(html: bytes, place: int) -> tuple[bytes, bool]:
    """The last tag of a table before ``place``: its name, empty when there is none, and whether it closes."""
    reach = 2000
    while True:
        start = max(0, place - reach)
        last: re.Match[bytes] | None = None
        for match in _TABLE.finditer(html, start, place):
            last = match
        if last:
            return last[2].lower(), last[1] != b""
        if start == 0:
            return b"", False
        reach *= 8


def _leaves_formatting_open(html: bytes, spans: HtmlSpans, place: int) -> bool:
    depth: dict[bytes, int] = {}
    for slash, name in _formatting_tags(html, spans, place):
        if not slash:
            depth[name] = depth.get(name, 0) + 1
        elif depth.get(name):
            depth[name] -= 1
    return any(depth.values())


def _formatting_tags(html: bytes, spans: HtmlSpans, place: int) -> Iterator[tuple[bytes, bytes]]:
    """Of each a slash if it closes, and its name. One in a comment or in an attribute's value is none: where there may
    be such, every tag is looked at in turn, which takes far longer."""
    lower = spans.lower
    hidden = any(_FORMATTING.search(lower, start, end) for start, end in spans.tokens.hidden if start < place)
    if hidden or _TAG_IN_VALUE.search(html, 0, place):
        return (
            (b"/" if tag.closing else b"", tag.name)
            for tag in _every_tag(html, spans)
            if tag.start < place and tag.name in _FORMATTING_NAMES and not (tag.conditional or tag.inert)
        )
    return map(_GROUPS, _FORMATTING.finditer(lower, 0, place))


def _body_has_begun(html: bytes, spans: HtmlSpans, place: int) -> bool:
    """Whether anything before ``place`` has opened the body (WHATWG HTML 13.2.6.4.4-6)."""
    if any(tag.name == b"a" and tag.end <= place and not (tag.closing or tag.conditional) for tag in spans.tokens.tags):
        return True  # as nearly always, and known without another scan
    if _last_words(html, spans, place) is not None:
        return True
    tags = _every_tag(html, spans)
    return any(
        tag.start < place and not (tag.closing or tag.conditional) and tag.name not in _OF_THE_HEAD for tag in tags
    )


def _every_tag(html: bytes, spans: HtmlSpans) -> list[Tag]:
    tokens = spans.tokens if spans.every_tag else tokenize(html, every_tag=True)
    return tokens.tags if tokens else []


def _last_words(html: bytes, spans: HtmlSpans, place: int) -> int | None:
    """Behind the last text before ``place`` that is shown; None if there is none."""
    tokens = spans.tokens if spans.every_tag else tokenize(html, every_tag=True)
    if tokens is None:
        return None
    taken: list[tuple[int, int]] = []
    tags = ((tag.start, tag.end) for tag in tokens.tags if not (tag.conditional or tag.inert))
    for start, stop in sorted([*tags, *tokens.hidden]):
        if not taken or stop > taken[-1][1]:  # what is hidden inside a comment shows no words behind it
            taken.append((start, stop))
    end = place
    for start, stop in reversed(taken):
        if start >= place:
            continue
        if stop < end and html[stop:end].strip(_SPACES):
            return end
        end = min(end, start)
    return None
