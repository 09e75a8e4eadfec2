"""Whether the author of a link asked that it be left alone: our attribute and those of the hosted services.

Knows attribute names and values only. Attributes whose mere presence is the wish (HTML boolean attributes) count
with any value; those that carry a value count when the value says so. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

NO_WORDS = frozenset(("no", "false", "off", "0", "n", "none"))

# Presence is enough: Postmark, Amazon SES, AhaSend.
_PRESENT = ("data-pm-no-track", "ses:no-track", "data-as-no-track")
# Off-switches: a word for "no" opts out. Ours, SendGrid, SparkPost.
_SWITCHED_OFF = ("data-track", "clicktracking", "data-msys-clicktrack")
# "Disable": opts out unless a word for "no" takes that back. Mailgun, Mautic, Mandrill.
_DISABLED = ("disable-tracking", "mautic:disable-tracking", "mc:disable-tracking")
KNOWN = frozenset((*_PRESENT, *_SWITCHED_OFF, *_DISABLED))

_NO_TRACK_SCHEMES = ("http+notrack://", "https+notrack://")  # Postal


def is_opted_out(href: str, attributes: Mapping[str, str]) -> bool:
    """``attributes`` of the link with lower-case names; ``href`` as written, entities decoded."""
    if not KNOWN.isdisjoint(attributes) and (
        any(name in attributes for name in _PRESENT)
        or any(_word(attributes, name) in NO_WORDS for name in _SWITCHED_OFF)
        or any(name in attributes and _word(attributes, name) not in NO_WORDS for name in _DISABLED)
    ):
        return True
    return has_no_track_scheme(href)


def has_no_track_scheme(href: str) -> bool:
    """Whether the link says ``https+notrack://`` (or http), which goes on without the ``+notrack``."""
    return "+" in href and href.lstrip().lower().startswith(_NO_TRACK_SCHEMES)


def _word(attributes: Mapping[str, str], name: str) -> str:
    return attributes.get(name, "").strip().lower()
