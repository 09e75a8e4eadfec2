"""Reads name and password out of a login that is passed through, where ``[spool] keep_credentials`` says to keep them.

Only PLAIN and LOGIN carry a password that can be used again; of any other mechanism nothing is kept.
"""

from __future__ import annotations

import binascii
from base64 import b64decode

from relay.destination import Credentials


class AccountReader:
    def __init__(self, mechanism: bytes) -> None:
        self._mechanism = mechanism.upper()
        self._answers: list[bytes] = []

    def __repr__(self) -> str:
        return "AccountReader"  # never what it has read

    def see(self, answer: bytes) -> None:
        """One answer of the client, in base64; the initial response counts as one."""
        try:
            self._answers.append(b"" if answer == b"=" else b64decode(answer, validate=True))
        except binascii.Error:
            self._answers.append(b"")

    @property
    def account(self) -> Credentials | None:
        """Name and password; None when they could not be read."""
        fields = self._answers
        if self._mechanism == b"PLAIN" and len(fields) == 1:
            fields = fields[0].split(b"\0")[1:]
        elif self._mechanism != b"LOGIN":
            return None
        if len(fields) != 2 or not all(fields):
            return None
        try:
            return Credentials(fields[0].decode("utf-8"), fields[1].decode("utf-8"))
        except UnicodeDecodeError:
            return None
