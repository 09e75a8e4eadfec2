"""Which links are tracked: every rule of the contract, one reason each, in one order.

Decides from the link alone: its ``href``, its visible text, its attributes and where it stands. Finding links,
quoted regions and our own URLs is done before; what becomes of a tracked link is done after.

The first rule that applies gives the reason. First what can be no tracked link at all (``scheme``, ``relative``,
``invalid``), since every other reason speaks of web links; then whose it is (``own``, ``quoted``); then what was
asked for by hand (``opted-out``, ``excluded-domain``); then what the link is for (``unsubscribe``, ``secret``);
last how it would look (``text-is-url``), because that one depends on the installation's own name. An opt-out by
scheme (``https+notrack:``) is seen before ``scheme`` would hide it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from ledger.records import LinkReason
from relay.rewriting import secret_words, unsubscribe_words
from relay.rewriting.ascii_words import ascii_lines, ascii_words, in_ascii
from relay.rewriting.opt_out import has_no_track_scheme, is_opted_out
from relay.rewriting.plan import Quoted, TextIsUrl
from relay.rewriting.secret_links import is_secret
from relay.rewriting.sites import host_of, is_loopback, is_same_site, is_within
from relay.rewriting.unsubscribe import GENERIC_ASCII, LONGEST_GENERIC, is_unsubscribe
from relay.rewriting.visible_text import host_in_text

# What browsers strip from an href before they look at it (WHATWG URL, section 4.4).
_STRIPPED = "".join(map(chr, range(0x21)))
# What the tests for both reasons look for before they look closer, as far as it is ASCII.
_ADDRESS_HINTS = in_ascii(unsubscribe_words.URL_HINTS | secret_words.HINTS)
_WORD_HINTS = in_ascii(unsubscribe_words.TEXT_HINTS | secret_words.TEXT_HINTS)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):", re.IGNORECASE)


class LinkCandidate(NamedTuple):
    """One ``a`` or ``area``. ``href`` has its entities decoded and is otherwise as written; ``destination`` is what
    ``ledger.urls.destination_of`` makes of it. ``text`` is what a reader sees, white space folded; attribute names
    are in lower case. ``quoted``: inside the text of an earlier mail. ``own``: under our public URL. ``alternative``
    stands for a picture where there is no text: it says what the link is for, but no mail program compares it."""

    href: str
    destination: str | None
    text: str = ""
    attributes: Mapping[str, str] = MappingProxyType({})
    quoted: bool = False
    own: bool = False
    alternative: str = ""


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """The installation's settings, and what this message's List-Unsubscribe names (as destinations)."""

    text_is_url: TextIsUrl = TextIsUrl.SAME_SITE
    quoted: Quoted = Quoted.LEAVE
    skip_domains: tuple[str, ...] = ()
    list_unsubscribe: frozenset[str] = frozenset()
    public_url: str = ""


def judge(link: LinkCandidate, policy: LinkPolicy) -> LinkReason | None:
    """Why this link stays as it is, or None when it is to be tracked."""
    if has_no_track_scheme(link.href):
        return LinkReason.OPTED_OUT
    if link.destination is None:
        return _why_no_web_link(link.href)
    if link.own:
        return LinkReason.OWN
    if link.quoted and policy.quoted is Quoted.LEAVE:
        return LinkReason.QUOTED
    if is_opted_out(link.href, link.attributes):
        return LinkReason.OPTED_OUT
    if policy.skip_domains and is_excluded(link.destination, policy.skip_domains):
        return LinkReason.EXCLUDED_DOMAIN
    words = link.text or link.alternative
    if link.attributes or policy.list_unsubscribe or not says_nothing(link.destination, words):
        if is_unsubscribe(link.destination, words, link.attributes, policy.list_unsubscribe):
            return LinkReason.UNSUBSCRIBE
        if is_secret(link.destination, words):
            return LinkReason.SECRET
    if would_warn(link.text, policy):
        return LinkReason.TEXT_IS_URL
    return None


def is_usual(destination: str, text: str, words: str, policy: LinkPolicy, *, in_sentence: bool = True) -> bool:
    """Whether ``judge`` finds no reason, and the link's words say what it is for, if it stands ``in_sentence`` that
    might say it instead: for links without attributes, outside quoted text and not our own, which are nearly all.
    ``words`` is the text or what stands for it; False means no more than that it has to be looked at closely."""
    if policy.skip_domains or policy.list_unsubscribe or "." in text or "/" in text:
        return False
    found = _hintless(destination, words)
    if found is None:
        return False
    return not (in_sentence and len(words) <= LONGEST_GENERIC and GENERIC_ASCII.issuperset(found))


def says_nothing(destination: str, words: str) -> bool:
    """Whether address and text of a link hold no word at all that could make it ``unsubscribe`` or ``secret``. False
    means that it has to be looked at."""
    return _hintless(destination, words) is not None


def _hintless(destination: str, words: str) -> list[bytes] | None:
    """The words of the text when neither it nor the address holds a hint: one look in place of four, since nearly all
    links are such. None when it cannot be told so."""
    both = f"{destination}\n{words}"
    if "@" in destination or "%" in destination or "eyJ" in destination or not both.isascii():
        return None
    address, spoken = ascii_lines(both)
    if not _ADDRESS_HINTS.isdisjoint(address):
        return None
    if not (destination.islower() or _ADDRESS_HINTS.isdisjoint(ascii_words(_CAMEL.sub("-", destination)))):
        return None
    return spoken if _WORD_HINTS.isdisjoint(spoken) else None


def _why_no_web_link(href: str) -> LinkReason:
    match = _SCHEME.match(re.sub(r"[\t\r\n]", "", href.strip(_STRIPPED)))
    if match is None:
        return LinkReason.RELATIVE
    return LinkReason.INVALID if match[1].lower() in ("http", "https") else LinkReason.SCHEME


def is_excluded(destination: str, skip_domains: tuple[str, ...]) -> bool:
    """Whether the destination is on one of the domains or below it. A domain may be written in Unicode or ASCII, with
    a trailing dot, a leading dot or ``*.``, and even as a URL; ports do not matter."""
    host = host_of(destination)
    return any(is_within(host, domain) for domain in map(_domain, skip_domains) if domain)


@lru_cache(maxsize=256)
def _domain(written: str) -> str:
    bare = written.strip().removeprefix("*").lstrip(".")
    return host_of(bare if "://" in bare else f"https://{bare}")


def would_warn(text: str, policy: LinkPolicy) -> bool:
    """Whether the text is a URL and the settings say to leave such links, or a mail program would warn of it."""
    if policy.text_is_url is TextIsUrl.TRACK:
        return False
    named = host_in_text(text)
    if named is None:
        return False
    if policy.text_is_url is TextIsUrl.LEAVE:
        return True
    tracking_host = host_of(policy.public_url)
    return not is_loopback(tracking_host) and not is_same_site(named, tracking_host)
