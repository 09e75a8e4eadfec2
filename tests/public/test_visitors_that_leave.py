"""E06, over sockets: a thousand visitors who leave at any moment. Nobody's answered hit is lost, nothing stays open."""

from __future__ import annotations

import asyncio
import random
import socket
import sqlite3
import struct
from contextlib import closing

from tests.ledger.samples import the_row
from tests.public.public_port import PublicPort, until

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


async def visit(port: PublicPort, path: str, dice: random.Random) -> bool:
    """Asks, and stays for the answer or not; whether it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: u{dice.random()}\r\n\r\n".encode()
    leaving = dice.choice(["stays", "in the request", "at once", "soon", "half"])
    try:
        if leaving == "in the request":
            writer.write(request[: dice.randrange(len(request))])
            return False
        writer.write(request)
        if leaving == "half":
            writer.write_eof()
        if leaving == "soon":
            await asyncio.sleep(dice.random() / 200)
        if leaving in ("at once", "soon"):
            return False
        answer = await reader.readuntil(b"\r\n\r\n")
        return answer.startswith(b"HTTP/1.1 200 ")
    finally:
        if leaving in ("at once", "soon") and dice.random() < 0.5:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.close()


async def test_a_thousand_visitors_who_leave_cost_nobodys_hit(port: PublicPort) -> None:
    urls = [await port.message() for _ in range(20)]
    paths = [one.pixel().split(str(port.number))[1] for one in urls]
    dice, turns = random.Random(7), asyncio.Semaphore(50)

    async def one(number: int) -> bool:
        async with turns:
            return await visit(port, paths[number % len(paths)], dice)

    answered = sum(await asyncio.gather(*(one(number) for number in range(1000))))
    assert answered > 250
    await until(lambda: len(port.server._doors) == 0)
    assert port.ledger.fault is None
    assert port.server.ingest.counters.dropped == 0
    (stored,) = await the_row(port.ledger, "SELECT coalesce(sum(repeats), 0) FROM hit")
    assert answered <= stored <= 1000
    assert port.ledger.place.path is not None
    with closing(sqlite3.connect(port.ledger.place.path, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")  # no transaction was left open
        other.execute("ROLLBACK")
    # The next one is served as if nothing had been.
    assert (await port.get(urls[0].pixel())).status == 200
