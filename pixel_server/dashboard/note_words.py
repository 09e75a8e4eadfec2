"""What was odd about a message, in the reader's language. Pure.

Notes stand in the record as the relay wrote them, in English (``relay/rewriting``). The pages never import the relay,
so the sentences are known here by their shape; one that is not known is shown as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ledger.people import ERASED
from pixel_server.dashboard.marking import N_

_SHAPES: tuple[tuple[str, str], ...] = (
    (r'(?P<header>[\w.-]+(?: [\w.-]+)*): unknown value (?P<value>".*")', N_("%(header)s: unknown value %(value)s")),
    (r"(?P<header>[\w.-]+): unknown header", N_("%(header)s: unknown header")),
    (r"too many control headers: none is read", N_("too many control headers: none is read")),
    (r"tracking is switched off in this installation", N_("tracking is switched off in this installation")),
    (r"Subject: the tag could not be taken out", N_("Subject: the tag could not be taken out")),
    (r"more than (?P<n>\d+) tags: the rest is left out", N_("more than %(n)s tags: the rest is left out")),
    (
        r"more than (?P<n>\d+) metadata values: the rest is left out",
        N_("more than %(n)s metadata values: the rest is left out"),
    ),
    (r"a tag is cut to (?P<n>\d+) letters", N_("a tag is cut to %(n)s letters")),
    (r"a metadata value is cut to (?P<n>\d+) letters", N_("a metadata value is cut to %(n)s letters")),
    (
        r"X-Track-Until: both a duration and a date, the duration counts",
        N_("X-Track-Until: both a duration and a date, the duration counts"),
    ),
    (r"X-Track-Individually: one copy for all", N_("X-Track-Individually: one copy for all")),
    (
        r"(?P<n>\d+) of (?P<all>\d+) recipients not tracked, (?P<reason>[\w-]+)",
        N_("%(n)s of %(all)s recipients not tracked, %(reason)s"),
    ),
    (
        r"(?P<n>\d+) of (?P<all>\d+) recipients tracked in part, (?P<reason>[\w-]+)",
        N_("%(n)s of %(all)s recipients tracked in part, %(reason)s"),
    ),
    (r"opens not tracked, (?P<reason>[\w-]+)", N_("opens not tracked, %(reason)s")),
    (r"links not tracked, (?P<reason>[\w-]+)", N_("links not tracked, %(reason)s")),
    (
        r"numbers only from (?P<minimum>\d+) recipients on, this has (?P<n>\d+)",
        N_("numbers only from %(minimum)s recipients on, this has %(n)s"),
    ),
    (r"pixel: its line could not stay under 998 octets", N_("pixel: its line could not stay under 998 octets")),
    (r"DKIM: signed again", N_("DKIM: signed again")),
    (r"DKIM: no new signature could be made", N_("DKIM: no new signature could be made")),
)
_KNOWN = tuple((re.compile(shape, re.DOTALL), sentence) for shape, sentence in _SHAPES)
_ERASED_WORD = N_("[erased]")


def note_in(say: Callable[[str], str], note: str) -> str:
    for shape, sentence in _KNOWN:
        match = shape.fullmatch(note)
        if match is not None:
            return say(sentence) % match.groupdict() if match.groupdict() else say(sentence)
    return note


def address_in(say: Callable[[str], str], address: str) -> str:
    """An address as it is, or the word for one that was erased."""
    return say(_ERASED_WORD) if address == ERASED else address
