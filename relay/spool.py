"""Copies on disk until the upstream has them: one file a message, one journal beside it.

    <id>.mail   header, bodies, copies: written once, never changed (relay/spool_files.py)
    <id>.log    what happened to the copies since (relay/spool_journal.py)
    <id>.done   all is settled, but the client may not have heard our 250 (relay/spool_unheard.py)

A message is in the spool once ``write`` has returned: both files and the folder are fsynced. The original is kept
once, each tracked version once, and of each copy only what differs; so neither memory nor disk grows with recipients
times size. Knows no SMTP and no ledger. Its methods block: callers run them in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from relay.copies import PlannedCopy
from relay.failpoints import failpoint
from relay.patches import difference, patched
from relay.prepared_copies import Render
from relay.spool_files import (
    RecordWriter,
    SpoolFault,
    as_spool_fault,
    failpoint_or_abandon,
    fsync_folder,
    read_slice,
)
from relay.spool_journal import append, create_journal, replace_journal
from relay.spool_lock import SpoolLock
from relay.spool_records import CopyDetail, SpoolHeader, read_copy, write_copy, write_header
from relay.spool_states import Event, after, summary
from relay.spool_unheard import UnheardAnswers, is_awaited
from relay.spooled_message import (
    BODY,
    COPY,
    HEADER,
    JOURNAL_SUFFIX,
    MAIL_SUFFIX,
    PLAIN_BODY,
    SpooledMessage,
    read_message,
)

# How many bodies are held in memory to tell the copies' differences from.
MOST_TEMPLATES = 4


class Spool:
    """The folder and its lock. One per process and data folder."""

    def __init__(self, folder: Path) -> None:
        """Open the spool, making the folder. Raises SpoolInUse when another process has it, SpoolFault."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = SpoolLock(folder)
        except BlockingIOError:
            raise
        except OSError as error:
            raise as_spool_fault(error) from error
        self.folder = folder
        self.messages: dict[str, SpooledMessage] = {}
        self.unheard = UnheardAnswers(folder)

    def close(self) -> None:
        self._lock.release()

    def write(
        self, header: SpoolHeader, plain: bytes, copies: Sequence[PlannedCopy], render: Render | None = None
    ) -> SpooledMessage:
        """Put a message and all its copies in the spool, durably; on return it is there, else nothing of it is.

        ``render`` gives the bytes of a tracked copy by its number; it is called once a copy, and only one copy's
        bytes are held beside the templates. Raises SpoolFault (SpoolFull when there is no space), and whatever
        ``render`` raises.
        """
        path = self.folder / f"{header.id}{MAIL_SUFFIX}"
        journal = path.with_suffix(JOURNAL_SUFFIX)
        create_journal(journal)
        try:
            self._write_file(path, header, plain, copies, render)
        except BaseException:
            journal.unlink(missing_ok=True)
            raise
        try:
            message = read_message(path)  # back through the same code as after a restart
        except (OSError, ValueError) as error:
            path.unlink(missing_ok=True)
            journal.unlink(missing_ok=True)
            raise as_spool_fault(error) from error
        message.claimed = not header.notification  # whoever wrote it delivers it, until they let go
        self.messages[str(header.id)] = message
        return message

    def _write_file(
        self, path: Path, header: SpoolHeader, plain: bytes, copies: Sequence[PlannedCopy], render: Render | None
    ) -> None:
        writer = RecordWriter(path)
        try:
            payload = write_header(header)
            writer.record(HEADER, (payload,), len(payload))
            writer.record(BODY, (plain,), len(plain))
            failpoint_or_abandon(writer, "spool.body-written")
            for detail in _details(writer, copies, render):
                payload = write_copy(detail)
                writer.record(COPY, (payload,), len(payload))
                failpoint_or_abandon(writer, "spool.copy-written")
        except BaseException:
            writer.abandon()
            raise
        writer.commit()
        failpoint("spool.after-folder-fsync")

    def record(self, message: SpooledMessage, *events: Event, sync: bool = True) -> None:
        """Make the events true, durably, and let the standing follow.

        The standing follows also when writing fails, since what happened has happened; the fault is raised, and the
        journal is replaced as a whole before the next event is added.
        """
        if not events and message.journal_sound:
            return
        with message.recording:  # an administrator's wish and a delivery may meet in two threads
            for event in events:
                message.standing = after(message.standing, event)
            try:
                if message.journal_sound:
                    append(message.journal, events, sync)
                else:
                    self.mend(message)
            except SpoolFault:
                message.journal_sound = False
                raise

    def mend(self, message: SpooledMessage) -> None:
        """Replace the journal by a new one that says what is known in memory. Raises SpoolFault."""
        replace_journal(message.journal, summary(message.standing, datetime.now(UTC)))
        message.journal_sound = True

    def content(self, message: SpooledMessage, number: int) -> Iterator[bytes]:
        """The bytes of one copy, in chunks."""
        detail = read_copy(b"".join(read_slice(message.path, message.copies[number].record)))
        return patched(read_slice(message.path, message.bodies[detail.body]), detail.patches)

    def plain_content(self, message: SpooledMessage) -> Iterator[bytes]:
        """The message as the client wrote it, less its control headers: what a report may quote."""
        return read_slice(message.path, message.bodies[PLAIN_BODY])

    def remove(self, message: SpooledMessage) -> None:
        """Forget a message: every copy is settled, or it is the client's again. Raises SpoolFault."""
        failpoint("finish.before-removal")
        with message.recording:  # whoever is answered at this moment is answered before it is decided, or after
            standing = message.standing
            if standing.ours and not standing.answered and message.header.digest:
                self.unheard.remember(message.header, message.accepted_at, datetime.now(UTC))
        try:
            # In this order, also on the disk: a journal alone is rubbish, a message without one would look damaged.
            message.path.unlink(missing_ok=True)
            failpoint("finish.between-removals")
            fsync_folder(self.folder)
            message.journal.unlink(missing_ok=True)
        except OSError as error:
            raise as_spool_fault(error) from error
        finally:
            self.messages.pop(str(message.header.id), None)
        failpoint("finish.after-removal")

    def present(self) -> list[SpooledMessage]:
        """All messages as they are now; other threads add and remove some meanwhile."""
        return list(self.messages.values())  # in one step of the interpreter

    def find_unanswered(self, digest: str, now: datetime) -> SpooledMessage | None:
        """The message with this digest that is ours while its client may not have heard so, and tries again.

        Not one whose client waits for its answer: the same from another is another message. A client that has left
        meanwhile is known to its session, and there its next try waits (relay/resends.py).
        """
        for message in self.present():
            header, standing = message.header, message.standing
            is_unanswered = header.digest == digest and standing.ours and not standing.answered
            if is_unanswered and not message.is_waited_for and is_awaited(header, message.accepted_at, now):
                return message
        return None


def _details(writer: RecordWriter, copies: Sequence[PlannedCopy], render: Render | None) -> Iterator[CopyDetail]:
    """Each copy's details, having written the bodies it needs."""
    # By length: tokens have one length, so the copies of one version do, and versions of a message are few.
    templates: dict[int, tuple[int, bytes]] = {}
    bodies = PLAIN_BODY
    for copy in copies:
        if not copy.tracked or render is None:
            yield CopyDetail(copy, PLAIN_BODY)
            continue
        rendered = render(copy.number)
        body, template = templates.get(len(rendered), (0, b""))
        patches = difference(template, rendered)
        if patches is None:
            body = bodies = bodies + 1
            writer.record(BODY, (rendered,), len(rendered))
            patches = ()
            if len(templates) < MOST_TEMPLATES:
                templates[len(rendered)] = bodies, rendered
        yield CopyDetail(copy, body, patches)
