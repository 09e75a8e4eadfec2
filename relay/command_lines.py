"""Cuts what a client sends into command lines, and reads of a command just what the relay must know. Pure.

A line ends in CR LF and nowhere else: bare CR, bare LF and NUL inside commands are refused, so that we and the
upstream can never see different commands (RFC 5321 section 2.3.8). The line itself goes on with its exact octets;
addresses are read leniently and only for the record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.replies import Refusal

# RFC 5321 section 4.5.3.1.4 gives 512 octets; extensions add to MAIL and RCPT (RFC 3461: 500 and more, RFC 4954:
# 500, …), and RFC 4954 section 4 gives AUTH 12,288.
COMMAND_OCTETS = 512
PARAMETER_COMMAND_OCTETS = 4096
AUTH_OCTETS = 12_288 + 2
_LONGER = {b"MAIL": PARAMETER_COMMAND_OCTETS, b"RCPT": PARAMETER_COMMAND_OCTETS, b"AUTH": AUTH_OCTETS + 64}
LONGEST_LINE = AUTH_OCTETS + 64  # the longest of them, with room for "AUTH " and the mechanism's name (RFC 4422: 20)

_PATH = re.compile(
    rb"\s*(?:FROM|TO):[ \t]*<((?:\"(?:[^\"\\]|\\.)*\"|[^\">])*)>(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL
)
# A MAIL or RCPT line as far as its parameters, for who changes those.
BEFORE_PARAMETERS = re.compile(rb"[^<]*<(?:\"(?:[^\"\\]|\\.)*\"|[^\">])*>", re.DOTALL)
# A route before the address, which servers ignore (RFC 5321 appendix C): what is known of a person stands without it.
_ROUTE = re.compile(rb"@[^:\"]*:")
_BRACKETED = re.compile(rb"<([^<>]*)>")


class CommandLines:
    """What a client has sent and nobody has read yet: ``waiting`` octets of it.

    Lines are cut out by their place. Cutting the rest anew behind each costs as much as all the rest, and a client may
    send fifty thousand lines at once.
    """

    __slots__ = ("_at", "_data", "waiting")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self.waiting = 0

    def add(self, data: bytes) -> None:
        self._data = self._data[self._at :] + data if self.waiting else data
        self._at = 0
        self.waiting = len(self._data)

    def take_rest(self) -> bytes:
        """All that is left, for whoever reads on otherwise (DATA)."""
        rest = self._data[self._at :]
        self._forget()
        return rest

    def next(self) -> bytes | Refusal | None:
        """The next line without its CR LF; None when it is not complete; a refusal when it never can be right."""
        data, at = self._data, self._at
        end = data.find(b"\n", at)
        if end == -1:
            return Refusal.COMMAND_TOO_LONG if self.waiting > LONGEST_LINE else None
        line = data[at : end - 1]
        # By number: asking whether bytes are in bytes makes and drops an exception first.
        if end == at or data[end - 1] != 13 or 13 in line or 0 in line:
            return Refusal.COMMAND_LINE_END
        self._at = end + 1
        self.waiting = len(data) - self._at
        if not self.waiting:
            self._forget()
        return line

    def _forget(self) -> None:
        self._data, self._at, self.waiting = b"", 0, 0


def the_only_line_in(data: bytes) -> bytes | None:
    """The line, when the data is exactly one that is right; None says nothing, and CommandLines is to be asked.

    Nearly always a client sends one command and waits, and then nothing need be kept.
    """
    line = data[:-2]
    if not data.endswith(b"\r\n") or 10 in line or 13 in line or 0 in line:
        return None
    return line


def is_too_long(verb: bytes, line: bytes) -> bool:
    return len(line) + 2 > COMMAND_OCTETS and len(line) + 2 > _LONGER.get(verb, COMMAND_OCTETS)


@dataclass(frozen=True, slots=True)
class Path:
    """The address of a MAIL or RCPT command, as written between its angle brackets, and its parameters."""

    address: str
    parameters: tuple[bytes, ...]

    def value_of(self, keyword: bytes) -> bytes | None:
        """The value of ``keyword=…`` (in capitals); empty for a bare keyword; None when it is not there."""
        for parameter in self.parameters:
            name, _, value = parameter.partition(b"=")
            if name.upper() == keyword:
                return value
        return None


def path_of(line: bytes) -> Path:
    """What a MAIL or RCPT line names. Of a line of odd shape the upstream is to judge; here its address is what many
    servers take for it: what stands between brackets, else the first word."""
    argument = line[4:]
    match = _PATH.fullmatch(argument)
    address, parameters = match.groups() if match is not None else (_oddly_written(argument), b"")
    route = _ROUTE.match(address)
    address = address[route.end() :] if route is not None else address
    return Path(address.decode("utf-8", "surrogateescape"), tuple((parameters or b"").split()))


def _oddly_written(argument: bytes) -> bytes:
    after_colon = argument.partition(b":")[2]
    bracketed = _BRACKETED.findall(after_colon)
    if bracketed:
        return bytes(bracketed[-1])
    words = after_colon.split()
    return words[0] if words else b""


def declared_size(path: Path) -> int | Refusal | None:
    """The octets of ``SIZE=`` (RFC 1870); None when not given; a refusal when it is no number."""
    value = path.value_of(b"SIZE")
    if value is None:
        return None
    return int(value) if re.fullmatch(rb"[0-9]{1,20}", value) else Refusal.BAD_ARGUMENT
