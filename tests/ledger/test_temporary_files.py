"""Nothing of the ledger is written anywhere but beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# SQLite looks for its folder of temporary files once, when a process first opens a database.
REGISTER = """
import asyncio, os, sys
from pathlib import Path
from ledger.records import LinkRecord
from ledger.store import Store
from tests.ledger.samples import a_record, settings_for

links = tuple(LinkRecord(n, f"https://example.org/{n}/{'x' * 500}", tracked=True) for n in range(1, 501))

async def main():
    store = await Store.open(settings_for(Path(sys.argv[1])))
    os.utime(sys.argv[2], (0, 0))  # the time would tell of a file that is made and removed at once
    # In a transaction of several records each statement could fail alone, so what it changes is kept until it ends.
    await asyncio.gather(*(store.register(a_record(link_list=links)) for _ in range(3)))
    await store.close()

asyncio.run(main())
"""


def test_records_with_many_links_need_no_temporary_files(tmp_path: Path) -> None:
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    temporary.mkdir()
    subprocess.run(
        [sys.executable, "-c", REGISTER, str(data), str(temporary)],
        env={**os.environ, "SQLITE_TMPDIR": str(temporary)},
        check=True,
        timeout=120,
    )
    assert temporary.stat().st_mtime == 0
    assert list(temporary.iterdir()) == []
