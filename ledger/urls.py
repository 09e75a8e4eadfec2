"""The grammar of mailglass's public URLs, once: what the relay inserts and what the pixel server routes.

    <public_url>/o/<token>.gif                               open pixel
    <public_url>/c/<token>?u=<percent-encoded destination>   link
    <public_url>/p/<token>                                   recipient's page

Also decides what the destination of an ``href`` is (WHATWG URL, section 4.4: strip, then remove tabs and line
ends), since relay and pixel server must agree on it to the byte. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

import idna

from ledger.message_id import MessageId
from ledger.tokens import TOKEN_LENGTH, KeyRing, Purpose, Target, mint, mint_links, verify

# Letters of a destination that may stand for themselves in a query (RFC 3986 section 3.4), chosen so that a
# recipient can read where the link leads and no program takes them for an end of the URL.
_READABLE = "/:"
_QUOTED = {number: quote(chr(number), safe=_READABLE) for number in range(0x80)}
_NEEDS_NO_MORE = b"%" + b"".join(letter.encode("ascii") for letter in _QUOTED.values() if len(letter) == 1)
_PLAIN_URL = re.compile(r"[A-Za-z0-9_.~/:-]+", re.ASCII)
# Behind it in the request line stand the path of public_url, the token, and what others add; many servers and proxies
# take 8 kB in all (nginx: large_client_header_buffers).
_LONGEST_QUOTED = 7900
_STRIPPED = "".join(map(chr, range(0x21)))
_HTTP_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#\\]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
# What nearly all links are, and what stays as it is.
_USUAL_URL = re.compile(r"[hH][tT][tT][pP][sS]?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][!-~]*)?")
_OWN_PATH = re.compile(
    rf"/(?:(?P<pixel>o)/(?P<pixel_token>[\w-]{{{TOKEN_LENGTH}}})\.gif"
    rf"|(?P<other>[cp])/(?P<other_token>[\w-]{{{TOKEN_LENGTH}}}))(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.ASCII | re.DOTALL,
)

_BEYOND_ASCII = re.compile(r"%[89A-Fa-f][0-9A-Fa-f]|[^\x00-\x7f]")
# Programs may escape letters that need it not, and must be understood all the same (RFC 3986 section 6.2.2.2).
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[\w.~-]", re.ASCII)


class OwnUrl(NamedTuple):
    """One of our URLs taken apart. ``destination`` is None when the URL carries no ``u``; nothing is verified."""

    purpose: Purpose
    token: str
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class UrlGrammar:
    """Writes and reads the URLs under one ``public_url``, which has no slash at its end."""

    public_url: str

    def pixel(self, token: str) -> str:
        return f"{self.public_url}/o/{token}.gif"

    def link(self, token: str, destination: str) -> str:
        return f"{self.public_url}/c/{token}?u={_quoted(destination)}"

    def page(self, token: str) -> str:
        return f"{self.public_url}/p/{token}"

    def parse(self, url: str) -> OwnUrl | None:
        """The parts of a URL that has our shape under this ``public_url``; None for all others."""
        rest = _after_prefix(url, self.public_url)
        return None if rest is None else parse_path(rest)

    def is_own(self, url: str) -> bool:
        """Whether the URL is under ``public_url`` at all, of our shape or not."""
        rest = _after_prefix(url, self.public_url)
        return rest is not None and (rest == "" or rest[0] in "/?#")


def _quoted(destination: str) -> str:
    if not destination.isascii():
        return quote(destination, safe=_READABLE, errors="surrogatepass")
    quoted = destination.replace("%", "%25")
    # Nearly always they are "?", "&" and "=" alone, and this takes a fourth of the time of a table for all letters.
    for octet in set(quoted.encode("ascii").translate(None, _NEEDS_NO_MORE)):
        quoted = quoted.replace(chr(octet), _QUOTED[octet])
    return quoted


def _all_quoted(destinations: Sequence[str]) -> list[str]:
    """``_quoted`` of each, in one go: none has a line end, so those between them can be told by what they become."""
    lines = "\n".join(destinations)
    quoted = _quoted(lines).split(_QUOTED[ord("\n")])
    if lines.isascii() and len(quoted) == len(destinations):
        return quoted
    return [_quoted(destination) for destination in destinations]


def is_too_long(destination: str) -> bool:
    """Whether a link with that destination would be longer than servers and proxies on the way take."""
    return len(destination) > _LONGEST_QUOTED // 3 and len(_quoted(destination)) > _LONGEST_QUOTED


def parse_path(path_and_query: str) -> OwnUrl | None:
    """What a request's path and raw query name, beginning at the slash after ``public_url``."""
    match = _OWN_PATH.fullmatch(path_and_query)
    if match is None and "%" in path_and_query:
        path, mark, query = path_and_query.partition("?")
        match = _OWN_PATH.fullmatch(_ESCAPED.sub(_unreserved, path) + mark + query)
    if match is None:
        return None
    if match["pixel"]:
        return OwnUrl(Purpose.PIXEL, match["pixel_token"])
    purpose = Purpose(match["other"])
    return OwnUrl(purpose, match["other_token"], _destination_in(match["query"] or ""))


def _unreserved(escaped: re.Match[str]) -> str:
    letter = chr(int(escaped[1], 16))
    return letter if _UNRESERVED.fullmatch(letter) else escaped[0]


def _destination_in(query: str) -> str | None:
    # Read by hand: form decoding would turn "+" into a space. Others may have added parameters of their own
    # (campaign tags, click ids) behind ours.
    for pair in query.split("&"):
        if pair.startswith("u="):
            try:
                return unquote_to_bytes(pair[2:]).decode("utf-8") or None
            except UnicodeError:  # octets that are no UTF-8, or a lone surrogate that stands for one
                return "\ufffd"  # present, and never what was signed
    return None


def without_words_behind(path_and_query: str) -> str:
    """Up to the first letter outside ASCII, escaped or not: no URL of ours holds one. Where words follow a URL without
    a space, as in Japanese, mail programs take them for a part of it."""
    return _BEYOND_ASCII.split(path_and_query, maxsplit=1)[0]


def _after_prefix(url: str, prefix: str) -> str | None:
    # Scheme and host compare without case (RFC 3986 section 6.2.2.1); ours are made of nothing else before "/".
    return url[len(prefix) :] if url[: len(prefix)].lower() == prefix.lower() else None


def destination_of(href: str) -> str | None:
    """The exact Location for an ``href`` whose entities are decoded; None when it is no usable http(s) URL.

    White space and control characters round it and tabs and line ends inside go, as in browsers; what is outside
    ASCII becomes percent-encoded UTF-8, in the host IDNA (UTS 46). Nothing else changes.
    """
    if _USUAL_URL.fullmatch(href):
        return href
    text = href.strip(_STRIPPED)
    text = re.sub(r"[\t\r\n]", "", text)
    match = _HTTP_URL.fullmatch(text)
    if match is None or re.search(r"[\x00-\x1f\x7f\ufffd]", text):
        return None
    userinfo, at, host_and_port = match["authority"].rpartition("@")
    host = _ascii_host(host_and_port)
    if host is None:
        return None
    try:
        return match["scheme"] + "://" + _ascii(userinfo) + at + host + _ascii(match["rest"])
    except UnicodeEncodeError:  # lone surrogates: no bytes stand for them
        return None


def _ascii_host(host_and_port: str) -> str | None:
    host, colon, port = host_and_port.rpartition(":") if ":" in host_and_port else (host_and_port, "", "")
    if host_and_port.startswith("["):  # an IPv6 literal keeps its colons
        return host_and_port if re.fullmatch(r"\[[0-9A-Fa-f:.]+\](:\d*)?", host_and_port, re.ASCII) else None
    if not host or (port and not (port.isascii() and port.isdigit())) or re.search(r"[\s<>\"`{}|^%\[\]]", host):
        return None
    if host.isascii():
        return host + colon + port
    try:
        return idna.encode(host, uts46=True, std3_rules=False, transitional=False).decode("ascii") + colon + port
    except (idna.IDNAError, UnicodeError):
        return None


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(letter if letter < "\x80" else quote(letter, errors="strict") for letter in text)


@dataclass(frozen=True, slots=True)
class TrackingUrls:
    """The URLs of one message: what rewriting inserts, and how it recognises what an earlier one inserted."""

    grammar: UrlGrammar
    ring: KeyRing
    message: MessageId

    def pixel(self, copy: int = 0) -> str:
        return self.grammar.pixel(mint(self.ring, Purpose.PIXEL, Target(self.message, copy)))

    def link(self, number: int, destination: str, copy: int = 0) -> str:
        token = mint(self.ring, Purpose.LINK, Target(self.message, copy, number), destination)
        return self.grammar.link(token, destination)

    @property
    def is_plain(self) -> bool:
        """Whether our URLs are made of letters alone that mean themselves in HTML, in quotes and without."""
        return _PLAIN_URL.fullmatch(self.grammar.public_url) is not None

    def links(self, links: Sequence[tuple[int, str]], copy: int = 0) -> list[str]:
        """``link`` for the many of one copy, each given by number and destination."""
        before = f"{self.grammar.public_url}/c/"
        tokens = mint_links(self.ring, self.message, copy, links)
        quoted = _all_quoted([destination for _, destination in links])
        return [f"{before}{token}?u={destination}" for token, destination in zip(tokens, quoted, strict=True)]

    def page(self, copy: int = 0) -> str:
        return self.grammar.page(mint(self.ring, Purpose.PAGE, Target(self.message, copy)))

    def is_own(self, url: str) -> bool:
        return self.grammar.is_own(url)

    def original_of(self, url: str) -> str | None:
        """Where one of our tracked links leads, if it carries its destination and the signature holds."""
        own = self.grammar.parse(url)
        if own is None or own.purpose is not Purpose.LINK or own.destination is None:
            return None
        return own.destination if verify(self.ring, Purpose.LINK, own.token, own.destination) else None

    def is_own_pixel(self, url: str) -> bool:
        own = self.grammar.parse(url)
        return own is not None and own.purpose is Purpose.PIXEL

    def shows_own_pixel(self, url: str) -> bool:
        """Whether the image is our pixel, or Google's copy of it, which names it behind a ``#``: Gmail leaves that in
        what it quotes, and asks us again when it is shown."""
        url = url.strip()
        return self.is_own_pixel(url) or self.is_own_pixel(url.rpartition("#")[2])
