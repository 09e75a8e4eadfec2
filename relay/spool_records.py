"""What the spool keeps about a message and its copies, and how that is written. Pure.

Octets of the envelope are kept exactly: they stand in JSON as Latin-1, in which every octet is one character.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from ledger.message_id import MessageId, parse_message_id
from relay.copies import PlannedCopy
from relay.patches import Patch


class Credentials(StrEnum):
    """With whose name the upstream can be reached again for this message."""

    NONE = "none"  # the client did not log in, so nobody needs to
    ACCOUNT = "account"  # the relay's own account
    CLIENT = "client"  # the client's own session alone: nothing is kept
    KEPT = "kept"  # the client's own name and password, by [spool] keep_credentials


@dataclass(frozen=True, slots=True)
class SpoolHeader:
    """One message in the spool. ``mail`` is the MAIL line, as the client wrote it."""

    id: MessageId
    spooled_at: datetime
    upstream: str
    mail: bytes
    sender: str  # empty: the null sender, who is never notified
    login: str = ""
    credentials: Credentials = Credentials.NONE
    header_id: str = ""
    notification: bool = False  # made by us: ours from the start, and no report is made about it
    password: str = field(default="", repr=False)  # with KEPT
    digest: str = ""  # of the submission, so that a client that never heard our 250 may send it again
    names_itself: bool = True  # has a Message-ID or Date, so that no other submission has the same digest


@dataclass(frozen=True, slots=True)
class CopyDetail:
    """One copy in a spool file: which body it is made from, and the patches laid over that."""

    planned: PlannedCopy
    body: int
    patches: tuple[Patch, ...] = ()


def write_header(header: SpoolHeader) -> bytes:
    fields = {
        "id": str(header.id),
        "spooled_at": header.spooled_at.timestamp(),
        "upstream": header.upstream,
        "mail": header.mail.decode("latin-1"),
        "sender": header.sender,
        "login": header.login,
        "credentials": header.credentials.value,
        "header_id": header.header_id,
        "notification": header.notification,
        "password": header.password,
        "digest": header.digest,
        "names_itself": header.names_itself,
    }
    return json.dumps(fields).encode("ascii")


def read_header(payload: bytes) -> SpoolHeader:
    """Raises ValueError when this is no header."""
    try:
        fields = json.loads(payload)
        message_id = parse_message_id(fields["id"])
        if message_id is None:
            raise ValueError("its header names no message")
        header = SpoolHeader(
            message_id,
            datetime.fromtimestamp(fields["spooled_at"], UTC),
            fields["upstream"],
            fields["mail"].encode("latin-1"),
            fields["sender"],
            fields["login"],
            Credentials(fields["credentials"]),
            fields["header_id"],
            fields["notification"],
            fields["password"],
            fields["digest"],
            fields.get("names_itself", True),  # not in a file that an earlier version left
        )
    except (KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
        raise ValueError("its header is not ours") from error
    texts = (header.upstream, header.sender, header.login, header.header_id, header.password, header.digest)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("its header is not ours")
    if not isinstance(header.notification, bool) or not isinstance(header.names_itself, bool):
        raise ValueError("its header is not ours")
    return header


def write_copy(copy: CopyDetail) -> bytes:
    fields = {
        "n": copy.planned.number,
        "rcpt": copy.planned.rcpt.decode("latin-1"),
        "address": copy.planned.address,
        "tracked": copy.planned.tracked,
        "body": copy.body,
        "patches": [(patch.offset, b64encode(patch.new).decode("ascii")) for patch in copy.patches],
    }
    return json.dumps(fields).encode("ascii")


def read_copy(payload: bytes) -> CopyDetail:
    """Raises ValueError when this is no copy."""
    try:
        fields = json.loads(payload)
        copy = CopyDetail(
            PlannedCopy(fields["n"], fields["rcpt"].encode("latin-1"), fields["address"], fields["tracked"]),
            fields["body"],
            tuple(Patch(offset, b64decode(new)) for offset, new in fields["patches"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("a copy is not ours") from error
    numbers = (copy.planned.number, copy.body, *(patch.offset for patch in copy.patches))
    is_ours = all(type(number) is int and number >= 0 for number in numbers)
    if not is_ours or not isinstance(copy.planned.address, str) or not isinstance(copy.planned.tracked, bool):
        raise ValueError("a copy is not ours")
    return copy
