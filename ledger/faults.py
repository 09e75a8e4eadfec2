"""What can go wrong with the ledger, as a small tree of exceptions that also inherit what a caller would catch."""

from __future__ import annotations


class LedgerFault(Exception):
    """Anything that keeps the ledger from doing its work."""


class LedgerUnavailable(LedgerFault, OSError):
    """The ledger did not take the change, or cannot be read: locked, full, read-only, damaged, gone or too slow."""


class LedgerInUse(LedgerFault, OSError):
    """Another process of this installation writes the ledger, and the caller wanted to be the one."""


class SchemaTooNew(LedgerUnavailable, RuntimeError):
    """A later version of mailglass wrote this ledger; this one must not touch it. At the start a reason not to start;
    a file that came later is as good as none."""
