"""Messages whose copies are all settled while their client may never have heard our 250.

Such a client sends the same octets again, perhaps after a restart of ours. For a day that is answered 250 without a
second delivery. Only the digest and the envelope are kept for this: no content, and no password.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from relay.spool_files import RecordWriter, read_records
from relay.spool_records import SpoolHeader, read_header, write_header
from relay.spooled_message import HEADER

DONE_SUFFIX = ".done"
# A client that has heard nothing tries again within hours; after a day the same octets are another sending.
REMEMBERED = timedelta(hours=24)


class UnheardAnswers:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._headers: dict[str, SpoolHeader] = {}

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(self._headers)

    def remember(self, header: SpoolHeader, now: datetime) -> None:
        """Durable on return. Raises SpoolFault."""
        self._forget_old(now)
        header = replace(header, login="", password="")
        payload = write_header(header)
        path = self._path(header)
        if not path.exists():
            writer = RecordWriter(path)
            writer.record(HEADER, (payload,), len(payload))
            writer.commit()
        self._headers[header.digest] = header

    def load(self, path: Path, now: datetime) -> None:
        """Take one file in, or remove it when its day is over. Raises ValueError or OSError when it is damaged."""
        headers = [read_header(payload) for record, payload in read_records(path, bodies=b"") if record.kind == HEADER]
        if len(headers) != 1 or path.stem != str(headers[0].id):
            raise ValueError("is not the message its name says")
        if now > headers[0].spooled_at + REMEMBERED:
            path.unlink()
        else:
            self._headers[headers[0].digest] = headers[0]

    def _forget_old(self, now: datetime) -> None:
        for header in [one for one in list(self._headers.values()) if now > one.spooled_at + REMEMBERED]:
            self.take(header.digest, now)

    def take(self, digest: str, now: datetime) -> SpoolHeader | None:
        """The message with this digest, once; None when there is none of the last day."""
        header = self._headers.pop(digest, None)
        if header is None:
            return None
        self._path(header).unlink(missing_ok=True)
        return header if now <= header.spooled_at + REMEMBERED else None

    def _path(self, header: SpoolHeader) -> Path:
        return self._folder / f"{header.id}{DONE_SUFFIX}"
