"""Whether a link ends a subscription: those must work for ever, at once, and with nobody looking on.

Four signs, any one of which is enough: the message's List-Unsubscribe names the link, its URL has a place or a
parameter that is about unsubscribing and nothing else, its visible text says so, or that text says nothing ("here") and
its sentence does ("To unsubscribe, click here"). A page that merely writes about the subject
(``/blog/why-people-unsubscribe``) is an ordinary link. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from ledger.urls import destination_of
from relay.rewriting.ascii_words import ascii_words, in_ascii
from relay.rewriting.unsubscribe_words import (
    FILLERS,
    GENERIC_TEXTS,
    GENERIC_WORDS,
    MAIL,
    OTHER_SCRIPT_ABOUT,
    OTHER_SCRIPT_SIGNS,
    OTHER_SCRIPT_SIGNS_OF_MAIL,
    TEXT_ABOUT,
    TEXT_HINTS,
    TEXT_SIGNS,
    TEXT_SIGNS_OF_MAIL,
    URL_COMPANIONS,
    URL_HINTS,
    URL_RETURNS,
    URL_SUBJECTS,
    URL_WORDS,
)

MARK = "data-msys-unsubscribe"  # SparkPost's
# A paragraph that happens to name the word is no button.
_LONGEST_TEXT = 160
LONGEST_GENERIC = 40
# A segment longer than any that says "unsubscribe" in words is a token.
_LONGEST_SEGMENT = 80

_LETTERS = re.compile(r"[a-z]+")
_ENDING = re.compile(r"\.[A-Za-z]{1,6}\Z")  # .jhtml, .cfm, .ashx: how a page is made says nothing
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile("[/?&;=#]")
_NO_LETTER = re.compile(r"[^a-z]+")
_TEXT_WORDS = re.compile(r"[^\W\d_]+")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1dff\u1f00-\u1fff\u2e80-\uffdc]")
_TEXT = re.compile("|".join(TEXT_SIGNS))
_OTHER_TEXT = re.compile("|".join(OTHER_SCRIPT_SIGNS))
_OF_MAIL = re.compile("|".join(TEXT_SIGNS_OF_MAIL + OTHER_SCRIPT_SIGNS_OF_MAIL))
_MAIL = re.compile("|".join(MAIL))
_RETURNS = re.compile(URL_RETURNS, re.IGNORECASE)
GENERIC_ASCII = in_ascii(GENERIC_WORDS)
_NO_SUBJECT = GENERIC_WORDS | FILLERS
_PLAIN = str.maketrans("éèêëáàâãíìîóòôõúùûçñ", "eeeeaaaaiiioooouuucn")


def is_unsubscribe(destination: str, text: str, attributes: Mapping[str, str], named: frozenset[str]) -> bool:
    """``destination`` and ``named`` (from ``list_unsubscribe``) as Location would give them; ``text`` as seen."""
    return (
        destination in named
        or url_says_so(destination)
        or text_says_so(text)
        or attributes.get(MARK, "").strip() == "1"
    )


def text_says_so(text: str) -> bool:
    """Whether the visible text of a link is that of an unsubscribe button."""
    if not text or len(text) > _LONGEST_TEXT:
        return False
    folded = text.casefold().replace("_", " ")
    words = _TEXT_WORDS.findall(folded)
    if (
        not TEXT_HINTS.isdisjoint(words)
        and TEXT_ABOUT.isdisjoint(words)
        and (_TEXT.search(folded) or _ends_mail(folded))
    ):
        return True
    if folded.isascii() or _OTHER_SCRIPT.search(folded) is None:
        return False
    if any(word in folded for word in OTHER_SCRIPT_ABOUT):
        return False
    return _OTHER_TEXT.search(folded) is not None or _ends_mail(folded)


def _ends_mail(folded: str) -> bool:
    """Whether a sign that is said of bills and calls too stands beside a word for mail, or alone with "click here"."""
    found = _OF_MAIL.search(folded)
    if found is None:
        return False
    around = folded[: found.start()] + folded[found.end() :]
    return _NO_SUBJECT.issuperset(_TEXT_WORDS.findall(around)) or _MAIL.search(around) is not None


def says_nothing_itself(text: str) -> bool:
    """Whether a link's text is one of those that mean nothing without their sentence: "here", "click this link", an
    arrow, a picture without words."""
    if len(text) > LONGEST_GENERIC:
        return False
    if text.isascii():
        return GENERIC_ASCII.issuperset(ascii_words(text))
    words = _TEXT_WORDS.findall(text.casefold())
    return GENERIC_WORDS.issuperset(words) or "".join(words) in GENERIC_TEXTS


def sentence_says_so(before: str, behind: str) -> bool:
    """Whether the words before or behind such a link say that it ends a subscription."""
    return text_says_so(before) or text_says_so(behind)


def url_says_so(destination: str) -> bool:
    """Whether a host label, path segment or parameter of the URL is about unsubscribing and nothing else."""
    readable = unquote(destination) if "%" in destination else destination
    lower = readable.lower()
    if URL_HINTS.isdisjoint(_LETTERS.findall(lower)) and (
        lower == readable or URL_HINTS.isdisjoint(_LETTERS.findall(_CAMEL.sub("-", readable).lower()))
    ):
        return False
    host, _, rest = destination.partition("://")[2].partition("/")
    # The site itself may be called anything; only what is before it speaks. "shop-optout" is the shop's.
    labels = host.split(":")[0].lower().split(".")[:-2]
    if any(label.rpartition("-")[2] in URL_WORDS for label in labels):
        return True
    rest = _RETURNS.sub("", rest)  # a link to a login leads there, whatever comes after
    segments = _SEPARATORS.split(rest)
    if "%2f" in rest.lower():
        segments += _SEPARATORS.split(unquote(rest))  # of a link that somebody else's server counts
    places = [*labels, "", *segments]
    return any(
        len(segment) <= _LONGEST_SEGMENT
        and before.lower() not in URL_SUBJECTS
        and _is_about_unsubscribing(_ENDING.sub("", unquote(segment)))
        for before, segment in zip(["", *places], places, strict=False)
    )


def _is_about_unsubscribing(segment: str) -> bool:
    plain = _CAMEL.sub("-", segment).lower().translate(_PLAIN)
    words = [word for word in _NO_LETTER.split(plain) if word]
    found, position = False, 0
    while position < len(words):
        # "opt-out" and "se-desabonner" are one word in several pieces; four pieces are the most there are.
        length = next((n for n in (4, 3, 2, 1) if "".join(words[position : position + n]) in URL_WORDS), 0)
        if not length and words[position] not in URL_COMPANIONS:
            return False
        found = found or length > 0
        position += length or 1
    return found


def list_unsubscribe(value: str) -> frozenset[str]:
    """The web addresses in a List-Unsubscribe header (RFC 2369 section 3.2), as destinations. ``value`` is unfolded;
    white space inside the angle brackets is taken out, as that RFC asks."""
    found = set()
    for written in re.findall(r"<([^<>]*)>", value):
        destination = destination_of(re.sub(r"\s", "", written))
        if destination is not None:
            found.add(destination)
    return frozenset(found)
