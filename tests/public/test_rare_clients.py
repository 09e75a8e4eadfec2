"""Clients that are right and rare: who stop sending before they read, offer another protocol, wait to be asked for a
body, or carry many cookies. Each gets the answer that all others get."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from pixel_server.public.requests import RequestReader
from tests.ledger.samples import rows, the_row
from tests.public.public_port import PublicPort, until

DESTINATION = "https://example.org/?a=1"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


async def paths_of(port: PublicPort) -> dict[str, str]:
    urls = await port.message()
    named = {"pixel": urls.pixel(), "link": urls.link(1, DESTINATION), "page": urls.page()}
    paths = {name: url.split(str(port.number))[1] for name, url in named.items()}
    return paths | {"bare link": paths["link"].partition("?")[0], "health": "/healthz", "nothing": "/c/"}


def request(path: str, lines: str = "", *, method: str = "GET", version: str = "1.1") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: a\r\nUser-Agent: u\r\n{lines}\r\n".encode()


async def half_closed(port: PublicPort, raw: bytes) -> bytes:
    """What a client hears that has shut its side down behind its requests, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(raw)
    writer.write_eof()
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        ("pixel", "GET", 200),
        ("link", "GET", 302),
        ("link", "HEAD", 302),
        ("bare link", "GET", 302),
        ("page", "GET", 200),
        ("page", "POST", 200),
        ("health", "GET", 200),
        ("nothing", "GET", 404),
        ("pixel", "PUT", 405),
    ],
)
async def test_who_stops_sending_still_hears_the_answer(
    port: PublicPort, name: str, method: str, status: int, version: str
) -> None:
    path = (await paths_of(port))[name]
    body = "do=none" if method == "POST" else ""
    lines = f"{FORM}Content-Length: {len(body)}\r\n" if body else ""
    answer = await half_closed(port, request(path, lines, method=method, version=version) + body.encode())
    assert re.match(rb"HTTP/1\.[01] (\d+) ", answer)[1] == str(status).encode()  # type: ignore[index]
    await until(lambda: len(port.server._doors) == 0)


@pytest.mark.parametrize(
    ("asked", "statuses"),
    [
        (["pixel"] * 5, ["200"] * 5),
        (["nothing"] * 300, ["404"] * 300),
        (["link", "pixel", "bare link", "nothing"], ["302", "200", "302", "404"]),
        (["pixel", "health", "link", "health", "pixel"], ["200", "200", "302", "200", "200"]),
    ],
)
async def test_who_stops_sending_behind_several_requests_hears_all_the_answers(
    port: PublicPort, asked: list[str], statuses: list[str]
) -> None:
    paths = await paths_of(port)
    answer = await half_closed(port, b"".join(request(paths[name]) for name in asked))
    assert [status.decode() for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)] == statuses
    hits = sum(name in ("pixel", "link", "bare link") for name in asked)
    assert len(await rows(port.ledger, "SELECT seq FROM hit")) == hits


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /o/", b"\r\n", b"POST /p/x HTTP/1.1\r\nHost: a\r\nX-", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"],
)
async def test_who_stops_in_the_middle_of_a_request_is_let_go(port: PublicPort, beginning: bytes) -> None:
    assert b"200" not in await half_closed(port, beginning)
    await until(lambda: len(port.server._doors) == 0)


@pytest.mark.parametrize(
    ("version", "lines", "closes"),
    [
        ("1.1", "Host: a", False),
        ("1.1", "Host: a\r\nConnection: close", True),
        ("1.1", "Host: a\r\nConnection: keep-alive", False),
        ("1.1", "Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c", False),
        # nginx, as it speaks to what is behind it
        ("1.0", "Host: t.example.com\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close", True),
        ("1.0", "Host: a", True),
        ("1.0", "Host: a\r\nConnection: Keep-Alive", None),  # aiohttp answers that it does
        ("1.0", "Connection: close", None),
        ("1.2", "Host: a", None),
        ("2.0", "Host: a", None),
    ],
)
def test_what_proxies_send_goes_the_short_way(version: str, lines: str, closes: bool | None) -> None:
    asked = RequestReader().read(f"GET /o/x.gif HTTP/{version}\r\n{lines}".encode(), "192.0.2.1")
    assert (asked.closes if asked else None) == closes


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.0, HTTP/2.0"])
async def test_an_offer_to_speak_something_else_is_passed_over(port: PublicPort, offer: str) -> None:
    """RFC 9110 section 7.8. What follows on the connection is HTTP/1.1 and answered, or the connection is closed."""
    paths = await paths_of(port)
    lines = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {offer}\r\nHTTP2-Settings: AAMAAABk\r\n"
    last = request(paths["link"], "Connection: close\r\n")
    for name, statuses in (("pixel", [b"200", b"302"]), ("health", [b"200"]), ("page", [b"200"])):
        answer = await port.send(request(paths[name], lines) + last)
        assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == statuses
    assert b"HTTP/1.1 404 " in await port.send(request("example.com:443", method="CONNECT"))


@pytest.mark.parametrize("length", [4000, 9000, 15_000, 30_000])
async def test_a_visitor_with_many_cookies_is_led_on(port: PublicPort, length: int) -> None:
    """A browser sends all that were set for the domain above ours, and they are none of our business."""
    paths = await paths_of(port)
    cookies = f"Cookie: session={'a' * length}\r\nConnection: close\r\n"
    for name, status in (("pixel", b"200"), ("link", b"302"), ("page", b"200")):
        if name != "page" or length <= 15_000:
            assert (await port.send(request(paths[name], cookies))).split()[1] == status
    assert await the_row(port.ledger, "SELECT count(*) FROM hit") == (2,)


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(port: PublicPort) -> None:
    """RFC 9110 section 10.1.1."""
    page = (await paths_of(port))["page"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    lines = f"{FORM}Content-Length: 7\r\nExpect: 100-continue\r\nConnection: close\r\n"
    writer.write(request(page, lines, method="POST"))
    async with asyncio.timeout(20):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"do=stop")
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"100 Continue" not in answer


async def test_who_leaves_in_the_middle_of_a_body_leaves_no_fault_in_the_log(
    port: PublicPort, caplog: pytest.LogCaptureFixture
) -> None:
    page = (await paths_of(port))["page"]
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(request(page, f"{FORM}Content-Length: 100\r\n", method="POST") + b"do")
    await until(lambda: any(handler._current_request for handler in port.server._web.connections))  # type: ignore[union-attr]
    writer.transport.abort()
    await until(lambda: len(port.server._doors) == 0)
    assert (await port.get("/healthz")).status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
