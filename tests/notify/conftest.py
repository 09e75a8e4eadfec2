from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Dashboard
from tests.dashboard.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "var", dashboard=Dashboard(private_webhooks=True))
    yield made
    made.close()
