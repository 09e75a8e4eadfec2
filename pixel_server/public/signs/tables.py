"""The signs by which machines are told from people, and what one request shows of them.

``Signs`` holds the tables (loading.py reads them from the files beside this one); ``observe`` turns a request into
``Marks``: the few facts that the rules ask about. Marks hold no address and no user agent, so they may be stored
when those may not, and the rules can be applied to them again. Decides nothing; knows no rule. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache

from ledger.records import HitFacts
from pixel_server.public.signs.networks import NetworkTable, parse_address


class Sign(StrEnum):
    """What a user agent can show. Each has a table of its own, save the last two."""

    SCANNER = "scanner"
    GMAIL_PREFETCH = "gmail-prefetch"
    IMAGE_PROXY = "image-proxy"
    PREVIEW = "preview"
    OFFICE = "office"
    MAIL_CLIENT = "mail-client"
    PROGRAM = "program"
    BARE = "bare"  # exactly "Mozilla/5.0"
    EMPTY = "empty"


class NetworkSign(StrEnum):
    """Kinds of networks that say something about who asks."""

    FILTER = "filter"  # nothing but mail filters send from here
    APPLE_RELAY = "apple-relay"
    VENDOR = "vendor"  # a mail security vendor's, people behind its browser isolation included


# Browsers' ways of saying "nobody looks yet": fetched ahead, or rendered for a thumbnail.
_SPECULATION_HEADERS = frozenset({"sec-purpose", "purpose", "x-purpose", "x-moz"})
_SPECULATION = re.compile("prefetch|prerender|preview|instant", re.IGNORECASE)
_NOWHERE: frozenset[NetworkSign] = frozenset()
_TEXT_LIMIT = 512  # of a user agent: beyond it stands nothing that a rule asks for


@dataclass(frozen=True, slots=True)
class Marks:
    """What a request shows. ``tokens`` holds the word of the table that matched, per sign."""

    method: str
    tokens: Mapping[Sign, str] = field(default_factory=dict)
    speculative: bool = False  # a header says that nobody looks yet
    networks: frozenset[NetworkSign] = frozenset()
    asn: int | None = None
    loopback: bool = False

    def shows(self, sign: Sign) -> bool:
        return sign in self.tokens


@dataclass(frozen=True, slots=True)
class Token:
    """One sign: a word as written in its table, and what must hold beside it. The word is looked for first.

    ``regex`` must be found as well. Where ``unless`` is found in the text in small letters, the word says nothing.
    """

    word: str
    regex: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    lowered: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lowered", self.word.lower())

    def is_in(self, text: str, lowered: str) -> bool:
        return self.lowered in lowered and (self.regex is None or self.regex.search(text) is not None)


@dataclass(frozen=True, eq=False)
class Signs:
    """All tables. ``filters`` and ``apple_relay`` are sets of networks.

    ``asns`` gives an address its autonomous system where such a list was supplied; ``vendor_asns`` are those of
    mail security vendors. ``checked`` is the date on which the tables were last compared with their sources.
    """

    tokens: Mapping[Sign, tuple[Token, ...]]
    filters: NetworkTable
    apple_relay: NetworkTable
    vendor_asns: frozenset[int]
    asns: NetworkTable = field(default_factory=NetworkTable)
    checked: str = ""


def observe(facts: HitFacts, signs: Signs, asn: int | None = None) -> Marks:
    """What the request shows. ``asn`` is its autonomous system when known from elsewhere. Never raises."""
    agent, speculative = read_lines(facts.headers)
    address = parse_address(facts.ip)
    networks, found_asn = lists_with(address.version, int(address), signs, asn) if address else (_NOWHERE, asn)
    if address is None and asn in signs.vendor_asns:
        networks = frozenset({NetworkSign.VENDOR})
    loopback = address is not None and address.is_loopback
    return Marks(facts.method.upper()[:16], read_agent(signs, agent), speculative, networks, found_asn, loopback)


def read_lines(headers: Mapping[str, str]) -> tuple[str, bool]:
    """The user agent as it was sent, and whether another header says that nobody looks yet."""
    speculative, agent = False, ""
    for name, value in headers.items():
        lowered = name.lower()
        if lowered == "user-agent":
            agent = value
        elif lowered in _SPECULATION_HEADERS and _SPECULATION.search(value):
            speculative = True
    return agent, speculative


def lists_with(
    version: int, number: int, signs: Signs, asn: int | None = None
) -> tuple[frozenset[NetworkSign], int | None]:
    """In which lists an address stands, and its autonomous system. ``number`` is the address as one."""
    found = []
    if asn is None:
        asn = signs.asns.label_at(version, number)
    if signs.filters.label_at(version, number) is not None:
        found.append(NetworkSign.FILTER)
    if signs.apple_relay.label_at(version, number) is not None:
        found.append(NetworkSign.APPLE_RELAY)
    if asn in signs.vendor_asns:
        found.append(NetworkSign.VENDOR)
    return frozenset(found) if found else _NOWHERE, asn


def forget_agents() -> None:
    """User agents are not kept in memory for long."""
    _read_agent.cache_clear()


def read_agent(signs: Signs, user_agent: str) -> Mapping[Sign, str]:
    """Which signs a user agent shows, each with the word that matched."""
    return _read_agent(signs, user_agent.strip()[:_TEXT_LIMIT])


@lru_cache(maxsize=2048)
def _read_agent(signs: Signs, user_agent: str) -> Mapping[Sign, str]:
    if not user_agent:
        return {Sign.EMPTY: ""}
    if user_agent == "Mozilla/5.0":
        return {Sign.BARE: user_agent}
    lowered = user_agent.lower()
    found = {sign: _first(tokens, user_agent, lowered) for sign, tokens in signs.tokens.items()}
    return {sign: word for sign, word in found.items() if word is not None}


def _first(tokens: Iterable[Token], text: str, lowered: str) -> str | None:
    @cache  # a text with many such words is walked through once for all of them
    def names(people: re.Pattern[str]) -> bool:
        return people.search(lowered) is not None

    return next(
        (
            token.word
            for token in tokens
            if token.is_in(text, lowered) and not (token.unless is not None and names(token.unless))
        ),
        None,
    )
