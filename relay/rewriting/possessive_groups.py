"""Compiles regular expressions with possessive groups for every Python, those before 3.11.5 included.

Python 3.11.0 to 3.11.4 (Debian 12 has 3.11.2) match ``(?:a|b)*+`` wrongly where the group itself can backtrack
(python/cpython#106052): tags, header fields and parameters are not found, or end elsewhere. The atomic group
``(?>(?:a|b)*)`` means the same and is right in all versions, but takes up to twice as long, so it is written only where
it is needed. Possessive single letters and classes, ``[^<]*+``, are right everywhere.
"""

from __future__ import annotations

import re
import sys
from typing import AnyStr

ATOMIC_INSTEAD = sys.version_info < (3, 11, 5)
_QUANTIFIER = re.compile(r"[*+?]|\{[0-9]*,?[0-9]*\}")


def compiled(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """``re.compile`` that keeps possessive groups to their meaning."""
    return re.compile(with_atomic_groups(pattern) if ATOMIC_INSTEAD else pattern, flags)


def with_atomic_groups(pattern: AnyStr) -> AnyStr:
    """The same pattern with ``(?>(…)*)`` for every ``(…)*+``, and so for the other quantifiers."""
    if isinstance(pattern, bytes):
        return _rewritten(pattern.decode("latin-1")).encode("latin-1")
    return _rewritten(pattern)


def _rewritten(text: str) -> str:
    out: list[str] = []
    open_groups: list[int] = []
    at = 0
    while at < len(text):
        end = _end_of_atom(text, at)
        out.append(text[at:end])
        if text[at] == "(":
            open_groups.append(len(out) - 1)
        elif text[at] == ")":
            start = open_groups.pop()
            quantifier = _QUANTIFIER.match(text, end)
            if quantifier and text[quantifier.end() : quantifier.end() + 1] == "+":
                out[start] = "(?>" + out[start]
                out.append(quantifier[0] + ")")
                end = quantifier.end() + 1
        at = end
    return "".join(out)


def _end_of_atom(text: str, at: int) -> int:
    """Behind an escape or a whole class, in which brackets mean nothing; else behind one letter."""
    if text[at] == "\\":
        return at + 2
    if text[at] != "[":
        return at + 1
    end = at + 1 + (text[at + 1] == "^")
    end += text[end] == "]"  # as the first letter it stands for itself
    while text[end] != "]":
        end += 2 if text[end] == "\\" else 1
    return end + 1
