"""Whom to tell what, and by which ways. Pure.

Never about machines; about a person once per message, recipient and kind unless every time was asked for. What the
message's own header asks (X-Track-Notify) goes before what the account prefers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ledger.queries.accounts import AccountRow
from ledger.queries.rows import MessageRow

_UNOPENED = re.compile(r"unopened=(\d{1,4})([dh])", re.ASCII)


def owners(accounts: Iterable[AccountRow], sender: str, login: str) -> list[AccountRow]:
    """Whose mail it is: by login or address; administrators where it is nobody's."""
    accounts = list(accounts)
    mine = [one for one in accounts if (login and one.name == login) or (sender and sender in one.addresses)]
    return mine or [one for one in accounts if one.admin]


def wants(notify_header: str, preferences: Mapping[str, Any], first: bool) -> bool:
    """Whether a confirmed hit is worth a notice."""
    header = notify_header.strip().lower()
    wish = header if header in ("off", "first", "every") else str(preferences.get("notify", "first"))
    if _UNOPENED.fullmatch(header):
        return False  # told only when nothing happens
    return wish == "every" or (wish == "first" and first)


def ways(preferences: Mapping[str, Any]) -> Sequence[str]:
    """By which ways, beside the page's own bell."""
    found = [("email", preferences.get("email")), ("webhook", preferences.get("webhook"))]
    found.append(("apprise", preferences.get("apprise")))
    return [way for way, wished in found if wished]


def reminder_after(notify_header: str) -> timedelta | None:
    """How long an unopened message waits before its sender is reminded; None when no reminder was asked for."""
    match = _UNOPENED.fullmatch(notify_header.strip().lower())
    if match is None:
        return None
    return timedelta(days=int(match[1])) if match[2] == "d" else timedelta(hours=int(match[1]))


def recipient_of(message: MessageRow, address: str) -> str:
    """By name where it is known; empty where several share the copy."""
    if address:
        return address
    return message.recipients[0] if message.recipient_count == 1 and message.recipients else ""


# Standard Webhooks asks for at least a day of trying; in seconds after each failed attempt.
_BACK_OFF = (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400)


def retry_after(attempts: int) -> timedelta | None:
    """How long to wait after that many failed attempts; None: no more."""
    return timedelta(seconds=_BACK_OFF[attempts - 1]) if attempts <= len(_BACK_OFF) else None
