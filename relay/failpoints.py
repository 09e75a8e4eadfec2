"""Named places where a test can make this process die or its disk fail.

``MAILGLASS_FAILPOINT=NAME[=ACTION][@N]`` arms one of them; ACTION is ``kill`` (SIGKILL to this process, the default),
``EIO``, ``ENOSPC`` or ``EROFS`` (that OSError); N is the pass on which it strikes, from 1. Unarmed, a failpoint is one
comparison. The names are listed here, once, so that a test can visit every one and a misspelt one is a fault.
"""

from __future__ import annotations

import errno
import os
import signal

SPOOL_FAILPOINTS = (
    "spool.journal-created",
    "spool.file-opened",
    "spool.body-written",
    "spool.copy-written",
    "spool.before-fsync",
    "spool.after-fsync",
    "spool.after-rename",
    "spool.after-folder-fsync",
    "individual.before-ledger",
    "individual.after-ledger",
    "delivery.before-mail",
    "delivery.after-mail",
    "delivery.after-recipient",
    "delivery.before-content",
    "delivery.before-dot",
    "delivery.after-dot",
    "delivery.after-reply",
    "journal.before-write",
    "journal.before-fsync",
    "journal.after-fsync",
    "individual.before-answer",
    "individual.after-answer",
    "runner.before-session",
    "notification.before-spooled",
    "notification.after-spooled",
    "finish.before-removal",
    "finish.between-removals",
    "finish.after-removal",
)
RELAY_FAILPOINTS = (
    "relay.holding",
    "relay.registered",
    "relay.before-dot",
    "relay.after-dot",
    "relay.after-reply",
    "relay.in-doubt-recorded",
    "relay.after-answer",
    "relay.settled",
)
_ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EROFS": errno.EROFS}


class _Armed:
    """What the environment asks for, and how often its place was passed."""

    def __init__(self, wish: str) -> None:
        wish, _, count = wish.partition("@")
        self.name, _, action = wish.partition("=")
        self.action = action or "kill"
        self.passes_left = int(count or 1)
        if self.name and self.name not in SPOOL_FAILPOINTS + RELAY_FAILPOINTS:
            raise ValueError(f"there is no failpoint {self.name}")


_armed = _Armed(os.environ.get("MAILGLASS_FAILPOINT", ""))


def arm(wish: str) -> None:
    """Arm in this process what ``MAILGLASS_FAILPOINT`` would; an empty wish disarms."""
    global _armed
    _armed = _Armed(wish)


def failpoint(name: str) -> None:
    """Die, or raise OSError, when this place is armed and its turn has come."""
    if name != _armed.name:
        return
    _armed.passes_left -= 1
    if _armed.passes_left != 0:
        return
    if _armed.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(_ERRORS[_armed.action], f"failpoint {name}")
