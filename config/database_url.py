"""What a ledger's URL has to look like: sqlite:///FILE or postgresql://NAME:PASSWORD@HOST:PORT/DATABASE. Pure.

Read by the grammar of the library that opens it (SQLAlchemy's), in which a password may hold "/", "#" and "?": by that
of RFC 3986 passwords that work would be refused. No complaint repeats any of it: wherever a password holds an "@", its
end stands where host and port are looked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_AFTER_SCHEME = re.compile(
    r"(?:[^:/]*(?::[^@]*)?@)?"  # name and password
    r"(?:\[[^/?]+\]|[^/:?\[\]]*)"  # host
    r"(?::(?P<port>[^/?]*))?"
    r"(?:/[^?]*)?"  # database
    r"(?:\?(?P<query>.*))?"  # what the driver is told
)
# What asyncpg's connect() takes as text. What it does not know, or wants as a number, ends every connection: timeout is
# of that kind, command_timeout is not.
_TOLD = frozenset(
    {
        "host", "port", "user", "password", "database", "passfile", "service", "servicefile", "ssl", "krbsrvname",
        "gsslib", "target_session_attrs", "prepared_statement_cache_size", "command_timeout",
    }
)  # fmt: skip
_VALUES = {
    "ssl": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
}
_SECONDS = re.compile(r"(?=.*[1-9])[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9.-]*):([0-9]*)")


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
    if port is not None and not _is_port(port):
        return (
            "has a port that is no number from 1 to 65535; "
            "an @ in the password is written %40, a : in the name %3A, an IPv6 address as [::1]"
        )
    return _fault_of_what_is_told(parse_qs(found["query"] or ""))


def _is_port(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", text)) and 1 <= int(text) <= 65535


def _fault_of_what_is_told(told: Mapping[str, Sequence[str]]) -> str:
    if "sslmode" in told:
        return "has sslmode after the question mark; the driver calls it ssl"
    if not told.keys() <= _TOLD:
        return f"has an unknown word after the question mark; known are {', '.join(sorted(_TOLD))}"
    for key in sorted(told):
        if len(told[key]) > 1 and key != "host":
            return f"has {key} twice after the question mark"
    for key, values in _VALUES.items():
        if told.get(key, [values[0]])[0].replace("_", "-") not in values:  # the driver takes both spellings
            return f"has an unknown {key} after the question mark; it can be {', '.join(values)}"
    if not re.fullmatch("[0-9]{1,9}", told.get("prepared_statement_cache_size", ["0"])[0]):
        return "has a prepared_statement_cache_size after the question mark that is no number"
    if not _SECONDS.fullmatch(told.get("command_timeout", ["1"])[0]):
        return "has a command_timeout after the question mark that is no number of seconds above 0"
    return _fault_of_hosts(told.get("host", []), told.get("port", [""])[0])


def _fault_of_hosts(hosts: Sequence[str], port: str) -> str:
    """Several servers are given as host=A:1&host=B:2 or as host=A,B&port=1,2."""
    if len(hosts) > 1:
        found = [_HOST_AND_PORT.fullmatch(one) for one in hosts]
        if port or not all(one and one[1] and _is_port(one[2]) for one in found):
            return "has several hosts; each needs its port, as in ?host=a.example.com:5432&host=b.example.com:5432"
        return ""
    names = hosts[0].split(",") if hosts else []
    ports = port.split(",") if port else []
    alone = _HOST_AND_PORT.fullmatch(names[0]) if len(names) == 1 else None
    if alone and (port or (alone[2] and not _is_port(alone[2]))):
        return "has a host with a port after the question mark that is no number from 1 to 65535, or another port too"
    if not all(map(_is_port, ports)):
        return "has a port after the question mark that is no number from 1 to 65535"
    if (len(names) > 1 or len(ports) > 1) and (len(names) != len(ports) or not all(names)):
        return "has several hosts after the question mark, and each needs its port: ?host=A,B&port=5432,5433"
    return ""
