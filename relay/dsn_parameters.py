"""What a client asked about delivery reports: RET and ENVID of MAIL, NOTIFY and ORCPT of RCPT (RFC 3461). Pure.

Reads the command lines as the client wrote them. Values keep their case and their xtext; what is not understood
counts as not said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.command_lines import path_of

_HEX = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class SenderParameters:
    """Of MAIL. ``full`` is RET=FULL; ``envelope_id`` is ENVID's xtext, empty when absent."""

    full: bool = False
    envelope_id: str = ""


@dataclass(frozen=True, slots=True)
class RecipientParameters:
    """Of RCPT. ``notify`` None: nothing was said, which means failures; ``original`` is ORCPT as written."""

    notify: frozenset[str] | None = None
    original: str = ""

    @property
    def wants_failure(self) -> bool:
        return self.notify is None or "FAILURE" in self.notify

    @property
    def wants_delay(self) -> bool:
        return self.notify is None or "DELAY" in self.notify  # RFC 3461 section 4.1: left to us when nothing is said


def sender_parameters(mail_line: bytes) -> SenderParameters:
    path = path_of(mail_line)
    return SenderParameters((path.value_of(b"RET") or b"").upper() == b"FULL", _text(path.value_of(b"ENVID")))


def recipient_parameters(rcpt_line: bytes) -> RecipientParameters:
    path = path_of(rcpt_line)
    notify = path.value_of(b"NOTIFY")
    words = None if notify is None else frozenset(_text(notify).upper().split(","))
    return RecipientParameters(words, _text(path.value_of(b"ORCPT")))


def decode_xtext(text: str) -> str:
    """What xtext stands for (RFC 3461 section 4)."""
    return _HEX.sub(lambda match: chr(int(match[1], 16)), text)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
