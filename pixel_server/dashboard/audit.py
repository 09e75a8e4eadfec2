"""The log of logins and exports: a line in the ledger's hash-chained audit list, and one stable sentence in the log.

Neither holds an address of a recipient; the log has the account's number instead of its name.
"""

from __future__ import annotations

import logging

from ledger.faults import LedgerUnavailable
from ledger.queries.accounts import AccountRow
from pixel_server.dashboard.keys import Desk

log = logging.getLogger("mailglass.audit")


async def note_deed(desk: Desk, account: AccountRow, deed: str, subject: str = "") -> None:
    """``deed`` and ``subject`` are words of ours. A ledger that takes no changes keeps nobody from reading."""
    log.info("account %d: %s %s", account.id, deed, subject)
    try:
        await desk.consents.note(account.name, deed, subject)
    except LedgerUnavailable:
        log.warning("the audit list did not take a line")


def note_refused_login() -> None:
    log.warning("a login was refused")
