"""A second look at a rewritten HTML body, with a parser that is not ours.

Decides whether BeautifulSoup finds the same document before and after, but for the permitted edits: links that lead
to the same place through us, our pixel, our lines, and ``data-track`` attributes gone. Asked only about HTML that the
scanner calls unusual, and only in a process that can be killed: html.parser takes quadratic time on hostile input.
"""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, Tag
from bs4.exceptions import ParserRejectedMarkup

from ledger.urls import TrackingUrls, destination_of
from relay.rewriting.plan import Edit, SpanKind
from relay.rewriting.rewrite import Prepared
from relay.rewriting.slots import PreparedBody, body_edits
from relay.rewriting.transfer import splice

LARGEST = 256 * 1024  # bytes of unusual HTML; ordinary HTML has no such limit


def agrees(prepared: Prepared, urls: TrackingUrls, copy: int = 0) -> bool:
    """Whether each HTML body of that copy means the same as before; False when one is too large to say, or refused."""
    try:
        return all(_same(body, urls, copy) for body in prepared.bodies if body.is_html)
    except (ParserRejectedMarkup, RecursionError):
        return False


def _same(body: PreparedBody, urls: TrackingUrls, copy: int) -> bool:
    before = body.body.decoded
    if len(before) > LARGEST:
        return False
    edits = body_edits(body, urls, copy)
    after = splice(before, [Edit(edit.start, edit.end, edit.new, edit.kind) for edit in edits])
    lines = [edit.new for edit in edits if edit.kind is SpanKind.NOTICE]
    encoding = body.text.codec or "utf-8"
    return _outline(before, encoding, urls, []) == _outline(after, encoding, urls, lines)


def _outline(raw: bytes, encoding: str, urls: TrackingUrls, lines: list[bytes]) -> list[Any]:
    text = raw.decode(encoding, "replace")
    for line in lines:
        text = text.replace(line.decode(encoding, "replace"), "", 1)
    outline: list[Any] = []
    words: list[str] = []
    for node in BeautifulSoup(text, "html.parser").descendants:
        if isinstance(node, Comment):
            outline.append(("comment", "" if node.startswith("[if") else str(node)))
        elif isinstance(node, NavigableString):
            words.append(str(node))
        elif isinstance(node, Tag):
            source = node.get("src")
            if node.name == "img" and isinstance(source, str) and urls.shows_own_pixel(source):
                continue
            outline.append((_folded(words), node.name, _attributes(node, urls)))
            words = []
    return [*outline, _folded(words)]


def _folded(words: list[str]) -> str:
    # BeautifulSoup keeps white space beside words and shortens it where it stands alone.
    return " ".join("".join(words).split())


def _attributes(node: Tag, urls: TrackingUrls) -> list[tuple[str, str]]:
    return sorted(
        (name, _led_back(str(value), urls) if name == "href" else str(value))
        for name, value in node.attrs.items()
        if not name.lower().startswith("data-track")
    )


def _led_back(href: str, urls: TrackingUrls) -> str:
    href = href.replace("+notrack://", "://")
    destination = destination_of(href)
    if destination is None:
        return href
    return (urls.original_of(destination) if urls.is_own(destination) else None) or destination
