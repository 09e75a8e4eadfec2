"""What the ``X-Track`` headers say, one reader per header; ``optin`` weighs them against everything else.

Each reader takes all values of its header, decoded, and gives what they say together: of duplicates the most
restrictive, and an unknown value turns its aspect off. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

from relay.rewriting.asked import Asked, stricter
from relay.rewriting.header_values import NO_WORDS, YES_WORDS, bare, boolean_of, items_of, words_of
from relay.rewriting.notes import header_name, printable, unknown_value

Values = Mapping[str, Sequence[str]]

META = "x-track-meta-"
KNOWN = frozenset(
    str.split(
        "x-track x-track-opens x-track-links x-track-individually x-track-tag x-track-until x-track-notify"
        " x-track-notice x-track-fallback"
    )
)
_ALL = frozenset(("opens", "links"))
_TAG_LETTERS = 64  # what a page shows of a tag
_META_LETTERS = 1000
_MOST_ITEMS = 50  # of tags, and of metadata

_DURATION = re.compile(r"(\d{1,4})\s*([hd])", re.ASCII)
_UNOPENED = re.compile(r"unopened\s*=\s*(\d{1,3})\s*([hd])", re.ASCII)
_NOTIFY_ORDER = ("off", "first", "every")


@dataclass(frozen=True, slots=True)
class TrackWish:
    """``short`` is what ``X-Track`` says, ``asked`` what the specific headers say; the rest as in ``Wanted``."""

    short: Asked
    asked: Asked
    individually: bool = False
    notice: bool | None = None
    until: str = ""
    notify: str = ""
    fallback_receipt: bool = False
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_track_headers(values: Values) -> TrackWish:
    """All ``x-track…`` headers of a message; names in lower case."""
    notes: list[str] = []
    short = _short_form(values.get("x-track", ()), notes)
    opens = _flag(values, "x-track-opens", notes)
    in_html, in_text = _links(values.get("x-track-links", ()), notes)
    wish = TrackWish(
        short=short,
        asked=Asked(opens, in_html, in_text),
        individually=bool(_flag(values, "x-track-individually", notes)),
        notice=_notice(values, notes),
        until=_until(values.get("x-track-until", ()), notes),
        notify=_notify(values.get("x-track-notify", ()), notes),
        fallback_receipt=_fallback(values.get("x-track-fallback", ()), notes),
        tags=_tags(values.get("x-track-tag", ()), notes),
        meta=_meta(values, notes),
    )
    notes += [f"{header_name(name)}: unknown header" for name in sorted(values) if not _is_known(name)]
    return replace(wish, notes=tuple(notes))


def _is_known(name: str) -> bool:
    return name in KNOWN or (name.startswith(META) and len(name) > len(META))


def listed_aspects(text: str) -> tuple[frozenset[str], list[str]]:
    """The aspects that the short form names ("opens, links", "all", "yes", …), and the words that are none."""
    found: set[str] = set()
    unknown: list[str] = []
    nothing = False
    for word in words_of(text):
        if word in _ALL:
            found.add(word)
        elif word == "all" or word in YES_WORDS:
            found |= _ALL
        elif word == "none" or word in NO_WORDS:
            nothing = True  # "none, opens" contradicts itself: the more restrictive word counts
        else:
            unknown.append(word)
    return frozenset() if nothing else frozenset(found), unknown


def _short_form(texts: Sequence[str], notes: list[str]) -> Asked:
    result = Asked()
    for text in texts:
        aspects, unknown = listed_aspects(text)
        if not words_of(text):
            unknown = [""]
        notes += [unknown_value("X-Track", word) for word in unknown[:5]]
        result = result.joined_with(Asked("opens" in aspects, "links" in aspects, False))
    return result


def _flag(values: Values, name: str, notes: list[str]) -> bool | None:
    result: bool | None = None
    for text in values.get(name, ()):
        value = boolean_of(text)
        if value is None:
            notes.append(unknown_value(header_name(name), text))
        result = stricter(result, bool(value))
    return result


def _links(texts: Sequence[str], notes: list[str]) -> tuple[bool | None, bool | None]:
    in_html: bool | None = None
    in_text: bool | None = None
    for text in texts:
        words = set(words_of(text))
        value = boolean_of(text)
        if value is None and (not words or words - {"html", "text", "both"}):
            notes.append(unknown_value("X-Track-Links", text))
            words = set()
        in_html = stricter(in_html, value is True or bool(words & {"html", "both"}))
        in_text = stricter(in_text, bool(words & {"text", "both"}))
    return in_html, in_text


def _notice(values: Values, notes: list[str]) -> bool | None:
    # An unknown value adds no notice of its own and leaves the installation's setting in force.
    known = [text for text in values.get("x-track-notice", ()) if boolean_of(text) is not None]
    notes += [unknown_value("X-Track-Notice", text) for text in values.get("x-track-notice", ()) if text not in known]
    return _flag({"x-track-notice": known}, "x-track-notice", [])


def _until(texts: Sequence[str], notes: list[str]) -> str:
    found: list[str] = []
    for text in texts:
        value = canonical_until(bare(text))
        if value:
            found.append(value)
        else:
            notes.append(unknown_value("X-Track-Until", text))
    durations = [value for value in found if _DURATION.fullmatch(value)]
    dates = [value for value in found if value not in durations]
    if durations and dates:  # which is earlier depends on the time of sending, which is not known here
        notes.append("X-Track-Until: both a duration and a date, the duration counts")
    return min(durations, key=_hours, default="") or min(dates, default="")


def canonical_until(text: str) -> str:
    """``30d``, ``12h``, or a date in ISO form; empty when the text is none of these. Dates may be written as ISO 8601
    or RFC 5322 (section 3.3) have them, with or without a time."""
    duration = _DURATION.fullmatch(text.casefold())
    if duration:
        return f"{int(duration[1])}{duration[2]}"
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    try:
        if ":" not in text and not text[:4].isdigit():
            return parsedate_to_datetime(f"{text} 00:00").date().isoformat()
        moment = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def recording_ends(until: str, submitted_at: datetime) -> datetime | None:
    """When recording of a message ends; ``until`` as ``Wanted`` has it. A bare date includes its whole day, in UTC."""
    if not until:
        return None
    if _DURATION.fullmatch(until):
        return submitted_at + timedelta(hours=_hours(until))
    if len(until) == len("2026-12-24"):
        day = date.fromisoformat(until)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return start if day == date.max else start + timedelta(days=1)
    return datetime.fromisoformat(until)


def _hours(duration: str) -> int:
    return int(duration[:-1]) * {"h": 1, "d": 24}[duration[-1]]


def _notify(texts: Sequence[str], notes: list[str]) -> str:
    orders: list[str] = []
    unopened: list[str] = []
    for text in texts:
        for item in items_of(text.casefold()) or [""]:
            match = _UNOPENED.fullmatch(item)
            if match:
                unopened.append(f"unopened={int(match[1])}{match[2]}")
            elif item in _NOTIFY_ORDER:
                orders.append(item)
            else:
                notes.append(unknown_value("X-Track-Notify", item))
                orders.append("off")
    if "off" in orders:
        return "off"
    least = [min(orders, key=_NOTIFY_ORDER.index)] if orders else []
    return ", ".join([*least, *unopened[:1]])


def _fallback(texts: Sequence[str], notes: list[str]) -> bool:
    words = [bare(text).casefold() for text in texts]
    notes += [unknown_value("X-Track-Fallback", word) for word in words if word != "receipt" and word not in NO_WORDS]
    return bool(words) and all(word == "receipt" for word in words)


def _tags(texts: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    return kept_tags([item for text in texts for item in items_of(text)], notes)


def kept_tags(found: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """Each tag once, in order, cut to what a page can show; that, and too many, is noted."""
    whole = [printable(tag) for tag in found]
    if any(len(tag) > _TAG_LETTERS for tag in whole):
        notes.append(f"a tag is cut to {_TAG_LETTERS} letters")
    tags = list(dict.fromkeys(tag[:_TAG_LETTERS].strip() for tag in whole))
    if len(tags) > _MOST_ITEMS:
        notes.append(f"more than {_MOST_ITEMS} tags: the rest is left out")
    return tuple(tag for tag in tags[:_MOST_ITEMS] if tag)


def _meta(values: Values, notes: list[str]) -> dict[str, str]:
    # In lower case: many programs put the words of a header's name into capitals on their own account.
    pairs = {name[len(META) :]: texts[0].strip() for name, texts in values.items() if name.startswith(META) and texts}
    pairs.pop("", None)
    return kept_meta(pairs, notes)


def kept_meta(pairs: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """Metadata cut to a size that a record can carry; that, and too many, is noted."""
    if len(pairs) > _MOST_ITEMS:
        notes.append(f"more than {_MOST_ITEMS} metadata values: the rest is left out")
    kept = {printable(name)[:_TAG_LETTERS]: printable(text) for name, text in list(pairs.items())[:_MOST_ITEMS]}
    if any(len(text) > _META_LETTERS for text in kept.values()):
        notes.append(f"a metadata value is cut to {_META_LETTERS} letters")
    return {name: text[:_META_LETTERS] for name, text in kept.items()}
