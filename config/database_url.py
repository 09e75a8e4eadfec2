"""What a ledger's URL has to look like: sqlite:///FILE or postgresql://NAME:PASSWORD@HOST:PORT/DATABASE. Pure.

Read by the grammar of the library that opens it (SQLAlchemy's), in which a password may hold "/", "#" and "?": by that
of RFC 3986 passwords that work would be refused. No complaint repeats any of it: wherever a password holds an "@", its
end stands where host and port are looked for.
"""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_AFTER_SCHEME = re.compile(
    r"(?:[^:/]*(?::[^@]*)?@)?"  # name and password
    r"(?:\[[^/?]+\]|[^/:?\[\]]*)"  # host
    r"(?::(?P<port>[^/?]*))?"
    r"(?:/[^?]*)?"  # database
    r"(?:\?.*)?"  # what the driver is told
)


def fault_of_database_url(text: str) -> str:
    """Why no ledger can lie there, in words that follow the setting's name; empty when one can."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("sqlite", "postgresql"):
        return "must begin with sqlite:/// or postgresql://"
    if _CONTROLS.search(text):
        return "must not hold line ends or other control characters"
    if scheme == "sqlite":
        file = rest.partition("?")[0]
        if not file.startswith("/") or file in ("/", "/:memory:"):
            return "must name a file after sqlite:///, such as sqlite:///mailglass.db"
        return ""
    found = _AFTER_SCHEME.fullmatch(rest)
    if found is None:
        return "has no host that can be read; write postgresql://NAME:PASSWORD@HOST:PORT/DATABASE"
    port = found["port"]
    if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        return (
            "has a port that is no number from 1 to 65535; "
            "an @ in the password is written %40, a : in the name %3A, an IPv6 address as [::1]"
        )
    return ""
