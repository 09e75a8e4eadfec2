"""Restoring a message without its report: our pixel out, our links back to where they lead.

Decides by our own URLs alone: a pixel of our grammar, a link whose signature holds. Headers stay as they are. What
cannot be known is the spelling of entities inside the links that were replaced, and white space that browsers strip.
"""

from __future__ import annotations

import re

from ledger.records import Reason
from ledger.urls import TrackingUrls, destination_of
from relay.rewriting.body_parts import choose_body_parts
from relay.rewriting.character_references import encode_attribute
from relay.rewriting.charsets import Text
from relay.rewriting.html_spans import find_spans
from relay.rewriting.mime_spans import find_parts
from relay.rewriting.part_text import text_of
from relay.rewriting.plan import Edit, SpanKind
from relay.rewriting.transfer import BodyEdit, line_end_of, read_body, splice

_TEXT_URL = re.compile(rb"https?://[!#-;=?-_a-~]++", re.IGNORECASE)
_MAY_STAND_BEHIND = ".,;:!?)>]}'*_~"
_MOST_BEHIND = 20


def restore(raw: bytes, urls: TrackingUrls) -> bytes:
    """The message without pixel and tracked links; as it came where it cannot be read with certainty."""
    parts = find_parts(raw)
    if isinstance(parts, Reason):
        return raw
    chosen = choose_body_parts(raw, parts)
    if isinstance(chosen, Reason):
        return raw
    edits: list[Edit] = []
    newline = line_end_of(raw)
    for part in (*chosen.html, *chosen.text):
        body = read_body(raw, part, newline)
        text = text_of(part, body) if body else None
        if body is None or text is None:
            continue
        found = _in_html(text, urls) if part.kind == "text/html" else _in_text(text, urls)
        found.sort(key=lambda edit: edit.start)
        edits.extend(body.carry(found, tidy=True).edits)
    return splice(raw, sorted(edits, key=lambda edit: edit.start))


def _in_html(text: Text, urls: TrackingUrls) -> list[BodyEdit]:
    spans = find_spans(text)
    if spans is None:
        return []
    edits = [
        BodyEdit(text.place(image.start), text.place(image.end), b"", SpanKind.PIXEL)
        for image in spans.images
        if urls.is_own_pixel(image.source.strip())
    ]
    for link in spans.links:
        destination = destination_of(link.href)
        original = urls.original_of(destination) if destination and urls.is_own(destination) else None
        if original is not None:
            new = text.encode(encode_attribute(original, link.quote).encode("ascii"))
            edits.append(BodyEdit(text.place(link.start), text.place(link.end), new, SpanKind.HREF))
    return edits


def _in_text(text: Text, urls: TrackingUrls) -> list[BodyEdit]:
    edits = []
    for match in _TEXT_URL.finditer(text.scan):
        url = match[0].decode("ascii")
        if not urls.is_own(url):
            continue
        for _ in range(_MOST_BEHIND):  # its signature says where it ends
            original = urls.original_of(url)
            if original is not None:
                start, end = match.start(), match.start() + len(url)
                new = text.encode(original.encode("ascii"))
                edits.append(BodyEdit(text.place(start), text.place(end), new, SpanKind.TEXT_LINK))
            if original is not None or url[-1] not in _MAY_STAND_BEHIND:
                break
            url = url[:-1]
    return edits
