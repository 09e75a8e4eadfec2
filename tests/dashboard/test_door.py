"""How many connections the page holds, and what becomes of those beyond."""

from __future__ import annotations

import asyncio

from aiohttp import web

from pixel_server.dashboard.door import Door


async def answer(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="here")


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        return await reader.read()
    except ConnectionResetError:  # it was closed before our request was read
        return b""
    finally:
        writer.close()


async def test_who_says_nothing_leaves_room_for_others_and_makes_it_by_going() -> None:
    server = web.Server(answer)
    listening = await asyncio.get_running_loop().create_server(Door(server, open_files=40), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    held = []
    async with asyncio.timeout(60):
        for number in range(1, 5):
            held.append((await asyncio.open_connection("127.0.0.1", port))[1])
            while len(server.connections) < number:
                await asyncio.sleep(0.01)
        assert (await ask(port))[:12] in (b"HTTP/1.1 503", b"")
        assert len(server.connections) == 4
        held.pop().close()
        while len(server.connections) > 3:
            await asyncio.sleep(0.01)
        assert (await ask(port)).endswith(b"here")
    for writer in held:
        writer.close()
    listening.close()
    await server.shutdown(1.0)
