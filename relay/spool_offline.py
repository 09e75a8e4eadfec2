"""Carries out an administrator's request on a spool that no relay holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from relay.spool import Spool
from relay.spool_conclusion import events_for
from relay.spool_lock import SpoolInUse
from relay.spool_requests import Request
from relay.spooled_message import MAIL_SUFFIX, read_message


def carry_out(folder: Path, request: Request) -> bool:
    """Whether it was done; False when a relay holds the spool and has to be asked. Raises SpoolFault, ValueError.

    The ledger hears of it when the relay starts, which tells it about every copy it finds.
    """
    try:
        spool = Spool(folder)
    except SpoolInUse:
        return False
    try:
        message = read_message(folder / f"{request.message}{MAIL_SUFFIX}")
        spool.record(message, *events_for(message, request, datetime.now(UTC)))
    finally:
        spool.close()
    return True
