"""The subject tag: a word such as ``#track`` in the Subject that asks for tracking, and how it is cut out again.

For mail programs that cannot set headers. The tag counts as a word of its own wherever it stands, in any case of
letters, also inside RFC 2047 encoded words. Cutting it out changes the smallest span: the word and the white space
before it, or the encoded word that holds it. Where that cannot be done with certainty (a tag divided between two
encoded words, a charset whose bytes do not map one to one) the subject stays as it is. Pure.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from relay.rewriting.control_fields import ControlField
from relay.rewriting.header_values import charset_name, decoded_payload, one_text, payload_of, text_of
from relay.rewriting.plan import Edit, SpanKind

# Longer than any subject that a person writes; then nobody looks for a tag.
LONGEST_SUBJECT = 20_000

_ENCODED_WORD = re.compile(rb"=\?([!->@-~]+)\?([bBqQ])\?([!->@-~ ]*)\?=")
# A letter that would make the tag part of a longer word. Scripts written without spaces (from U+2E80) do not.
_JOINING = r"[A-Za-z0-9_#&/@\-\u00aa-\u2e7f]"
_SPACE = b" \t\r\n"


def is_tagged(raw_value: bytes, tag: str) -> bool:
    """Whether the tag stands as a word in a raw Subject body."""
    if len(raw_value) > LONGEST_SUBJECT or not tag.strip():
        return False
    return _pattern(tag).search(text_of(raw_value)) is not None


def cut_tag(block: bytes, field: ControlField, tag: str) -> list[Edit] | None:
    """The edits that take every such word out of that Subject; None when that cannot be done with certainty."""
    value = block[field.value_start : field.value_end]
    edits = [
        Edit(field.value_start + start, field.value_start + end, new, SpanKind.SUBJECT)
        for start, end, new in sorted({*_plain_cuts(value, tag), *_encoded_cuts(value, tag)})
    ]
    remaining, position = [], 0
    for edit in edits:
        start, end = edit.start - field.value_start, edit.end - field.value_start
        if start < position:
            return None
        remaining += [value[position:start], edit.new]
        position = end
    left = b"".join((*remaining, value[position:]))
    return None if is_tagged(left, tag) or not edits else edits


def _pattern(tag: str) -> re.Pattern[str]:
    word = re.escape(tag.strip())
    return re.compile(rf"(?<!{_JOINING}){word}(?!{_JOINING})", re.IGNORECASE)


def _plain_cuts(value: bytes, tag: str) -> Iterator[tuple[int, int, bytes]]:
    """Cuts of tags that stand in the value as they are, outside encoded words."""
    encoded = [match.span() for match in _ENCODED_WORD.finditer(value)]
    # Letters and bytes must correspond: UTF-8 (RFC 6532), or one letter for each byte.
    charset = "utf-8" if value == one_text(value).encode("utf-8") else "latin-1"
    text = value.decode(charset)
    for match in _pattern(tag).finditer(text):
        start = len(text[: match.start()].encode(charset))
        end = start + len(match[0].encode(charset))
        if not any(first <= start < last for first, last in encoded):
            yield _with_space(value, start, end)


def _with_space(value: bytes, start: int, end: int) -> tuple[int, int, bytes]:
    before, after = value[:start].rstrip(_SPACE), value[end:].lstrip(_SPACE)
    if before.endswith(b"?=") and after.startswith(b"=?"):
        # White space between encoded words does not count (RFC 2047 section 6.2): an encoded space keeps them apart.
        return start, end, b"=?us-ascii?q?_?="
    if before or not after:
        return len(before), end, b""
    return start, len(value) - len(after), b""


def _encoded_cuts(value: bytes, tag: str) -> Iterator[tuple[int, int, bytes]]:
    for match in _ENCODED_WORD.finditer(value):
        charset, encoding, written = (group.decode("ascii") for group in match.groups())
        payload = payload_of(encoding, written)
        text = None if payload is None else decoded_payload(payload, charset.partition("*")[0])
        if payload is None or text is None or _pattern(tag).search(text) is None:
            continue
        left = _payload_without(payload, text, charset.partition("*")[0], tag)
        if left is None:
            continue
        if not left:
            yield _with_space(value, match.start(), match.end())
        else:
            head = f"=?{charset}?{encoding}?".encode()
            yield match.start(), match.end(), head + _encoded(left, encoding) + b"?="


def _payload_without(payload: bytes, text: str, charset: str, tag: str) -> bytes | None:
    """The bytes without the tag, if cutting its bytes is proven to cut just its letters."""
    wanted = text
    left = payload
    for _ in range(len(text)):
        match = _pattern(tag).search(wanted)
        if match is None:
            return left
        start, end = match.span()
        while start and wanted[start - 1] == " ":
            start -= 1
        if not start:
            while end < len(wanted) and wanted[end] == " ":
                end += 1
        wanted_next = wanted[:start] + wanted[end:]
        shorter = _bytes_without(left, wanted[start:end], wanted_next, charset)
        if shorter is None:
            return None
        left, wanted = shorter, wanted_next
    return None


def _bytes_without(payload: bytes, cut: str, wanted: str, charset: str) -> bytes | None:
    name = charset_name(charset)
    if name is None or not cut.isascii():
        return None
    pattern = re.escape(cut.encode("ascii"))
    for match in re.finditer(pattern, payload):
        shorter = payload[: match.start()] + payload[match.end() :]
        if decoded_payload(shorter, charset) == wanted:
            return shorter
    return None


def _encoded(payload: bytes, encoding: str) -> bytes:
    if encoding in "bB":
        return binascii.b2a_base64(payload, newline=False)
    return b"".join(_q_letter(value) for value in payload)


def _q_letter(value: int) -> bytes:
    # RFC 2047 section 5 (3): these letters are safe wherever an encoded word may stand.
    letter = bytes((value,))
    if letter == b" ":
        return b"_"
    return letter if letter.isalnum() or letter in b"!*+-/" else b"=%02X" % value
