"""What ``mailglass export`` writes, beside what it is: subjects of strangers in a file that a spreadsheet opens."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from config.settings import Settings
from ledger.shared import open_ledger
from tests.command_line.conftest import Outcome
from tests.dashboard.letters import hit, letter


@pytest.mark.parametrize(
    ("subject", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        (" =1+1", "' =1+1"),  # some programs strip blanks
        ("\uff1d1+1", "'\uff1d1+1"),  # and some know the wide form
        ("a=1", "a=1"),
    ],
)
def test_a_subject_is_no_formula(mailglass: Callable[..., Outcome], tmp_path: Path, subject: str, cell: str) -> None:
    async def fill() -> None:
        ledger = await open_ledger(Settings(data_dir=tmp_path / "var"))
        record = letter(subject=subject)
        await ledger.register(record)
        await ledger.add_hits([hit(record.id)])
        await ledger.close()

    asyncio.run(fill())
    [row] = csv.DictReader(StringIO(mailglass("export").out))
    assert row["subject"] == cell
