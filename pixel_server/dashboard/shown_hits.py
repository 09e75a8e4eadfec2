"""Which single hits may be shown at all (none in aggregate mode, where only counts are given), and as what."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from ledger.queries.hits import HitFilter, list_hits
from ledger.queries.rows import HitRow, Page, Viewer


def only_counts(settings: Settings) -> bool:
    return settings.tracking.identity == "aggregate"


def is_again(hit: HitRow) -> bool:
    """Whether it is the same open or click looked at again, which moves the last time and counts for nothing."""
    return hit.message is not None and not hit.counted


async def shown_hits(
    settings: Settings, connection: AsyncConnection, viewer: Viewer, wanted: HitFilter, cursor: str | None, limit: int
) -> Page[HitRow]:
    if only_counts(settings):
        return Page(())
    return await list_hits(connection, viewer, wanted, cursor, limit)
