from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.public.public_port import PublicPort


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[PublicPort]:
    opened = await PublicPort.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def shared_port(port: PublicPort) -> PublicPort:
    """The same one for all examples of a property."""
    return port
