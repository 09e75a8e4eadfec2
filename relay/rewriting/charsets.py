"""What a declared charset means for finding ASCII markup in a body and for putting ASCII text into it.

Decides, per charset that Python knows, how bytes become a *scan*: bytes in which every ASCII character stands for
itself and everything else is 0x80 or higher, one byte for each code unit. So the HTML scanner needs no decoding and
its offsets lead straight back. Where bytes could be read in two ways the answer is None, which means: leave alone.
UTF-7 is among those: browsers dropped it for its ambiguity, so what a mail program shows is anybody's guess.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

_ASCII = bytes(range(0x80))
_META = re.compile(rb"<meta\s[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
# Second bytes of these may look like ASCII letters, brackets or backslashes.
_SHIFT_JIS = rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"
_BIG5 = rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]"
_GB18030 = rb"[\x81-\xfe](?:[\x40-\x7e\x80-\xfe]|[0-9][\x81-\xfe][0-9])"
_UHC = rb"[\x81-\xfe][\x41-\x5a\x61-\x7a\x81-\xfe]"
# Per charset the pattern, and the codecs to try from the strict one to what programs really send under that name.
_DOUBLE_BYTE = {
    "shift_jis": (_SHIFT_JIS, ("shift_jis", "cp932", "shift_jis_2004")),
    "cp932": (_SHIFT_JIS, ("cp932",)),
    "shift_jis_2004": (_SHIFT_JIS, ("shift_jis_2004",)),
    "shift_jisx0213": (_SHIFT_JIS, ("shift_jisx0213",)),
    "big5": (_BIG5, ("big5", "cp950", "big5hkscs")),
    "big5hkscs": (_BIG5, ("big5hkscs",)),
    "cp950": (_BIG5, ("cp950", "big5hkscs")),
    "gb2312": (_GB18030, ("gbk", "gb18030")),
    "gbk": (_GB18030, ("gbk", "gb18030")),
    "gb18030": (_GB18030, ("gb18030",)),
    "euc_kr": (_UHC, ("cp949",)),
    "cp949": (_UHC, ("cp949",)),
    "johab": (rb"[\x84-\xd3\xd8-\xde\xe0-\xf9][\x31-\x7e\x81-\xfe]", ("johab",)),
}
# Here the octet of a tilde is an overline to some programs and a tilde to others, and addresses hold tildes.
_OVERLINES = {"shift_jis_2004", "shift_jisx0213"}
# Their multi-byte characters are made of bytes above 0x7F alone.
_TRANSPARENT = {"utf-8", "utf-8-sig", "ascii", "euc_jp", "euc_jis_2004", "euc_jisx0213"}
_SHIFTED = {
    "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr",
}  # fmt: skip
_WIDE = {"utf-16": 2, "utf-16-le": 2, "utf-16-be": 2, "utf-32": 4, "utf-32-le": 4, "utf-32-be": 4}
_ESCAPE = re.compile(rb"\x1b(?:\([BJI@HN]|\$\([A-Z@]|\$[@AB]|\$\)C|\.[AF]|[^\x1b]{0,2})|\x0e|\x0f|\n")
_HZ = re.compile(rb"~(?:~|\{|\}|\r?\n)|\n")
_NOT_TEXT = {
    "idna",
    "punycode",
    "unicode-escape",
    "unicode_escape",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "undefined",
    "mbcs",
    "oem",
    "utf-7",
}
# What programs write who know no charset, or not how it is spelled (RFC 1428 names the first). Nobody can look them up,
# so all show what is ASCII as ASCII.
_NO_CHARSETS = {
    "unknown-8bit", "x-unknown", "unknown", "unspecified", "default", "default_charset", "none", "null", "undefined",
    "7bit", "8bit", "binary", "ansi", "text", "html", "iso", "windows", "auto", "_charset_", "x-user-defined",
}  # fmt: skip
# Names of mail programs that Python spells otherwise.
_ALIASES = {
    "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "x-sjis": "cp932", "x-euc-jp": "euc_jp", "gb_2312-80": "gbk",
    "x-gbk": "gbk", "x-cp1252": "cp1252", "iso-8859-8-i": "iso8859_8", "iso-8859-8-e": "iso8859_8",
    "unicode-1-1-utf-8": "utf-8", "x-mac-roman": "mac_roman", "x-big5": "big5", "cp-850": "cp850",
    "iso-2022-jp-ms": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext",
    "utf8mb4": "utf-8", "iso-latin-1": "latin-1", "x-ansi": "cp1252", "ansi_x3.4": "ascii", "x-windows-949": "cp949",
    "windows-31j": "cp932", "ms932": "cp932", "x-ms932": "cp932",
}  # fmt: skip


_WINDOWS = re.compile(r"(?:x-)?(?:windows|win|cp)[-_ ]?(\d{3,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Text:
    """A body as the scanner sees it. ``scan[i]`` stands for ``unit`` bytes at ``offset + i * unit`` of the body."""

    scan: bytes
    body: bytes
    codec: str
    unit: int = 1
    offset: int = 0
    insertion: str = "ascii"

    @property
    def is_ascii_inside(self) -> bool:
        """Whether ASCII letters are the octets that they are in ASCII."""
        return self.insertion in ("ascii", "hz")

    def decode(self, start: int, end: int) -> str:
        """The characters of ``scan[start:end]``; what is no character comes as U+FFFD."""
        if self.unit == 1 and self.scan is self.body:
            piece = self.scan[start:end]
            return piece.decode("ascii") if piece.isascii() else piece.decode(self.codec, "replace")
        return self.body[self.place(start) : self.place(end)].decode(self.codec, "replace")

    def place(self, position: int) -> int:
        return self.offset + position * self.unit

    def encode(self, new: bytes) -> bytes:
        """ASCII text as bytes of the body."""
        return new if self.insertion == "ascii" else new.decode("ascii").encode(self.insertion)


def decoder_of(text: Text) -> Callable[[int, int], str]:
    """``text.decode`` for the many stretches of one body, which is decoded but once where that is safe."""
    if not (text.scan is text.body and text.scan.isascii()):
        return text.decode
    whole = text.scan.decode("ascii")
    return lambda start, end: whole[start:end]


def read_text(body: bytes, declared: str | None) -> Text | None:
    """How to scan a body of that declared charset (None: none declared, then a ``meta`` counts); None is doubt."""
    name = _tidied(declared or "")
    if not name:
        meta = _META.search(body, 0, 2048)
        name = meta[1].decode("ascii").lower() if meta else ""
        # A meta that could be read shows that it is not UTF-16 (HTML 13.2.3.3); one that nobody knows says nothing.
        if name.startswith("utf-16") or (find_codec(name) is None and name != "utf-7"):
            name = ""
    if name in _NO_CHARSETS and body.isascii():
        name = ""
    codec = find_codec(name)
    if codec is None:
        return None
    if codec in _WIDE:
        return _wide(body, codec)
    if b"\0" in body:
        return None  # most often UTF-16 that is not declared
    if codec in ("", "ascii"):
        return _undeclared(body)
    if codec in _DOUBLE_BYTE:
        return _double_byte(body, codec)
    if codec in _SHIFTED:
        return _shifted(body, codec)
    if codec == "hz":
        return _hz(body)
    if codec in _TRANSPARENT or is_single_byte_ascii(codec):
        return Text(body, body, codec)
    return _single_byte(body, codec)


def _tidied(declared: str) -> str:
    """The name without the quotes, spaces and second ``charset=`` that programs put round it."""
    name = declared.strip(" \t'\"").lower()
    return name.removeprefix("charset=").strip(" \t'\"")


@lru_cache(maxsize=256)
def find_codec(name: str) -> str | None:
    """Python's name of a text codec; "" for no name, None for names that are unknown or no charset."""
    if not name:
        return ""
    name = _ALIASES.get(name, name)
    windows = _WINDOWS.fullmatch(name)
    name = f"cp{windows[1]}" if windows else name
    if not name.isascii() or not name.isprintable():
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if found.name in _NOT_TEXT or not getattr(found, "_is_text_encoding", True):
        return None
    return found.name


@lru_cache(maxsize=256)
def is_single_byte_ascii(codec: str) -> bool:
    """Whether every byte is one character, and those below 0x80 are ASCII."""
    try:
        return _ASCII.decode(codec) == _ASCII.decode("ascii") and len(bytes(range(256)).decode(codec, "replace")) == 256
    except (UnicodeError, ValueError):
        return False


def _undeclared(body: bytes) -> Text | None:
    if b"\x1b" in body or b"\x0e" in body or b"~{" in body:
        return None  # some shifted charset that nobody declared
    if body.isascii():
        return Text(body, body, "ascii")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        # A single-byte charset or a wrong one. Outside of links it does not matter; links with such bytes are
        # not decoded, so they are left alone.
        return Text(body, body, "ascii")
    return Text(body, body, "utf-8")


def _double_byte(body: bytes, codec: str) -> Text | None:
    pattern, candidates = _DOUBLE_BYTE[codec]
    if body.isascii() and not (codec in _OVERLINES and b"~" in body):
        return Text(body, body, codec)
    for candidate in candidates:
        try:
            letters = body.decode(candidate)
        except UnicodeDecodeError:
            continue
        if codec in _OVERLINES and ("~" in letters or "\u203e" in letters):
            return None
        return Text(re.sub(pattern, lambda match: b"\x80" * len(match[0]), body), body, candidate)
    return None  # after a broken pair programs differ on whether its second byte is a letter of its own


def _wide(body: bytes, codec: str) -> Text | None:
    unit = _WIDE[codec]
    boms = {2: ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))}.get(
        unit, ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"))
    )
    offset = 0
    for bom, of_bom in boms:
        if body.startswith(bom):
            if codec not in (of_bom, f"utf-{8 * unit}"):
                return None
            codec, offset = of_bom, unit
            break
    else:
        if codec in ("utf-16", "utf-32"):
            return None  # without a BOM the order of bytes is a guess
    if (len(body) - offset) % unit:
        return None
    try:
        text = body[offset:].decode(codec)
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    if unit == 2 and not text.isascii():
        text = re.sub("[\U00010000-\U0010ffff]", "\x80\x80", text)
    scan = re.sub("[^\0-\x7f]", "\x80", text).encode("latin-1")
    return Text(scan, body, codec, unit, offset, codec)


def _shifted(body: bytes, codec: str) -> Text | None:
    """ISO 2022: between escape sequences that leave ASCII, letters are not what they look like."""
    if not body.isascii():
        return None
    scan = bytearray(body)
    plain, shifted, start = True, False, 0
    for match in _ESCAPE.finditer(body):
        if not plain or shifted:
            scan[start : match.start()] = b"\x80" * (match.start() - start)
        sequence = match[0]
        if sequence == b"\n":
            if not plain or shifted:
                return None  # programs differ on whether a line end brings ASCII back
            continue
        if sequence == b"\x0e":
            shifted = True
        elif sequence == b"\x0f":
            shifted = False
        elif sequence in (b"\x1b(B", b"\x1b(J"):
            plain = True
        elif sequence == b"\x1b$)C":
            pass  # announces KS X 1001 for the shifted state (RFC 1557)
        elif len(sequence) >= 3 and sequence[1:2] in (b"$", b"("):
            plain = False
        else:
            return None
        scan[match.start() : match.end()] = b"\x80" * len(sequence)
        if sequence == b"\x1b(J" and b"<" in body[match.end() : match.end() + _until_escape(body, match.end())]:
            return None  # JIS X 0201: a tilde there is an overline
        start = match.end()
    if not plain or shifted:
        return None
    return Text(bytes(scan), body, codec)


def _until_escape(body: bytes, start: int) -> int:
    at = body.find(b"\x1b", start)
    return (len(body) if at < 0 else at) - start


def _hz(body: bytes) -> Text | None:
    """HZ (RFC 1843): ``~{`` to ``~}`` holds double bytes; ``~~`` is a tilde; a line ends in ASCII."""
    if not body.isascii():
        return None
    scan = bytearray(body)
    chinese, start = False, 0
    for match in _HZ.finditer(body):
        if chinese:
            if match[0] == b"~}":
                scan[start : match.end()] = b"\x80" * (match.end() - start)
                chinese = False
                continue
            return None
        if match[0] == b"~{":
            chinese, start = True, match.start()
        elif match[0] != b"\n":
            scan[match.start() : match.end()] = b"\x80" * len(match[0])
    return None if chinese else Text(bytes(scan), body, "hz", insertion="hz")


def _single_byte(body: bytes, codec: str) -> Text | None:
    """EBCDIC and its kin, which arrive in base64: a table both ways."""
    try:
        letters = bytes(range(256)).decode(codec, "replace")
    except (UnicodeError, ValueError):
        return None
    if len(letters) != 256:
        return None
    table = bytes(ord(letter) if letter < "\x80" else 0x80 for letter in letters)
    if len({byte for byte in table if byte != 0x80}) < 0x80:
        return None
    return Text(body.translate(table), body, codec, insertion=codec)
