from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation


@pytest.fixture
def mailglass(tmp_path: Path) -> Iterator[Installation]:
    """One that is not started yet; stopped at the end."""
    installation = Installation(tmp_path / "installation")
    yield installation
    installation.stop()
