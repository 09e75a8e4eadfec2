"""Whether a link carries a secret: whoever has it can log in, read, pay or change something as somebody else.

Such links (password reset, magic login, address confirmation, invitations with a token, pre-signed URLs, OAuth
answers, private calendars, payment pages) stay out of our ledger and of our own log. The signs are in the URL; the
visible text ("Reset your password") makes weaker signs enough. Campaign parameters and ordinary ids are no secrets.

A list of names cannot be complete. What it misses is tracked like any link and still works. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

from relay.rewriting.secret_words import (
    ALWAYS,
    AT_GATES,
    CAMPAIGN_PREFIXES,
    GATES,
    HINTS,
    NUMERIC_CODES,
    PASSWORDS,
    PAY_PATHS,
    PRESIGNED,
    RESET_ACTIONS,
    TEXT_HINTS,
    TEXT_SIGNS,
)

# A value longer than this is not looked at letter by letter; nobody writes that much into a link by hand.
_LONGEST_VALUE = 4096

_URL = re.compile(r"https?://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.IGNORECASE | re.DOTALL)
_LETTERS = re.compile(r"[a-z]+")
_CAMPAIGN = re.compile(CAMPAIGN_PREFIXES, re.IGNORECASE)
_TEXT = re.compile("|".join(TEXT_SIGNS))
_TEXT_WORDS = re.compile(r"[^\W\d_]+")
_WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_RUN = re.compile(r"[A-Za-z0-9]+")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{16,}")
_CASED = re.compile(r"[A-Z]*[a-z]+|[A-Z]+")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_JWT = re.compile(r"(?<![A-Za-z0-9_-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{5,}", re.ASCII)
_STRIPE = re.compile(r"cs_(?:live|test)_\w{10}|/(?:p/session|i/acct_|receipts?|invoice)(?:/|_|\w)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Pieces:
    host: str
    segments: list[str]  # of the path, and of a fragment that is used as one
    parameters: list[tuple[str, str]]  # name in lower case, value; none of campaigns, none empty


def is_secret(destination: str, text: str = "") -> bool:
    """``destination`` is an http(s) URL as Location would give it; ``text`` is the link's visible text."""
    readable = unquote(destination) if "%" in destination else destination
    if HINTS.isdisjoint(_LETTERS.findall(readable.lower())) and "@" not in destination and "eyJ" not in destination:
        return _text_says_so(text) and _has_token(_take_apart(destination))
    authority = destination.partition("://")[2].split("/", 1)[0]
    if "@" in authority.split("?")[0].split("#")[0] or _JWT.search(destination):
        return True
    pieces = _take_apart(destination)
    return (
        _has_secret_parameter(pieces.parameters)
        or _is_behind_gate(pieces)
        or _is_private_feed(pieces.segments)
        or _is_payment(pieces, destination)
        or (_text_says_so(text) and _has_token(pieces))
    )


def _take_apart(destination: str) -> _Pieces:
    match = _URL.fullmatch(destination)
    if match is None:
        return _Pieces("", [], [])
    authority, path, query, fragment = match.groups("")
    segments = path.split("/")[1:]
    if "=" not in fragment.partition("?")[0]:  # "#/reset/KEY?x=1" is a path, "#access_token=…" a query
        hash_path, _, fragment = fragment.partition("?")
        segments += hash_path.split("/") if hash_path else []
    parameters = [*_parameters(query), *_parameters(fragment)]
    return _Pieces(authority.lower(), [unquote(segment) for segment in segments], parameters)


def _parameters(query: str) -> Iterable[tuple[str, str]]:
    for pair in re.split("[&;]", query.replace("&amp;", "&")):
        name, _, value = pair.partition("=")
        name = unquote(name).lower()
        if value and not _CAMPAIGN.match(name):
            yield name, unquote(value)


def _has_secret_parameter(parameters: list[tuple[str, str]]) -> bool:
    names = {name for name, _ in parameters}
    if names & (PRESIGNED | PASSWORDS) or {"code", "state"} <= names:
        return True
    if "sig" in names and names & {"se", "sp", "sv", "sr"}:  # Azure's shared access signature
        return True
    if len(names) > 1 and any(n in ("mode", "action") and v.lower() in RESET_ACTIONS for n, v in parameters):
        return True
    return any(name in ALWAYS and (looks_random(value, 10) or _is_one_long_word(value)) for name, value in parameters)


def _is_one_long_word(value: str) -> bool:
    # Under a name that says it is a secret; no word that somebody chose is so long and has a digit in it.
    return len(value) >= 20 and value.isalnum() and any(letter.isdigit() for letter in value)


def _is_behind_gate(pieces: _Pieces) -> bool:
    gate = next((at for at, segment in enumerate(pieces.segments) if _joined(segment) in GATES), None)
    if gate is None:
        return False
    if any(looks_random(segment, 12) for segment in pieces.segments[gate + 1 :]):
        return True
    return any(_opens_gate(name, value) for name, value in pieces.parameters)


def _opens_gate(name: str, value: str) -> bool:
    if name in NUMERIC_CODES and value.isascii() and value.isdigit() and 4 <= len(value) <= 8:
        return True
    if name in ALWAYS and ("token" in name or (len(value) >= 6 and any(letter.isdigit() for letter in value))):
        return True
    return looks_random(value, 8 if name in AT_GATES else 16)


def _is_private_feed(segments: list[str]) -> bool:
    if any(segment.startswith("private-") and looks_random(segment[8:], 8) for segment in segments):
        return True  # Google Calendar's secret address
    last = segments[-1].lower() if segments else ""
    return last.endswith((".ics", ".ical")) and any(looks_random(segment, 16) for segment in segments)


def _is_payment(pieces: _Pieces, destination: str) -> bool:
    host = pieces.host
    if host.endswith("stripe.com") and host != "buy.stripe.com" and _STRIPE.search(destination):
        return True
    if host.endswith("docusign.net") and any(
        name == "a" and looks_random(value, 16) for name, value in pieces.parameters
    ):
        return True
    if host.endswith("paypal.com") and any(name == "token" for name, _ in pieces.parameters):
        return True
    at = next((n for n, segment in enumerate(pieces.segments) if _joined(segment) in PAY_PATHS), None)
    if at is None:
        return False
    return any(looks_random(segment, 20) or segment.startswith("INV2-") for segment in pieces.segments[at + 1 :])


def _text_says_so(text: str) -> bool:
    if not text or len(text) > 120:  # longer than any button
        return False
    folded = text.casefold()
    if TEXT_HINTS.isdisjoint(_TEXT_WORDS.findall(folded)) and (
        folded.isascii() or _WITHOUT_SPACES.search(folded) is None
    ):
        return False
    return _TEXT.search(folded) is not None


def _has_token(pieces: _Pieces) -> bool:
    values = [*pieces.segments, *(value for _, value in pieces.parameters)]
    return any("token" in name for name, _ in pieces.parameters) or any(looks_random(value, 8) for value in values)


def _joined(segment: str) -> str:
    name = segment.rsplit(".", 1)[0] if "." in segment else segment
    return re.sub(r"[-_+ ]", "", name).lower()


def looks_random(value: str, shortest: int) -> bool:
    """Whether a value looks drawn by lot and not written by a person: a run of letters and digits mixed, or of
    letters whose case keeps changing, at least ``shortest`` long. Words, dates and plain numbers do not."""
    if not shortest <= len(value) <= _LONGEST_VALUE:
        return len(value) > _LONGEST_VALUE
    if _UUID.search(value):
        return True
    return sum(len(run) for run in _RUN.findall(value) if _is_mixed(run)) >= shortest


def _is_mixed(run: str) -> bool:
    if any(letter.isdigit() for letter in run):
        # "summer2026sale" changes between letters and digits twice, "9f86d081884c" far more often.
        kinds = ["0" if letter.isdigit() else "A" if letter.isupper() else "a" for letter in run]
        changes = sum(a != b for a, b in pairwise(kinds))
        return changes >= 3 or (_HEXADECIMAL.fullmatch(run) is not None and not run.isdigit())
    # "ShopNowAndSave" is made of words, "xKqPzTbWm" of pieces too short for any.
    pieces = _CASED.findall(run)
    return len(pieces) >= 4 and len(run) < 3 * len(pieces)
