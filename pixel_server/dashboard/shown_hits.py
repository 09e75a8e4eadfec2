"""Which single hits may be shown at all: none in aggregate mode, where only counts are given."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from ledger.queries.hits import HitFilter, list_hits
from ledger.queries.rows import HitRow, Page, Viewer


def only_counts(settings: Settings) -> bool:
    return settings.tracking.identity == "aggregate"


async def shown_hits(
    settings: Settings, connection: AsyncConnection, viewer: Viewer, wanted: HitFilter, cursor: str | None, limit: int
) -> Page[HitRow]:
    if only_counts(settings):
        return Page(())
    return await list_hits(connection, viewer, wanted, cursor, limit)
