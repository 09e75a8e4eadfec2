"""What goes into the spans that rewriting changes: slots, filled once for every copy.

Decides how a tracked URL, the pixel and the lines are spelled in a body's charset and encoding. Knows neither why a
slot is there nor what else the message holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ledger.urls import TrackingUrls
from relay.rewriting.character_references import encode_attribute
from relay.rewriting.charsets import Text
from relay.rewriting.notice_lines import Lines, html_lines, pixel_markup, text_lines
from relay.rewriting.plan import SpanKind
from relay.rewriting.transfer import Body, BodyEdit, Carried


class Slot(NamedTuple):
    """A span of the scan and what fills it: the bytes ``fixed``, or by ``kind`` a tracked URL, the pixel or lines."""

    start: int
    end: int
    kind: SpanKind
    fixed: bytes | None = None
    link: int = 0
    destination: str = ""
    quote: str = '"'

    @property
    def is_pixel(self) -> bool:
        return self.kind is SpanKind.PIXEL and self.fixed is None

    @property
    def is_removed_pixel(self) -> bool:
        return self.kind is SpanKind.PIXEL and self.fixed == b""

    @property
    def is_line(self) -> bool:
        return self.kind is SpanKind.NOTICE


@dataclass(frozen=True, slots=True)
class PreparedBody:
    """One body part with its slots in ascending order."""

    body: Body
    text: Text
    slots: tuple[Slot, ...]
    lines: Lines = field(default_factory=Lines)
    newline: bytes = b"\r\n"
    is_html: bool = True
    breaks_pixel: bool = False  # one attribute a line

    def only(self, slots: tuple[Slot, ...]) -> PreparedBody:
        return replace(self, slots=slots)

    def with_broken_pixel(self) -> PreparedBody:
        """With room on its lines, where there is any: an earlier pixel that goes out leaves a line end of its own."""
        slots = (
            slot._replace(fixed=self.newline) if slot.is_removed_pixel and self._is_broken(slot) else slot
            for slot in self.slots
        )
        return replace(self, slots=tuple(slots), breaks_pixel=True)

    def _is_broken(self, slot: Slot) -> bool:
        return b"\n" in self.text.scan[slot.start : slot.end]


def fill(prepared: PreparedBody, urls: TrackingUrls, copy: int) -> Carried:
    """The edits of the message for one copy; ``too_long`` holds indexes into ``slots``."""
    return prepared.body.carry(body_edits(prepared, urls, copy))


def body_edits(prepared: PreparedBody, urls: TrackingUrls, copy: int) -> list[BodyEdit]:
    """The edits of the decoded body for one copy, keyed by their slots' indexes."""
    text = prepared.text
    links = iter(urls.links([(slot.link, slot.destination) for slot in prepared.slots if slot.link], copy))
    # Our own URLs hold no letter that HTML would have to spell otherwise, unless public_url does.
    is_html = prepared.is_html and not urls.is_plain
    stands_as_written = text.insertion == "ascii"
    scan_is_body = text.unit == 1 and text.offset == 0
    edits: list[BodyEdit] = []
    for index, slot in enumerate(prepared.slots):
        start, end, kind, fixed, number, _, quote = slot
        if number:
            url = next(links)
            new = (encode_attribute(url, quote) if is_html else url).encode("ascii")
        elif fixed is not None:
            new = fixed
        else:
            new = _line_or_pixel(prepared, slot, urls, copy)
        if not stands_as_written:
            new = text.encode(new)
        if not scan_is_body:
            start, end = text.place(start), text.place(end)
        edits.append(BodyEdit(start, end, new, kind, index))
    return edits


def _line_or_pixel(prepared: PreparedBody, slot: Slot, urls: TrackingUrls, copy: int) -> bytes:
    if slot.is_pixel:
        return pixel_markup(urls.pixel(copy), prepared.newline if prepared.breaks_pixel else b" ")
    lines = prepared.lines
    if prepared.is_html:
        paragraph = html_lines(lines, urls.page(copy))
        # Between paragraphs a line end means nothing, and lines of its own have room for it.
        return prepared.newline + paragraph + prepared.newline if prepared.breaks_pixel else paragraph
    return text_lines(lines, urls.page(copy), prepared.newline, ends_line=prepared.text.scan.endswith((b"\n", b"\r")))
