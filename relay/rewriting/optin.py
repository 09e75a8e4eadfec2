"""What the sender of a message asks for: from its header block to ``Wanted``. Every "no" is decided here.

In order of weight: the specific ``X-Track-…`` headers, ``X-Track``, the headers of an accepted dialect, the subject
tag, the listener's default. An aspect that none of them names is off. ``X-Track`` headers are cut out of every
message, headers of a dialect only where it is accepted. Knows no body, no recipient and no clock; never raises,
whatever the bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from relay.rewriting.asked import Asked
from relay.rewriting.control_fields import ControlField, find_fields
from relay.rewriting.dialects import DIALECTS, Dialect
from relay.rewriting.header_values import text_of
from relay.rewriting.json_headers import JSON_HEADERS, folded_text_of
from relay.rewriting.plan import Edit, SpanKind, Wanted
from relay.rewriting.subject_tag import cut_tag, is_tagged
from relay.rewriting.track_headers import META, TrackWish, kept_meta, kept_tags, listed_aspects, read_track_headers

# A value longer than this is nobody's wish; JSON with substitutions for many recipients is what gets long.
_LONGEST_VALUE = 65_536
# More control headers than this in one message are an attack or an accident: none of them is read, all are cut.
_MOST_FIELDS = 500
_MOST_NOTES = 20

_TRACK = b"x-track"


@dataclass(frozen=True, slots=True)
class OptInPolicy:
    """A listener's settings: what a message without headers gets (``"none"``, ``"opens, links"``, ``"all"``), whose
    headers are accepted besides, and the subject tag (empty: none)."""

    default: str = "none"
    dialects: tuple[str, ...] = ()
    subject_tag: str = ""


def decide(header_block: bytes, policy: OptInPolicy) -> Wanted:
    """What is asked for. ``header_block`` is raw, up to and with the blank line; what follows is not looked at."""
    dialects = _accepted(policy.dialects)
    fields = _control_fields(header_block, dialects)
    edits = [Edit(field.start, field.end, b"", SpanKind.HEADER) for field in fields]
    notes: list[str] = []
    if len(fields) > _MOST_FIELDS:
        return Wanted(asked=True, notes=("too many control headers: none is read",), header_edits=tuple(edits))
    values = _values_of(header_block, fields)
    tagged = _find_tag(header_block, policy.subject_tag, edits, notes)
    if not fields and not tagged:
        return _default(policy.default)
    wish = read_track_headers({name: texts for name, texts in values.items() if name.startswith("x-track")})
    foreign = _asked_in(dialects, values)
    fallback = Asked(True, True, False) if tagged else _asked_by(policy.default)
    aspects = _weigh(wish, foreign, fallback)
    notes += [*wish.notes, *foreign.notes]
    tags = kept_tags([*wish.tags, *foreign.tags], notes)
    meta = kept_meta({**foreign.meta, **wish.meta}, notes)
    return Wanted(
        **aspects,
        individually=wish.individually,
        notice=wish.notice,
        # A request that could not be understood is one too: its sender is to hear why nothing came of it.
        asked=any(aspects.values()) or bool(notes),
        tags=tags,
        meta=meta,
        until=wish.until,
        notify=wish.notify,
        fallback_receipt=wish.fallback_receipt,
        pixel_at_top=foreign.pixel_at_top,
        notes=tuple(dict.fromkeys(notes))[:_MOST_NOTES],
        header_edits=tuple(sorted(edits, key=lambda edit: edit.start)),
    )


def under_ceiling(wanted: Wanted, identity: str) -> Wanted:
    """The wish under ``[tracking] identity``, which no header can raise: ``aggregate`` knows no single recipient,
    ``off`` tracks nothing. The control headers are cut all the same."""
    if identity == "individual":
        return wanted
    if identity == "aggregate":
        return replace(wanted, individually=False)
    off = "tracking is switched off in this installation"
    return replace(
        wanted,
        opens=False,
        html_links=False,
        text_links=False,
        individually=False,
        fallback_receipt=False,
        notes=(*wanted.notes, off) if wanted.asked else wanted.notes,
    )


@lru_cache(maxsize=16)
def _accepted(names: tuple[str, ...]) -> tuple[Dialect, ...]:
    return tuple(DIALECTS[name] for name in names if name in DIALECTS)


def _control_fields(block: bytes, dialects: Iterable[Dialect]) -> list[ControlField]:
    prefixes = {_TRACK}
    for dialect in dialects:
        prefixes.update(name.encode("ascii") for name in (*dialect.names, *dialect.prefixes))
    return [
        field
        for field in find_fields(block, prefixes)
        if is_track_header(field.name) or any(dialect.speaks(field.name) for dialect in dialects)
    ]


def is_track_header(name: str) -> bool:
    """Whether a header of that name (in lower case) is for us and for nobody else."""
    return name == "x-track" or name.startswith("x-track-")


def is_control(name: str, dialects: tuple[str, ...]) -> bool:
    """The same, with the headers of the accepted dialects."""
    return is_track_header(name) or any(dialect.speaks(name) for dialect in _accepted(dialects))


def _values_of(block: bytes, fields: Iterable[ControlField]) -> Mapping[str, list[str]]:
    values: defaultdict[str, list[str]] = defaultdict(list)
    for field in fields:
        raw = block[field.value_start : field.value_end]
        if len(raw) > _LONGEST_VALUE:  # text may be cut; of anything else it stands for a value that is not known
            raw = raw[:_LONGEST_VALUE] if field.name.startswith(META) else b"overlong"
        values[field.name].append(folded_text_of(raw) if field.name in JSON_HEADERS else text_of(raw))
    return values


def _find_tag(block: bytes, tag: str, edits: list[Edit], notes: list[str]) -> bool:
    if not tag:
        return False
    found = False
    for field in find_fields(block, (b"subject",)):
        if field.name == "subject" and is_tagged(block[field.value_start : field.value_end], tag):
            found = True
            cuts = cut_tag(block, field, tag)
            if cuts is None:
                notes.append("Subject: the tag could not be taken out")
            edits += cuts or []
    return found


def _asked_in(dialects: Iterable[Dialect], values: Mapping[str, list[str]]) -> Asked:
    result = Asked()
    for dialect in dialects:
        own = {name: texts for name, texts in values.items() if dialect.speaks(name)}
        if own:
            result = result.joined_with(dialect.read(own).silence_means_no())
    return result


def _weigh(wish: TrackWish, foreign: Asked, fallback: Asked) -> dict[str, bool]:
    weaker = next((asked for asked in (wish.short, foreign) if asked.says_something), fallback)
    return {
        name: bool(getattr(weaker if getattr(wish.asked, name) is None else wish.asked, name))
        for name in ("opens", "html_links", "text_links")
    }


@lru_cache(maxsize=16)
def _asked_by(default: str) -> Asked:
    aspects, _ = listed_aspects(default)
    return Asked("opens" in aspects, "links" in aspects, False)


@lru_cache(maxsize=16)
def _default(default: str) -> Wanted:
    asked = _asked_by(default)
    opens, in_html = bool(asked.opens), bool(asked.html_links)
    return Wanted(opens=opens, html_links=in_html, asked=opens or in_html)
