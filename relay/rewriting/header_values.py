"""What the value of a control header says: folding, encoded words, comments and quotes taken off, then words.

Knows no header's meaning. Every function takes any text and raises nothing; what it cannot read it hands back as it
stands, so that the caller finds an unknown value. Pure.
"""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache

YES_WORDS = frozenset(("yes", "true", "on", "1", "y"))
NO_WORDS = frozenset(("no", "false", "off", "0", "n"))

# RFC 2047 section 2, with the language of RFC 2231 section 5. Bounded by the header line, so no length limit of 75:
# many programs write longer ones.
ENCODED_WORD = re.compile(r"=\?([^\s?*=]+)(?:\*[^\s?]*)?\?([bBqQ])\?([^\s?]*(?: [^\s?]+)*)\?=")
_BETWEEN_ENCODED_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^\s?]+\?[bBqQ]\?)")
_SEPARATORS = re.compile(r"[\s,;]+")
# Codecs of Python that are no charsets of mail, or that say what to do rather than what it means.
_NO_CHARSETS = frozenset(
    str.split("unicode-escape raw-unicode-escape idna punycode undefined mbcs oem palmos")  # after codecs.lookup
)


def unfold(raw: bytes) -> bytes:
    """The value on one line: line ends go, white space stays (RFC 5322 section 2.2.3)."""
    return raw.replace(b"\r", b"").replace(b"\n", b"").strip(b" \t")


def text_of(raw: bytes) -> str:
    """The text of a raw field body: unfolded, bytes as UTF-8 (RFC 6532) or else Latin-1, encoded words decoded."""
    return decode_encoded_words(one_text(unfold(raw)))


def one_text(raw: bytes) -> str:
    """Bytes of a header as text: UTF-8, or else Latin-1, which takes anything."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def decode_encoded_words(text: str) -> str:
    """The text with its RFC 2047 encoded words decoded; those of unknown charset stay as written."""
    if "=?" not in text:
        return text
    joined = _BETWEEN_ENCODED_WORDS.sub(r"\1", text)
    return ENCODED_WORD.sub(lambda match: _decoded(match) or "", joined)


def _decoded(match: re.Match[str]) -> str:
    payload = payload_of(match[2], match[3])
    text = None if payload is None else decoded_payload(payload, match[1])
    return match[0] if text is None else text


def payload_of(encoding: str, written: str) -> bytes | None:
    """The bytes inside an encoded word; None when it cannot be undone."""
    try:
        if encoding in "qQ":
            return binascii.a2b_qp(written, header=True)
        return binascii.a2b_base64(written + "=" * (-len(written) % 4))
    except ValueError:
        return None


def decoded_payload(payload: bytes, charset: str) -> str | None:
    """The text of an encoded word's bytes; None for a charset that is none or bytes that are not in it."""
    name = charset_name(charset)
    try:
        return None if name is None else payload.decode(name)
    except (UnicodeError, LookupError):
        return None


@lru_cache(maxsize=256)
def charset_name(charset: str) -> str | None:
    """Python's name of a charset of mail; None for what is none."""
    try:
        name = codecs.lookup(charset).name
        b"".decode(name)  # raises for codecs that are not of text ("hex", "zlib")
    except (LookupError, ValueError, TypeError, UnicodeError):
        return None
    return None if name.replace("_", "-") in _NO_CHARSETS else name


def bare(text: str) -> str:
    """The text without RFC 5322 comments and the quotes of quoted strings, white space folded."""
    if "(" in text or '"' in text or "\\" in text:
        text = _without_comments_and_quotes(text)
    return " ".join(text.split())


def _without_comments_and_quotes(text: str) -> str:
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in text:
        if escaped:
            escaped = False
            if not depth:
                kept.append(letter)
        elif letter == "\\" and (depth or quoted):
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif letter == "(" and not quoted:
            depth += 1
            kept.append(" ")  # a comment counts as white space (RFC 5322 section 3.2.2)
        elif letter == ")" and depth:
            depth -= 1
        elif not depth:
            kept.append(letter)
    return "".join(kept)


def words_of(text: str) -> list[str]:
    """The words of a list in lower case; commas, semicolons and white space separate them."""
    return [word for word in _SEPARATORS.split(bare(text).casefold()) if word]


def items_of(text: str) -> list[str]:
    """The items of a comma-separated list as written, white space folded."""
    return [item for part in bare(text).split(",") if (item := part.strip())]


def boolean_of(text: str) -> bool | None:
    """True or False for the words of the contract in any case; None for everything else."""
    word = bare(text).casefold()
    if word in YES_WORDS:
        return True
    return False if word in NO_WORDS else None
