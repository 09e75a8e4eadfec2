"""Tables as CSV for spreadsheets. Pure.

A spreadsheet runs a cell that begins like a formula, and subjects and addresses are written by strangers: such a cell
gets an apostrophe in front, which spreadsheets take for "text".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def comma_separated(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 with a byte order mark, without which Excel reads it in the local code page; CRLF as in RFC 4180."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode("utf-8", "replace")


def harmless(cell: object) -> object:
    """The cell as it is, or with an apostrophe in front where a spreadsheet would run it."""
    if isinstance(cell, str) and cell.lstrip(" \u00a0\ufeff").startswith(_FORMULA):
        return "'" + cell
    return cell
