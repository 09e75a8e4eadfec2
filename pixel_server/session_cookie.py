"""The cookie of the page's sessions, as page and public server both know it: its name, and what is kept of its value.

The two may share a host name, and cookies know no ports: then a browser that is logged in to the page sends its cookie
along when the same site shows a tracked mail. That tells the sender's own looks (R01). Pure.
"""

from __future__ import annotations

from ledger.accounts import secret_hash

COOKIE = "mailglass_session"
LONGEST_COOKIE = 100


def session_named(cookies: str) -> bytes | None:
    """The hash of the session that a Cookie header carries (RFC 6265 section 4.2.1); None when it carries none."""
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and 0 < len(value) <= LONGEST_COOKIE:
            return secret_hash(value)
    return None
