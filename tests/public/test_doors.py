"""How many connections stay open, and for whom: a flood from one address keeps nobody else out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_server.public import lean
from pixel_server.public.doors import Doors
from tests.public.public_port import PublicPort, until


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "proxy"]), st.booleans()), max_size=60))
def test_doors_count_who_is_inside(moves: list[tuple[str, bool]]) -> None:
    doors = Doors(open_files=40, per_source=5, in_all=20)
    inside: dict[str, list[str]] = {"a": [], "b": [], "proxy": []}
    for who, comes in moves:
        if comes:
            before = {name: len(entries) for name, entries in inside.items()}
            entry = doors.let_in(who, who == "proxy")
            full = sum(before.values()) >= 20 or (who != "proxy" and before[who] >= 5)
            assert (entry is None) == full
            if entry is not None:
                inside[who].append(entry)
        elif inside[who]:
            doors.let_out(inside[who].pop())
        assert len(doors) == sum(map(len, inside.values()))


async def open_some(port: PublicPort, number: int) -> list[asyncio.StreamWriter]:
    return [(await asyncio.open_connection("127.0.0.1", port.number))[1] for _ in range(number)]


async def test_one_address_has_two_hundred_connections_and_then_a_429(port: PublicPort) -> None:
    urls = await port.message()
    held = await open_some(port, 200)
    await until(lambda: len(port.server._doors) == 200)
    refused = await port.get(urls.pixel())
    assert (refused.status, refused.headers["Connection"]) == (429, "close")
    held.pop().close()
    await until(lambda: len(port.server._doors) == 199)
    assert (await port.get(urls.pixel())).status == 200
    # Those that went over to aiohttp are counted out as well.
    assert (await port.get("/healthz")).status == 200
    await until(lambda: len(port.server._doors) == 199)
    for writer in held:
        writer.close()
    await until(lambda: len(port.server._doors) == 0)


async def test_a_trusted_proxy_may_bring_as_many_as_it_has(tmp_path: Path) -> None:
    port = await PublicPort.open(tmp_path, pixel_server={"trusted_proxies": ["127.0.0.0/8"]})
    urls = await port.message()
    held = await open_some(port, 210)
    await until(lambda: len(port.server._doors) == 210)
    assert (await port.get(urls.pixel())).status == 200
    for writer in held:
        writer.close()
    await port.close()


@pytest.mark.parametrize("beginning", [b"", b"GET /o/", b"POST /p/x HTTP/1.1\r\nHost: a\r\nX-", b"\r\n", b"OPTIONS "])
async def test_who_says_nothing_whole_is_shown_out(
    port: PublicPort, beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "IDLE_SECONDS", 0.5)
    assert port.server._web is not None
    monkeypatch.setitem(port.server._web._kwargs, "keepalive_timeout", 0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(beginning)
    async with asyncio.timeout(20):
        assert b"200" not in await reader.read()
    writer.close()
    await until(lambda: len(port.server._doors) == 0)


async def test_addresses_and_user_agents_are_forgotten(port: PublicPort) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    assert port.server._reader._heads
    port.server._reader.forget()
    port.server._desk.forget_visitors()
    assert not port.server._reader._heads
    assert port.server._desk._places.at.cache_info().currsize == 0
    assert (await port.get(urls.pixel())).status == 200
