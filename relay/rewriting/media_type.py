"""Reads the fields that say what a part is: Content-Type, -Transfer-Encoding and -Disposition.

Decides only what is certain (RFC 2045 section 5.1, RFC 2231, RFC 2183): a parameter that is given twice, or in
pieces where a piece could mislead, makes the value doubtful. Decodes no charset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.rewriting.possessive_groups import compiled

_COMMENT = compiled(r"\((?:[^()\\]|\\.)*+\)", re.DOTALL)
_MAIN = re.compile(r"\s*+([^\s;/\"]++)\s*+/\s*+([^\s;\"]++)\s*+(?=;|\Z)")
_WORD = re.compile(r"\s*+([^\s;]++)\s*+(?=;|\Z)")
_PARAMETER = compiled(
    r"\s*+;\s*+(?:([^\s=;\"]++)\s*+=\s*+(?:\"((?:[^\"\\]++|\\.)*+)\"|([^\s;\"]*+))\s*+)?+(?=;|\Z)", re.DOTALL
)
# Real mail puts blanks into unquoted values and words after quoted ones. That is readable where no structure
# hangs on it (name, format), so it makes the value ``loose``, not unreadable.
_LOOSE = compiled(r"\s*+;\s*+(?:([^\s=;\"]++)\s*+=\s*+)?+(?:\"((?:[^\"\\]++|\\.)*+)\")?+([^;]*+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """``kind`` in lower case (``text/html``, ``attachment``); parameters by lower-case name, pieces not joined."""

    kind: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()  # given more than once with different values
    loose: bool = False  # not written as the RFC says

    def certain(self, name: str) -> str | None:
        """The parameter if it is given plainly and once; None when absent. Raises ValueError when doubtful."""
        if name in self.repeated or any(key.startswith(name + "*") for key in self.parameters):
            raise ValueError(f"parameter {name} is given in several ways")
        return self.parameters.get(name)


def read_media_type(text: str) -> HeaderValue | None:
    """A Content-Type's value; None when it names no type and subtype."""
    return _read(text, _MAIN)


def read_word(text: str) -> HeaderValue | None:
    """A Content-Disposition's or Content-Transfer-Encoding's value; None when it is empty or not a word."""
    return _read(text, _WORD)


def _read(text: str, main: re.Pattern[str]) -> HeaderValue | None:
    if "(" in text and '"' not in text:
        text = _COMMENT.sub(" ", text)
    match = main.match(text)
    if match is None:
        return None
    parameters: dict[str, str] = {}
    repeated = set()
    loose = False
    position = match.end()
    while position < len(text):
        found = _PARAMETER.match(text, position)
        if found is None or found.end() == position:
            found = _LOOSE.match(text, position)
            loose = True
        if found is None or found.end() == position:
            break
        position = found.end()
        if found[1] is None:
            continue
        name = found[1].lower()
        value = re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL) if found[2] is not None else found[3].strip()
        if parameters.setdefault(name, value) != value:
            repeated.add(name)
    kind = "/".join(match.groups()).lower()
    return HeaderValue(kind, parameters, frozenset(repeated), loose)
