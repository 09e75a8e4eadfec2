"""A list of consents as spreadsheets write it: CSV with commas, semicolons or tabs, as rows or one sentence on what is
wrong in which line.

What is cut or guessed here would stand in the register as proof, so a row that does not fit its header is refused and
so is text in an unknown charset. Knows nothing of the register.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.consent_events import ConsentPurpose
from ledger.consents import ALL_PURPOSES
from ledger.people import is_mailbox

NEEDED_COLUMNS = ("address", "method", "evidence")
_SEPARATORS = ",;\t"  # of these the one that the header has most of; Excel writes what the country's numbers leave free


class TableFault(ValueError):
    """The list cannot be read as it stands; the text says where and why, without the file's name."""


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """``line`` is where the row begins, as an editor counts. Without ``proof`` nobody can show the consent."""

    line: int
    address: str
    purposes: Sequence[ConsentPurpose]
    proof: str


def rows_of(raw: bytes) -> list[ConsentRow]:
    """Raises TableFault for the first line that is not as it has to be: then no row counts."""
    text = _decoded(raw)
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    # strict: else a quote that is never closed makes one row's evidence of all the rows after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begun = 1
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in NEEDED_COLUMNS if name not in names]
        if missing:
            needed = ", ".join(NEEDED_COLUMNS)
            raise TableFault(f"line 1 lacks the column {', '.join(missing)}; it has to name {needed}")
        rows = []
        begun = reader.line_num + 1
        for fields in reader:
            if any(field.strip() for field in fields):  # blank lines, and the empty rows below a sheet
                rows.append(_row_of(begun, names, fields))
            begun = reader.line_num + 1
    except csv.Error as fault:
        raise TableFault(f"the row begun in line {begun} is no CSV: {fault}") from None
    return rows


def _decoded(raw: bytes) -> str:
    charset = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(charset)
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise TableFault(f'line {line} is not in UTF-8; save the list as "CSV UTF-8"') from None


def _row_of(line: int, names: Sequence[str], fields: Sequence[str]) -> ConsentRow:
    if any(field.strip() for field in fields[len(names) :]):
        raise TableFault(f"line {line} has more fields than the header; text with a separator in it needs quotes")
    row = {name: field.strip() for name, field in zip(names, fields, strict=False)}
    address = row.get("address", "")
    method, evidence = (row.get(name, "").replace("\0", "").strip() for name in ("method", "evidence"))
    if not is_mailbox(address):
        raise TableFault(f'line {line}: "{address}" is no address')
    return ConsentRow(
        line, address, _purposes(line, row.get("purposes", "")), f"{method}: {evidence}" if method and evidence else ""
    )


def _purposes(line: int, text: str) -> Sequence[ConsentPurpose]:
    words = text.lower().replace(",", " ").replace(";", " ").split()
    try:
        return [ConsentPurpose(word) for word in words] or ALL_PURPOSES
    except ValueError:
        raise TableFault(f'line {line}: purposes are opens and links, not "{text}"') from None
