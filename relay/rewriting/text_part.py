"""One text/plain body part: its links, when asked for, and our lines at its end.

Decides where a URL in plain words ends: punctuation behind it is not part of it, brackets round it are not either,
those of East Asian and European typesetting among them; before any other letter beyond ASCII its end is in doubt.
Quoted lines are left alone, but for our own links, which lead again to where they led before. No URL is touched that
goes over a line's end, so that format=flowed (RFC 3676) means the same before and after; nor one that stands in
another, nor one that ends in a mark which some mail programs take for a part of it, and others do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import itemgetter

from ledger.records import LinkReason, LinkRecord
from ledger.tokens import HIGHEST_NUMBER
from ledger.urls import TrackingUrls, destination_of, is_too_long
from relay.rewriting.charsets import Text
from relay.rewriting.html_spans import MOST_LINKS
from relay.rewriting.link_rules import LinkCandidate, LinkPolicy, judge
from relay.rewriting.mime_spans import Part
from relay.rewriting.part_text import text_of
from relay.rewriting.plan import Plan, SpanKind
from relay.rewriting.quoted_text import quoted_from
from relay.rewriting.slots import PreparedBody, Slot, fill
from relay.rewriting.surroundings import sentence_before
from relay.rewriting.transfer import Body, line_end_in
from relay.rewriting.unsubscribe import sentence_says_so

_URL = re.compile(rb"(?<!\w)https?://[!#-;=?-_a-~]++", re.IGNORECASE | re.ASCII)
_INSIDE = b".+@/=&-"  # behind these it is a part of something longer, which may have begun in the line above
_BRACKETS = {ord(")"): ord("("), ord("]"): ord("["), ord("}"): ord("{")}
# What ends a URL although RFC 3987 would let it go on: spaces, stops, commas, closing brackets and quotation marks,
# unless a URL's letter follows at once; behind quotation marks that open in other languages, any letter. Not those that
# titles in addresses have, too: an apostrophe, full-width "!" and "?", dashes, dots that show something left out; nor
# what opens, as in .../wiki/Go（プログラミング言語）.
_ENDS = re.compile(
    "[\u00a0\u3000、。，；〉》」』】〕〗〙〛）］｝｡｣､](?![a-zA-Z0-9_/.=&%?#+-])|[»«›‹”“](?![\\w/.=&%?#+-])"
)
_TWO_LETTERS = 12  # octets: a letter of ISO 2022 between its escape sequences, and one behind
_REACH = 300
_EMPHASIS = b"'*_~"
_MOST_TRIMMED = 20  # each look at a bracket goes over the whole URL
_MARK = rb"[ \t]{0,3}(?:>|[A-Z]{1,3}>{1,9}(?=[ \t\r\n])|\|[ \t])"  # The Bat! puts the writer's initials before it
_QUOTE = re.compile(_MARK)
_QUOTED_LINE = re.compile(rb"^" + _MARK + rb"[^\n]*+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TextResult:
    body: PreparedBody
    links: list[LinkRecord]
    unquoted: int  # so many of the links stand above the quoted text

    def has_own_link(self, urls: TrackingUrls) -> bool:
        """Whether its links outside quoted text have been tracked before.

        One of them is, and none is left to be: a text knows no opt-outs, so whatever a first time leaves there it
        leaves again. Else ours came with an earlier mail, which people quote in many forms.
        """
        has_one = any(
            row.reason is LinkReason.OWN and urls.is_own(row.url) and urls.original_of(row.url) is not None
            for row in self.links[: self.unquoted]
        )
        return has_one and not self._can_track(urls)

    def _can_track(self, urls: TrackingUrls) -> bool:
        """Whether one of those links would be tracked, and its line has room."""
        too_long = fill(self.body, urls, 0).too_long
        last = self.links[self.unquoted - 1].number
        return any(0 < slot.link <= last and index not in too_long for index, slot in enumerate(self.body.slots))


def plan_text(
    part: Part, body: Body, plan: Plan, policy: LinkPolicy, urls: TrackingUrls, links_before: int
) -> TextResult | None:
    """The part with its slots; None when it is left alone: an odd charset, too many links, nothing to do."""
    text = text_of(part, body)
    if text is None:
        return None
    slots: list[Slot] = []
    links: list[LinkRecord] = []
    unquoted = 0
    joins_lines = part.media_type.parameters.get("delsp", "").lower() == "yes"
    if plan.text_links:
        quoted_start = quoted_from(text)
        for start, end in _find_urls(text, urls, joins_lines=joins_lines):
            number = links_before + len(links) + 1
            if len(links) >= MOST_LINKS or number > HIGHEST_NUMBER:
                return None
            is_quoted = start >= quoted_start
            original = _original(text, start, end, urls) if is_quoted else None
            if original is not None:
                slots.append(Slot(start, end, SpanKind.TEXT_LINK, original.encode("ascii")))
                links.append(LinkRecord(number, original, "", "", part.number, False, LinkReason.QUOTED))
            else:
                links.append(_link(text, start, end, number, part, policy, slots, quoted=is_quoted))
            unquoted += not is_quoted
        slots.extend(_put_back_in_marked_lines(text, urls, joins_lines=joins_lines))
        slots.sort(key=itemgetter(0))
    newline = line_end_in(text.scan, body.newline)
    if plan.notice or plan.withdrawal:
        slots.append(Slot(len(text.scan), len(text.scan), SpanKind.NOTICE))
    if not slots and not links:
        return None
    lines = replace(plan.lines, codec=_letters_of(part, text))
    return TextResult(PreparedBody(body, text, tuple(slots), lines, newline, is_html=False), links, unquoted)


def _letters_of(part: Part, text: Text) -> str:
    """The codec in which letters beyond ASCII can be added; "" where none can.

    A body that has only seven bits, and is not encoded, keeps to them: whether the upstream takes eight was settled
    before the message came (RFC 6152).
    """
    if text.insertion != "ascii" or not text.codec:
        return ""
    is_encoded = part.transfer_encoding in ("quoted-printable", "base64")
    is_seven_bit = part.transfer_encoding == "7bit" or text.body.isascii()
    return "" if is_seven_bit and not is_encoded and not text.codec.startswith("iso2022_jp") else text.codec


def _find_urls(text: Text, urls: TrackingUrls, *, joins_lines: bool) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    scan = text.scan
    position = 0
    while len(found) <= MOST_LINKS and (match := _URL.search(scan, position)):
        start = match.start()
        line_start = scan.rfind(b"\n", 0, start) + 1
        line_end = scan.find(b"\n", start)
        line_end = len(scan) if line_end < 0 else line_end
        if _QUOTE.match(scan, line_start):
            position = line_end
            continue
        position = match.end()
        end = _trim(scan, start, match.end())
        if start and scan[start - 1] in _INSIDE and not urls.is_own(text.decode(start, end)):
            continue
        if (
            _is_whole(text, match.end(), line_end, joins_lines=joins_lines)
            and not _goes_over_the_line(scan, start, match.end(), line_end)
            and _is_emphasised(scan, start, end, match.end())
        ):
            found.append((start, end))
    return found


def _goes_over_the_line(scan: bytes, start: int, end: int, line_end: int) -> bool:
    """Whether ``<`` opens before the URL and nothing closes it: white space in the brackets is to be ignored (RFC 3986
    appendix C), and programs that broke the line rely on it."""
    return scan[start - 1 : start] == b"<" and not scan[end:line_end].strip()


def _is_emphasised(scan: bytes, start: int, end: int, whole_end: int) -> bool:
    """Whether marks of emphasis that were trimmed from the URL stand before it, too, as in ``*https://example.com*``.
    Else a mail program may take one for the URL's own, and what we put before it would lead nowhere."""
    before = scan[max(start - 3, 0) : start]
    return all(mark in before for mark in scan[end:whole_end] if mark in _EMPHASIS)


def _is_whole(text: Text, end: int, line_end: int, *, joins_lines: bool) -> bool:
    """Whether the URL that a line shows up to there surely ends there."""
    # With DelSp a space at a line's end is no space (RFC 3676 section 4.2): the URL goes on in the next line.
    goes_on = joins_lines and text.scan[end:line_end].rstrip(b"\r") == b" "
    return not goes_on and (text.scan[end : end + 1] < b"\x80" or _ends_before(text, end))


def _put_back_in_marked_lines(text: Text, urls: TrackingUrls, *, joins_lines: bool) -> list[Slot]:
    """Our own tracked links in lines with a quotation's mark, which nobody else speaks of."""
    scan = text.scan
    prefix = urls.grammar.public_url.encode().lower()
    slots: list[Slot] = []
    if prefix not in scan.lower():
        return slots
    for line in _QUOTED_LINE.finditer(scan):
        for url in _URL.finditer(scan, *line.span()):
            start, end = url.span()
            is_ours = scan[start : start + len(prefix)].lower() == prefix
            if not is_ours or not _is_whole(text, end, line.end(), joins_lines=joins_lines):
                continue
            end = _trim(scan, start, end)
            original = _original(text, start, end, urls)
            if original is not None:
                slots.append(Slot(start, end, SpanKind.TEXT_LINK, original.encode("ascii")))
            if len(slots) > MOST_LINKS:
                return slots
    return slots


def _original(text: Text, start: int, end: int, urls: TrackingUrls) -> str | None:
    """Where one of our own links leads, if plain words can show the whole of that: HTML has destinations with spaces
    and quotation marks, which mail programs would cut."""
    original = urls.original_of(text.decode(start, end))
    raw = original.encode("utf-8") if original is not None else b""
    return original if _URL.fullmatch(raw) and _trim(raw, 0, len(raw)) == len(raw) else None


def _ends_before(text: Text, position: int) -> bool:
    """Whether the letter beyond ASCII that stands there is none of a URL's."""
    letters = text.decode(position, min(position + _TWO_LETTERS, len(text.scan)))
    return _ENDS.match(letters) is not None


def _trim(scan: bytes, start: int, end: int) -> int:
    """Without the punctuation behind, and without a closing bracket that nothing in the URL opens."""
    for _ in range(_MOST_TRIMMED):
        last = scan[end - 1]
        opening = _BRACKETS.get(last)
        is_unopened = opening is not None and scan.count(last, start, end) > scan.count(opening, start, end)
        if not (is_unopened or last in b".,;:!?" + _EMPHASIS):
            break
        end -= 1
    return end


def _link(
    text: Text, start: int, end: int, number: int, part: Part, policy: LinkPolicy, slots: list[Slot], *, quoted: bool
) -> LinkRecord:
    href = text.decode(start, end)
    destination = destination_of(href)
    # In plain text the URL is all there is to read, and no mail program compares it with anything.
    own = destination is not None and _is_under(destination, policy.public_url)
    reason = judge(LinkCandidate(href, destination, "", {}, quoted, own), policy)
    if reason is None and sentence_says_so(*_words_round(text, start, end)):
        reason = LinkReason.UNSUBSCRIBE
    if reason is None and destination is not None and is_too_long(destination):
        reason = LinkReason.TOO_LONG
    if reason is None and destination is not None:
        slots.append(Slot(start, end, SpanKind.TEXT_LINK, None, number, destination))
    elif reason is None:
        reason = LinkReason.INVALID
    return LinkRecord(number, destination or href, "", "", part.number, reason is None, reason)


def _words_round(text: Text, start: int, end: int) -> tuple[str, str]:
    """What of the sentence stands in the URL's own line, and in the line above where the URL has one for itself."""
    scan = text.scan
    line_start = scan.rfind(b"\n", 0, start) + 1
    before = text.decode(max(line_start, start - _REACH), start)
    if not before.strip(" \t<") and line_start:
        above = scan.rfind(b"\n", 0, line_start - 1) + 1
        before = text.decode(max(above, line_start - _REACH), line_start)
    before = before.rpartition("://")[2]
    line_end = scan.find(b"\n", end, end + _REACH)
    behind = text.decode(end, line_end if line_end >= 0 else min(len(scan), end + _REACH)).partition("://")[0]
    return sentence_before(before), behind.strip(" \t\r>)")


def _is_under(url: str, public_url: str) -> bool:
    return url.lower().startswith(public_url.lower())
