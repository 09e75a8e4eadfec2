"""The log of logins and exports: one stable sentence each, with the account's number and no personal data."""

from __future__ import annotations

import logging

log = logging.getLogger("mailglass.audit")


def note_login(account_id: int) -> None:
    log.info("account %d logged in", account_id)


def note_refused_login() -> None:
    log.warning("a login was refused")


def note_export(account_id: int, what: str) -> None:
    """``what`` is one of our own words, never a reader's."""
    log.info("account %d exported %s", account_id, what)
