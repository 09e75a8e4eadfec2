"""Which stretches of a mail's HTML are quoted or forwarded text of an earlier mail.

Decides by the marks that mail programs leave: Gmail, Thunderbird, Apple Mail, Outlook (desktop, web, mobile, old
Hotmail), Yahoo, Yandex, mail.ru, Proton, Zimbra, GMX and others; and by the dashed lines above forwarded mail. A mark
either opens an element that is quoted whole, or begins a quotation that runs to the end of the body.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from sys import maxsize

from relay.rewriting.attribution import LONGEST, may_say_who_wrote, says_forwarded, says_who_wrote
from relay.rewriting.character_references import decode_text
from relay.rewriting.charsets import Text
from relay.rewriting.html_tokens import Tag, attributes_of
from relay.rewriting.possessive_groups import compiled
from relay.rewriting.quotation_words import DATE_WORDS, SENDER_WORDS

# The elements whose attributes say that they quote, and end tags behind a colon, as "<b>From:</b>" has: most
# newsletters are tables and have few of either, so it is quick to look at these alone before looking at every tag.
# East Asia's full-width colon ends in other octets in UTF-8, in EUC-JP and in the scan of other charsets.
_TELLING_TAG = re.compile(
    rb"<(?:/(?<=[:\x9a\xa7\x80]</)|/(?<=: </)|(?:blockquote|div|hr|span id)(?=[\t\n\f\r />=])[^>]*+)"
)
_LABEL_END = b"</"
_HINT = re.compile(
    rb"<blockquote|quote|moz-|olk_src|rplyfwd|appendonsend|stopspelling|zwchr|_mailoriginal|messagereply|reference-message"
    rb"|appleoriginal|js-readmsg|separator-line|border-top:\s?solid|replycontent|outlookmessageheader|tabindex"
    rb"|zmail_extra|history_container|inoteshistory|isforwardcontent|origbody|reply139content|replysplit",
    re.IGNORECASE,
)

_QUOTED_CLASS = re.compile(
    r"(?:x_)*(?:gmail_quote\w*|moz-cite-prefix|moz-forward-container|\w*yahoo_quoted\w*|protonmail_quote"
    r"|tutanota_quote|zmail_extra\w*|appleoriginalcontents|wmi-quote|mailru-blockquote|js-readmsg-msg|quoted-text"
    r"|hotmail_quote|replaced-blockquote|history_container|freequote|clean_bq|iosymail|skiff_quote|missive_quote"
    r"|freshdesk_quote|front-blockquote|fernand_quote|quotedreply|notion-mail-quote|alimail-quote"
    r"|ntes-mailmaster-quote|history-quote-wrapper|ms-outlook-mobile-reference-message|inoteshistory)",
    re.IGNORECASE,
)
_QUOTED_ID = re.compile(
    r"(?:x_)*(?:olk_src_body_section|mail-editor-reference-message-container|\w*yahoo_quoted\w*|isreplycontent"
    r"|replyblockquote|_rc_sig_quote|isforwardcontent|origbody|reply139content|orimsghtmlseperator|blockquote_zmail)",
    re.IGNORECASE,
)
_QUOTED_NAME = re.compile(r"quote|messagereplysection", re.IGNORECASE)
_DIVIDER_ID = re.compile(
    r"(?:x_)*(?:divrplyfwdmsg|appendonsend|stopspelling|zwchr|replysplit|ms-outlook-mobile-body-separator-line)",
    re.IGNORECASE,
)
_DIVIDER_CLASS = re.compile(r"(?:x_)*outlookmessageheader", re.IGNORECASE)
# Outlook's block of From, Sent, To, Subject has a line above it and nothing else.
_HEADER_BLOCK_STYLE = re.compile(
    r"border:\s*none;\s*border-top:\s*solid[^;]*;\s*padding:\s*3(?:\.0)?pt\s+0", re.IGNORECASE
)
_ANY_LABEL = rb"(?:[^<>]{2,30}?:|[\x80-\xff][\x80-\xff \t]{2,40})"
_BOLD_LABEL = re.compile(rb"<(?:b|strong)\b[^>]{0,200}>(?:<[^>]{0,200}>)*\s*" + _ANY_LABEL, re.IGNORECASE)
# Dashes within are those of "e-mail"; lines of dashes above and below other words are a heading's.
_DASHED_LINE = re.compile(rb"(?<!-)-{4,80}+[ \t]?+((?![\r\n])(?:[^-<>]|-(?!-)){2,140}?)(?<![\r\n])-{4,}")
# Zoho and Notes: -----"Ben" &lt;ben@example.com&gt; wrote: -----
_DASHED_ATTRIBUTION = re.compile(
    rb"(?<!-)-{4,80}+(?:[^-<>\r\n]|-(?!---)){2,200}?\bwrote:?+[ \t]?+-{4,}", re.IGNORECASE
)  # not over another run of dashes: of many, each would look at those behind it
_LABEL = rb"<(?:b|strong)\b[^>]{0,200}>(?:<[^>]{0,200}>){0,3}+\s*+"
_TWO_MORE_LABELS = compiled(
    2 * (rb"(?s:(?!</table|<blockquote).){0,600}?" + _LABEL + rb"([^<>:]{2,30}:|[\x80-\xff][\x80-\xff \t]{2,40})"),
    re.IGNORECASE,
)
# Words as octets, whatever the charset: a letter beyond ASCII is one or several. Those of two words first, or one word
# of other letters would be found in their beginning.
_SENDER_OCTETS = "|".join(
    re.sub("[^\x00-\x7f]+", r"[\\x80-\\xff]{1,60}", word)
    for word in sorted(SENDER_WORDS, key=lambda word: (word.count(" "), len(word)), reverse=True)
).encode("ascii")
_SENDER_LABEL = compiled(
    _LABEL + rb"((?:" + _SENDER_OCTETS + rb")(?:\s|&nbsp;){0,3}+(?::|[\x80-\xff]{1,5}:?)?)", re.IGNORECASE
)
_SENDERS = frozenset(word.casefold() for word in SENDER_WORDS)
_DATES = frozenset(word.casefold() for word in DATE_WORDS)
_LONGEST_NAME = 100  # letters of a class or an id: what mail programs call theirs is shorter
_TAGS = re.compile(r"<[^>]*+>")
_LINE_ENDS = re.compile(r"<br\b|</?(?:div|p|blockquote|table)\b|\r?\n\s*\r?\n|(?<=:)\s*\n", re.IGNORECASE)


_MOST_LOOKS = 1000  # at the words round a blockquote; each takes up to 0.1 ms


def may_hold_quotes(text: Text, lower: bytes) -> bool:
    """Whether a second, slower look for quotations is needed; ``lower`` is the text's scan in lower case."""
    telling = _TELLING_TAG.findall(lower)
    if _HINT.search(b" ".join(telling)) or (b"_mail" in lower and b"_mailoriginal" in lower):
        return True
    signs = (
        *((_DASHED_LINE, _DASHED_ATTRIBUTION) if b"----" in lower else ()),
        *((_SENDER_LABEL,) if _LABEL_END in telling else ()),
    )
    return any(_says_so(text, match) for sign in signs for match in sign.finditer(lower))


def _says_so(text: Text, match: re.Match[bytes]) -> bool:
    """Whether what looks like one of the three signs is one. Beyond ASCII the patterns only guess at the words."""
    if match.re is _DASHED_ATTRIBUTION:
        return True
    if match.re is _DASHED_LINE:
        return says_forwarded(decode_text(text.decode(*match.span(1))))
    if not _is_label(text, match.span(1), _SENDERS):
        return False
    # One of the next two is when it was sent: itineraries, parcels and forms have From and To as well.
    more = _TWO_MORE_LABELS.match(match.string, match.end(), match.endpos)
    return more is not None and any(_is_label(text, more.span(group), _DATES) for group in (1, 2))


def _is_label(text: Text, span: tuple[int, int], known: frozenset[str]) -> bool:
    words = decode_text(text.decode(*span)).casefold()
    return words.endswith((":", "：")) and words[:-1].strip() in known


def find_quoted_regions(
    text: Text, tags: list[Tag], hidden: list[tuple[int, int]], limit: int
) -> list[tuple[int, int]]:
    """The quoted stretches in order, not overlapping, from every tag of the document and what is hidden in it."""
    html = text.scan
    regions: list[tuple[int, int]] = []
    dividers = _TextDividers(text, _unseen(tags, hidden), limit)
    divider = dividers.after(0)
    opened: tuple[bytes, int] | None = None
    depth = looks = 0
    for tag in tags:
        if tag.conditional or tag.inert or tag.start >= limit:
            continue
        if opened:
            if tag.name == opened[0]:
                depth += -1 if tag.closing else 1
                if depth == 0:
                    regions.append((opened[1], tag.end))
                    opened = None
                    if divider < tag.end:
                        divider = dividers.after(tag.end)
            continue
        if tag.start > divider:
            return [*regions, (divider, limit)]
        if tag.closing or not _HINT.search(html, tag.start, tag.end):
            continue
        looks += tag.name == b"blockquote"
        match _mark(text, tag, reads_words=looks <= _MOST_LOOKS):
            case "element":
                opened, depth = (tag.name, tag.start), 1
            case "divider":
                return [*regions, (tag.start, limit)]
    if opened:
        regions.append((opened[1], limit))
    elif divider < limit:
        regions.append((divider, limit))
    return regions


class _TextDividers:
    """Where words say that an earlier mail follows: a dashed line, or a block of bold From, Date, To, Subject.

    Each sign is looked for once through the whole text, however often it is asked where the next is.
    """

    def __init__(self, text: Text, unseen: list[tuple[int, int]], limit: int) -> None:
        self._text = text
        self._unseen = unseen
        self._limit = limit
        self._next = {sign: self._search(sign, 0) for sign in (_DASHED_LINE, _DASHED_ATTRIBUTION, _SENDER_LABEL)}

    def after(self, start: int) -> int:
        """The first from there on; the limit when there is none."""
        for sign, match in self._next.items():
            if match is not None and match.start() < start:
                self._next[sign] = self._search(sign, start)
        return min((match.start() for match in self._next.values() if match), default=self._limit)

    def _search(self, sign: re.Pattern[bytes], start: int) -> re.Match[bytes] | None:
        matches = sign.finditer(self._text.scan, start, self._limit)
        return next(
            (match for match in matches if not _is_within(self._unseen, match.start()) and _says_so(self._text, match)),
            None,
        )


def _unseen(tags: list[Tag], hidden: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where nobody reads words: comments, styles, the attributes inside a tag. In order, none inside another."""
    unseen: list[tuple[int, int]] = []
    for start, end in sorted([*hidden, *((tag.start + 1, tag.end) for tag in tags)]):
        if not unseen or end > unseen[-1][1]:
            unseen.append((start, end))
    return unseen


def _is_within(stretches: list[tuple[int, int]], position: int) -> bool:
    row = bisect_right(stretches, (position, maxsize)) - 1
    return row >= 0 and position < stretches[row][1]


def _mark(text: Text, tag: Tag, *, reads_words: bool) -> str | None:
    """Whether the start tag opens a quoted ``element``, is a ``divider`` above quoted text, or neither."""
    html = text.scan
    attributes = {
        attribute.name: html[attribute.start : attribute.end].decode("latin-1").strip()
        for attribute in attributes_of(html, tag)
    }
    classes = [name for name in attributes.get(b"class", "").split() if len(name) <= _LONGEST_NAME]
    identity = attributes.get(b"id", "")[: _LONGEST_NAME + 1]
    if _DIVIDER_ID.fullmatch(identity) or any(map(_DIVIDER_CLASS.fullmatch, classes)):
        return "divider"
    if tag.name == b"a" and attributes.get(b"name", "").lower() == "_mailoriginal":
        return "divider"
    if attributes.get(b"title") == "beforequote:::":
        return "divider"  # Zoho
    if tag.name == b"hr" and attributes.get(b"tabindex") == "-1":
        return "divider"  # Outlook 2003
    if tag.name == b"div" and _HEADER_BLOCK_STYLE.search(attributes.get(b"style", "")):
        return "divider" if _BOLD_LABEL.search(html, tag.end, tag.end + 1500) else None
    if tag.name in (b"a", b"img", b"hr", b"input", b"meta", b"link"):
        return None
    if any(map(_QUOTED_CLASS.fullmatch, classes)) or _QUOTED_ID.fullmatch(identity):
        return "element"
    if _QUOTED_NAME.fullmatch(attributes.get(b"name", "")):
        return "element"
    if tag.name == b"blockquote" and (
        attributes.get(b"type", "").lower() == "cite"
        or b"cite" in attributes
        or (reads_words and (_follows_attribution(text, tag.start) or _begins_with_attribution(text, tag.end)))
    ):
        return "element"
    return None


def _follows_attribution(text: Text, position: int) -> bool:
    """Whether the words before say who wrote, or when, and end in a colon. What is set apart before them is not looked
    at: our links in it get shorter, and a second look must see the same words."""
    before = text.decode(max(0, position - 900), position)
    cut = before.find(">", max(before.lower().rfind("blockquote"), 0))
    words = _words(before[cut + 1 :])[-LONGEST:]
    return words.endswith((":", "：")) and may_say_who_wrote(words)


def _begins_with_attribution(text: Text, position: int) -> bool:
    """Whether the first line in it does, as in Libero's and old mail.ru's quotations. It has to end before the look
    does: what we put in might shorten the words in sight, and a second look must find what the first one found."""
    first = _LINE_ENDS.split(text.decode(position, position + 900).lstrip(), 1)
    words = _words(first[0])
    return len(first) > 1 and words.endswith((":", "：")) and says_who_wrote(words)


def _words(html: str) -> str:
    return decode_text(_TAGS.sub(" ", html)).strip()
