"""A message is cut off while it is being put on record: what its record comes to."""

from __future__ import annotations

import asyncio
import time

from ledger.message_id import MessageId
from ledger.store import Store
from tests.ledger.samples import a_hit, a_record, rows


async def test_a_registration_given_up_at_whatever_moment_leaves_no_record(store: Store) -> None:
    """A message that is cut off while it is put on record: else the record would stay without an end."""
    record = a_record()
    began = time.perf_counter()
    await store.register(record)
    seconds, kept = time.perf_counter() - began, {record.id}
    for number in range(200):
        record = a_record()
        task = asyncio.create_task(store.register(record))
        await asyncio.wait([task], timeout=seconds * (number % 40) / 20)  # before the commit, in it, after it
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if result is None:
            kept.add(record.id)
    await store.add_hits([a_hit(a_record().id)])  # what was under way before it is through
    assert {MessageId(raw) for (raw,) in await rows(store, "SELECT id FROM message")} == kept
