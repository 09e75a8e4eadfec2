"""Character references in attribute values (WHATWG HTML 13.2.5.72-80), and writing a value back.

Decides what ``&amp;`` and its kin mean inside an ``href``. Unlike in text, a name without its semicolon counts in an
attribute only when neither ``=`` nor a letter or digit follows: ``?a=1&copy=2`` keeps its ``&copy``.
"""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#[xX][0-9a-fA-F]++;?+|#[0-9]++;?+|[A-Za-z][A-Za-z0-9]*+;?+)")
_LONGEST_NAME = max(map(len, html5))
_LONGEST_NUMBER = 12  # of a reference that can name a character; longer ones are U+FFFD and would take long to read


def decode_attribute(value: str) -> str:
    """The value with its references replaced."""
    found = value.count("&")
    if not found:
        return value
    if found == value.count("&amp;"):  # as in nearly all links that have any
        return value.replace("&amp;", "&")
    return _REFERENCE.sub(lambda match: _decode(match, value), value)


def _decode(match: re.Match[str], value: str) -> str:
    reference = match[0]
    if reference[1] == "#":
        return _decode_number(reference)
    name = reference[1:]
    if name.endswith(";") and name in html5:
        return html5[name]
    follower = value[match.end() : match.end() + 1]
    for length in range(min(len(name), _LONGEST_NAME), 1, -1):
        if name[:length] not in html5:
            continue
        rest = name[length:] + follower
        if not name[:length].endswith(";") and (rest[:1] == "=" or (rest[:1].isalnum() and rest[:1].isascii())):
            return reference
        return html5[name[:length]] + name[length:]
    return reference


def _decode_number(reference: str) -> str:
    digits = reference.strip("&#xX;").lstrip("0")
    if len(digits) > _LONGEST_NUMBER:
        return "\ufffd"
    known = unescape(reference if reference.endswith(";") else reference + ";")
    if known:
        return known
    # A control or a noncharacter, which the library leaves out, and the standard, 13.2.5.80, only complains of.
    return chr(int(digits, 16 if reference[2] in "xX" else 10))


def decode_text(value: str) -> str:
    """Text with its references replaced, for people to read; a reference of thousands of digits is left as it is."""
    try:
        return unescape(value) if "&" in value else value
    except ValueError:
        return value


def encode_attribute(value: str, quote: str = '"') -> str:
    """The value for an ``href`` in those quotes ("" for none), in ASCII: what is beyond becomes references."""
    text = value.replace("&", "&amp;")
    if quote == "'":
        text = text.replace("'", "&#39;")
    elif quote == '"':
        text = text.replace('"', "&quot;")
    else:
        text = re.sub("[\\s\"'<>`]|^=", lambda match: f"&#{ord(match[0])};", text)
    return text if text.isascii() else text.encode("ascii", "xmlcharrefreplace").decode("ascii")
