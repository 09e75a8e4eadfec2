"""Messages whose copies are all settled while their client may never have heard our 250.

Such a client sends the same octets again, perhaps after a restart of ours. That is answered 250 without a second
delivery, as long as it is the same message that comes: for a day when it has a Message-ID or Date, else for the minutes
in which a client tries again (relay/resends.py has the same rule). Only the digest and the envelope are kept for this:
no content, and no password.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from relay.resends import KEPT_NAMELESS_SECONDS, KEPT_SECONDS
from relay.spool_files import RecordWriter, read_records
from relay.spool_records import SpoolHeader, read_header, write_header
from relay.spooled_message import HEADER

DONE_SUFFIX = ".done"


def is_awaited(header: SpoolHeader, since: datetime, now: datetime) -> bool:
    """Whether the same octets are still the same message, whose answer was due at ``since``; after that they are
    another sending. A clock that was set back tells nothing, and a message twice is better than one lost."""
    seconds = KEPT_SECONDS if header.names_itself else KEPT_NAMELESS_SECONDS
    return since <= now <= since + timedelta(seconds=seconds)


class UnheardAnswers:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._headers: dict[str, SpoolHeader] = {}

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(self._headers)

    def remember(self, header: SpoolHeader, since: datetime, now: datetime) -> None:
        """``since``: when its answer was due. Durable on return. Raises SpoolFault."""
        self.forget_old(now)
        known = self._headers.get(header.digest)
        if known is not None and known.spooled_at > since:
            return  # the same octets were sent anew meanwhile, and it is that client who may be trying again
        header = replace(header, login="", password="", spooled_at=since)
        payload = write_header(header)
        path = self._path(header)
        if not path.exists():
            writer = RecordWriter(path)
            writer.record(HEADER, (payload,), len(payload))
            writer.commit()
        self._headers[header.digest] = header

    def load(self, path: Path, now: datetime) -> None:
        """Take one file in, or remove it when its time is over. Raises ValueError or OSError when it is damaged."""
        headers = [read_header(payload) for record, payload in read_records(path, bodies=b"") if record.kind == HEADER]
        if len(headers) != 1 or path.stem != str(headers[0].id):
            raise ValueError("is not the message its name says")
        if is_awaited(headers[0], headers[0].spooled_at, now):
            self._headers[headers[0].digest] = headers[0]
        else:
            path.unlink()

    def forget_old(self, now: datetime) -> None:
        """Those whose time is over go from the disk too."""
        for header in list(self._headers.values()):
            if not is_awaited(header, header.spooled_at, now):
                self.take(header.digest, now)

    def take(self, digest: str, now: datetime) -> SpoolHeader | None:
        """The message with this digest, once; None when there is none, or its time is over."""
        header = self._headers.pop(digest, None)
        if header is None:
            return None
        self._path(header).unlink(missing_ok=True)
        return header if is_awaited(header, header.spooled_at, now) else None

    def _path(self, header: SpoolHeader) -> Path:
        return self._folder / f"{header.id}{DONE_SUFFIX}"
