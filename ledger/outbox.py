"""Deliveries of the sandbox upstream on disk: what would have gone out, kept as its recipients would get it.

A delivery is two files named by one id: ``<id>.eml`` (the message's bytes) and ``<id>.json`` (the envelope). The
second is renamed into place when everything is on disk, so a delivery is there whole or not at all. Knows nothing of
tracking: what it holds are letters.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger.message_id import MessageId, mint_message_id, parse_message_id
from ledger.people import naming


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message in the outbox. ``sender`` is empty for the null sender; ids sort by time."""

    id: MessageId
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    size: int

    def is_from(self, senders: Collection[str]) -> bool:
        """Whether the envelope names one of these addresses as its sender; the null sender is nobody's."""
        return bool(self.sender) and self.sender.lower() in {one.lower() for one in senders}


class Outbox:
    """The folder of deliveries. Writing blocks until the disk has it: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, raw: bytes, sender: str, recipients: Sequence[str], now: datetime) -> Delivery:
        """Files a message durably. Raises OSError when the disk refuses, and then nothing is left behind."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        delivery_id = mint_message_id(int(now.timestamp() * 1000), secrets.token_bytes(10))
        delivery = Delivery(delivery_id, now, sender, tuple(recipients), len(raw))
        message, draft = self._path(delivery_id, "eml"), self._path(delivery_id, "draft")
        envelope = {"id": str(delivery_id), "at": now.isoformat(), "sender": sender, "recipients": list(recipients)}
        try:
            _write_durably(message, raw)
            _write_durably(draft, json.dumps(envelope, ensure_ascii=False, indent=1).encode("utf-8", "surrogateescape"))
            draft.rename(self._path(delivery_id, "json"))
        except BaseException:
            message.unlink(missing_ok=True)
            draft.unlink(missing_ok=True)
            raise
        _fsync_folder(self._folder)
        return delivery

    def list(
        self, limit: int = 50, before: MessageId | None = None, senders: Collection[str] | None = None
    ) -> list[Delivery]:
        """Deliveries, newest first; ``before`` pages on from the last one of the page before. With ``senders`` only
        theirs, in whatever capitals."""
        found: list[Delivery] = []
        for delivery_id in sorted(self._ids(), reverse=True):
            if len(found) >= limit:
                break
            if before is None or delivery_id < before:
                delivery = self.find(delivery_id)
                found += [delivery] if delivery and (senders is None or delivery.is_from(senders)) else []
        return found

    def find(self, delivery_id: MessageId) -> Delivery | None:
        """One delivery's envelope; None when there is none with that id."""
        try:
            envelope = json.loads(self._path(delivery_id, "json").read_bytes().decode("utf-8", "surrogateescape"))
            size = self._path(delivery_id, "eml").stat().st_size
        except (OSError, ValueError):
            return None
        at = datetime.fromisoformat(envelope["at"]).astimezone(UTC)
        return Delivery(delivery_id, at, envelope["sender"], tuple(envelope["recipients"]), size)

    def read(self, delivery_id: MessageId, most: int = -1) -> bytes | None:
        """The message's bytes as delivered, all or the first of them; None when there is none with that id."""
        try:
            with self._path(delivery_id, "eml").open("rb") as file:
                return file.read(most)
        except OSError:
            return None

    def erase(self, forms: Sequence[str]) -> int:
        """Deletes every delivery whose envelope or octets hold an address in one of these spellings; how many."""
        wanted, erased = naming(forms), 0
        for delivery_id in self._ids():
            paths = [self._path(delivery_id, kind) for kind in ("json", "eml")]
            if any(wanted.search(path.read_bytes().lower()) for path in paths if path.exists()):
                for path in paths:
                    path.unlink(missing_ok=True)
                erased += 1
        return erased

    def _ids(self) -> set[MessageId]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return set()
        ids = (parse_message_id(name.removesuffix(".json")) for name in names if name.endswith(".json"))
        return {delivery_id for delivery_id in ids if delivery_id}

    def _path(self, delivery_id: MessageId, kind: str) -> Path:
        return self._folder / f"{delivery_id}.{kind}"


def _write_durably(path: Path, raw: bytes) -> None:
    with path.open("xb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
