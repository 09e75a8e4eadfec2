"""What was before the first look at the ledger is no news: a hit that comes before it is told to nobody."""

from __future__ import annotations

import time

from ledger.queries.notices import looked_at
from tests.dashboard.house import House


def wait_for_the_first_look(house: House) -> None:
    async def has_looked() -> bool:
        async with house.ledger.read() as connection:
            return await looked_at(connection) is not None

    end = time.monotonic() + 60
    while not house.run(has_looked()):
        assert time.monotonic() < end, "the first look did not come about"
        time.sleep(0.02)
