"""An upstream whose verdicts are scripted, and the spool's parts joined to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from relay import failpoints
from tests.spool.scripted_upstream import ScriptedUpstream, scripted_upstream
from tests.spool.workbench import Workbench, workbench


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream() as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Workbench]:
    made = workbench(tmp_path / "spool", upstream)
    yield made
    failpoints.arm("")
    made.spool.close()
