"""A ledger on SQLite, and on PostgreSQL where one can be started here (``MAILGLASS_POSTGRES`` names another)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.settings import Settings
from ledger.store import Store
from tests.ledger.postgres import PostgresServer
from tests.ledger.samples import settings_for


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return settings_for(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return settings_for(tmp_path, ledger={"url": server.new_database()})


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    opened = await Store.open(settings)
    yield opened
    await opened.close()
