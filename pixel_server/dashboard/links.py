"""How a link's address is shown: its host readable, and in ASCII beside it where it is not plain. Pure.

A host like ``xn--pple-43d.example`` looks like another one when it is decoded, so both forms are always shown.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import idna


def decoded_host(url: str) -> str:
    """What an international host reads like; empty for a plain one or none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    if "xn--" not in host:
        return ""
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return ""
