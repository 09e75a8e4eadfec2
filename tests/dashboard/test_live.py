"""Server-sent events, read line by line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ledger.accounts import revoke_token
from pixel_server.dashboard import live
from pixel_server.dashboard.live import STREAMS
from tests.dashboard.house import House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor

SOON = 5.0


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str, Any]]:
    """(id, event, data) for each event; comments and retry left out."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            fields = {}
        else:
            fields = {}


async def test_a_hit_is_told_as_soon_as_it_is_there(house: House, visitor: Visitor):
    house.add_account("hanna", admin=True)
    record = letter(subject="Offer")
    house.register(record)
    await visitor.log_in()
    async with visitor.session.get(visitor.url + "/api/v1/events?after=0") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        stream = events(answer)
        one = hit(record.id)
        await asyncio.to_thread(house.add_hits, one)
        async with asyncio.timeout(SOON):
            event_id, kind, data = await anext(stream)
        assert (event_id, kind) == (one.id, "hit")
        assert (data["message"], data["subject"], data["class"]) == (str(record.id), "Offer", "human")


async def test_what_was_missed_comes_first_and_in_order(house: House, visitor: Visitor):
    token = house.add_token(house.add_account("hanna", admin=True))
    record = letter()
    house.register(record)
    hits = [hit(record.id) for _ in range(4)]
    house.add_hits(*hits)
    headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": hits[1].id}
    async with visitor.session.get(visitor.url + "/api/v1/events", headers=headers) as answer:
        stream = events(answer)
        async with asyncio.timeout(SOON):
            told = [(await anext(stream))[0] for _ in range(2)]
        assert told == [hits[2].id, hits[3].id]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("after=yesterday", "after is not"),
        ("since=2026-11-24", "since is not known"),
        ("after=0&after=0", "after is given"),
    ],
)
async def test_a_stream_that_would_be_silent_for_ever_is_refused(
    house: House, visitor: Visitor, asked: str, named: str
):
    headers = {"Authorization": f"Bearer {house.add_token(house.add_account('hanna', admin=True))}"}
    async with visitor.session.get(f"{visitor.url}/api/v1/events?{asked}", headers=headers) as answer:
        assert answer.status == 400
        assert named in (await answer.json())["message"]


async def test_a_last_event_that_is_none_of_ours_begins_with_what_comes(house: House, visitor: Visitor):
    token = house.add_token(house.add_account("hanna", admin=True))
    stopped, opened = letter(), letter()
    house.register(stopped)
    house.register(opened)
    headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": "zz"}
    async with visitor.session.get(visitor.url + "/api/v1/events", headers=headers) as answer:
        stream = events(answer)
        await asyncio.to_thread(lambda: house.run(house.ledger.stop(stopped.id, house.now)))
        async with asyncio.timeout(SOON):
            assert (await anext(stream))[1] == "message"
        one = hit(opened.id)
        await asyncio.to_thread(house.add_hits, one)
        async with asyncio.timeout(SOON):
            assert (await anext(stream))[:2] == (one.id, "hit")


async def test_a_reader_hears_only_of_their_own_mail(house: House, visitor: Visitor):
    token = house.add_token(house.add_account("joris", addresses=["joris@example.com"]))
    other, mine = letter(), letter(sender="joris@example.com")
    house.register(other)
    house.register(mine)
    headers = {"Authorization": f"Bearer {token}"}
    async with visitor.session.get(visitor.url + "/api/v1/events?after=0", headers=headers) as answer:
        stream = events(answer)
        await asyncio.to_thread(house.add_hits, hit(other.id))
        await asyncio.to_thread(lambda: house.run(house.ledger.stop(other.id, house.now)))
        await asyncio.to_thread(house.add_hits, hit(mine.id))
        async with asyncio.timeout(SOON):
            _, kind, data = await anext(stream)
        assert (kind, data["message"]) == ("hit", str(mine.id))


async def test_changes_of_messages_are_told(house: House, visitor: Visitor):
    token = house.add_token(house.add_account("hanna", admin=True))
    record = letter()
    house.register(record)
    headers = {"Authorization": f"Bearer {token}"}
    async with visitor.session.get(visitor.url + "/api/v1/events?after=0", headers=headers) as answer:
        stream = events(answer)
        await asyncio.to_thread(lambda: house.run(house.ledger.stop(record.id, house.now)))
        async with asyncio.timeout(SOON):
            _, kind, data = await anext(stream)
        assert (kind, data["id"]) == ("message", str(record.id))


async def test_an_open_stream_does_not_hold_up_the_end(tmp_path, house: House, visitor: Visitor):
    token = house.add_token(house.add_account("hanna"))
    headers = {"Authorization": f"Bearer {token}"}
    async with visitor.session.get(visitor.url + "/api/v1/events", headers=headers) as answer:
        assert answer.status == 200
        other = House(tmp_path / "other")  # a house of its own, so that closing it twice is nobody's trouble
        token = other.add_token(other.add_account("hanna"))
        async with visitor.session.get(
            other.url + "/api/v1/events", headers={"Authorization": f"Bearer {token}"}
        ) as open_stream:
            assert open_stream.status == 200
            async with asyncio.timeout(SOON):
                await asyncio.to_thread(other.close)


async def test_who_is_shut_out_hears_no_more_however_much_happens(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live, "LOOK_AGAIN_SECONDS", 0.0)
    token = house.add_token(house.add_account("hanna", admin=True))
    record = letter()
    house.register(record)
    headers = {"Authorization": f"Bearer {token}"}
    async with visitor.session.get(visitor.url + "/api/v1/events?after=0", headers=headers) as answer:
        stream = events(answer)
        await asyncio.to_thread(house.add_hits, hit(record.id))
        async with asyncio.timeout(SOON):
            assert (await anext(stream))[1] == "hit"
        await asyncio.to_thread(lambda: house.run(house.ledger.write(revoke_token, 1, house.now)))
        await asyncio.to_thread(house.add_hits, hit(record.id))
        async with asyncio.timeout(SOON):
            assert [event async for event in stream] == []


async def test_one_account_listens_so_many_times_and_no_more(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    first, second = (house.add_token(house.add_account(name)) for name in ("hanna", "joris"))
    headers = {"Authorization": f"Bearer {first}"}
    async with visitor.session.get(visitor.url + "/api/v1/events", headers=headers) as answer:
        assert answer.status == 200
        refused = await visitor.get("/api/v1/events", headers=headers)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "15")
        others = {"Authorization": f"Bearer {second}"}
        async with visitor.session.get(visitor.url + "/api/v1/events", headers=others) as other:
            assert other.status == 200


async def test_a_stranger_hears_nothing(house: House, visitor: Visitor):
    assert (await visitor.get("/api/v1/events")).status == 401


async def test_who_leaves_before_the_stream_begins_is_no_fault_of_ours(
    house: House, visitor: Visitor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """The connection closes between the request and the first octet of the answer."""
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    prepare, gone = web.StreamResponse.prepare, iter([True])

    async def prepared(response: web.StreamResponse, request: web.BaseRequest) -> Any:
        if next(gone, False):
            raise ConnectionResetError("Cannot write to closing transport")
        return await prepare(response, request)

    monkeypatch.setattr(web.StreamResponse, "prepare", prepared)
    assert (await visitor.get("/api/v1/events")).text == ""
    assert "a page failed" not in caplog.text
    assert not house.app[STREAMS]
