"""The envelope of the message being submitted: what the client sent of it, and what the upstream said to that."""

from __future__ import annotations

from relay.command_lines import path_of
from relay.ports import Addressee, Envelope
from relay.replies import Reply


class Transaction:
    def __init__(self) -> None:
        self.mail = b""  # the accepted MAIL line
        self.accepted: list[bytes] = []  # the accepted RCPT lines
        self._pending = 0

    @property
    def is_begun(self) -> bool:
        return bool(self.mail)

    @property
    def recipients(self) -> int:
        """Accepted ones and those whose verdict is not in yet."""
        return len(self.accepted) + self._pending

    def reset(self) -> None:
        self.mail = b""
        self.accepted = []

    def mail_sent(self, line: bytes) -> None:
        if not self.mail:
            self.accepted = []

    def mail_answered(self, line: bytes, reply: Reply) -> None:
        if reply.is_positive:
            self.mail = line
            self.accepted = []

    def recipient_sent(self) -> None:
        self._pending += 1

    def recipient_answered(self, line: bytes, reply: Reply) -> None:
        self._pending -= 1
        if reply.is_positive:
            self.accepted.append(line)

    def envelope(self, login: str, listener: str, client_network: str) -> Envelope:
        addressees = tuple(Addressee(line, path_of(line).address) for line in self.accepted)
        return Envelope(self.mail, path_of(self.mail).address, addressees, login, listener, client_network)
