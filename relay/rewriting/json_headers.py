"""Headers whose value is a JSON object (SendGrid's X-SMTPAPI, SparkPost's X-MSYS-API and others), read with care.

Folding a header may break a JSON string: the white space of the fold then stands inside it. So the value is read as
unfolded by RFC 5322 first, and once more with the white space of the folds gone. Anything else is no object, and said
to be so. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from relay.rewriting.header_values import decode_encoded_words, one_text
from relay.rewriting.notes import unknown_value

JSON_HEADERS = frozenset(("x-smtpapi", "x-msys-api", "x-mc-metadata", "x-mailgun-variables"))
_FOLD = re.compile(r"[\r\n]+[ \t]*")


def folded_text_of(raw: bytes) -> str:
    """The text of a raw field body with its folds in place, as ``read_objects`` wants it."""
    return one_text(raw.strip())


def read_objects(name: str, values: Mapping[str, Sequence[str]]) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """The JSON objects in the header that its service spells so, and a note for each value that is none."""
    objects: list[dict[str, object]] = []
    notes: list[str] = []
    for text in values.get(name.lower(), ()):
        found = _read_object(text)
        if found is None:
            notes.append(unknown_value(name, text))
        else:
            objects.append(found)
    return objects, tuple(notes)


def _read_object(text: str) -> dict[str, object] | None:
    for candidate in (re.sub(r"[\r\n]", "", text), _FOLD.sub("", text)):
        try:
            found = json.loads(decode_encoded_words(candidate), strict=False)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None


def at_path(found: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """The object at that path; an empty one when there is none."""
    inner: object = found
    for name in path:
        inner = _at(inner, name) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else {}


def _at(found: Mapping[str, object], name: str) -> object:
    # A fold inside a name leaves white space in it; none of the names asked for has any.
    return next((found[key] for key in found if key == name or re.sub(r"\s", "", key) == name), None)


def flag_at(found: Mapping[str, object], name: str, header: str) -> tuple[bool | None, tuple[str, ...]]:
    """A switch: a JSON boolean, 0 or 1, or one of these as text; None and a note for any other value."""
    value = _at(found, name)
    if value is None:
        return None, ()
    word = str(value).casefold()
    if word in ("true", "1", "1.0"):
        return True, ()
    return False, () if word in ("false", "0", "0.0") else (unknown_value(f"{header} {name}", str(value)),)


def strings_at(found: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The text, or all texts of the list, at that name."""
    value = _at(found, name)
    items = value if isinstance(value, list) else [value]
    return tuple(
        str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool) and item != ""
    )


def text_pairs(value: object) -> dict[str, str]:
    """Names and values of an object as text; what is not text is written as JSON."""
    if not isinstance(value, dict):
        return {}
    return {
        name: item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for name, item in value.items()
    }
