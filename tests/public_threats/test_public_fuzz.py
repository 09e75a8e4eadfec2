"""Whatever is sent to the public port, it answers with few statuses, says nothing of itself, and goes on."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.public_threats.test_public_threats import ALLOWED, BASE, Site, site


class _ErrorsSeen(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, int]]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    started, stop = threading.Event(), asyncio.Event()
    found: list[tuple[Site, int, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with site(folder) as here:
            found.append((here, here.server.port, asyncio.get_running_loop()))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    here, port, loop = found[0]
    yield here, port
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


def ask(port: int, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while data := connection.recv(65536):
                answer += data
        except ConnectionError:
            pass
        return answer


words = st.sampled_from(
    [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "get",
        "PRI",
        "",
        "G\tT",
        "\x00",
        "GETGET",
        "PROPFIND",
    ]
)
values = st.text(st.characters(max_codepoint=255), max_size=40)
names = st.sampled_from(
    ["Host", "host", "User-Agent", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "Cookie",
     "X-Forwarded-For", "Forwarded", "Sec-Purpose", "Content-Encoding", "Content-Type", "Te", "Trailer", "X" * 300]
)  # fmt: skip
likely = st.sampled_from(
    ["close", "keep-alive, upgrade", "chunked", "0", "5", "99999999", "-1", "gzip", "x", "100-continue", "h2c",
     "websocket", "prefetch", "text/html; charset=bogus", "::1, 10.0.0.1", "for=_x"]
)  # fmt: skip
versions = st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", "", "HTTP/1.1 x"])


@given(
    words,
    st.sampled_from(["pixel", "link", "page", "other"]),
    values,
    st.lists(st.tuples(names | values, likely | values), max_size=6),
    versions,
    st.binary(max_size=60),
    st.booleans(),
)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_the_promised_statuses_come_back(
    running: tuple[Site, int], method: str, what: str, more: str, headers: list[tuple[str, str]], version: str,
    body: bytes, hosted: bool,
) -> None:  # fmt: skip
    here, port = running
    errors = _ErrorsSeen()
    logging.getLogger().addHandler(errors)
    try:
        link = here.urls.link(1, "https://example.com/1")
        urls = {"pixel": here.urls.pixel(), "link": link, "page": here.urls.page(), "other": BASE + "/"}
        lines = [f"{method} {urls[what].removeprefix(BASE)}{more} {version}"]
        lines += ["Host: x"] if hosted else []
        lines += [f"{name}: {value}" for name, value in headers]
        raw = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        answer = ask(port, raw)
        for status in re.findall(rb"^HTTP/\d\.\d (\d+)", answer, re.MULTILINE):
            assert int(status) in ALLOWED
        assert not answer or answer.startswith((b"HTTP/1.0 ", b"HTTP/1.1 "))
        assert b"\r\nServer:" not in answer
        assert b"\r\nSet-Cookie:" not in answer
        assert b"aiohttp" not in answer.lower()
        assert not errors.records
        # It goes on.
        pixel = urls["pixel"].removeprefix(BASE).encode()
        good = ask(port, b"GET " + pixel + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert good.startswith(b"HTTP/1.1 200 ")
    finally:
        logging.getLogger().removeHandler(errors)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_octets_of_any_kind_are_survived(running: tuple[Site, int], raw: bytes) -> None:
    answer = ask(running[1], raw)
    for status in re.findall(rb"^HTTP/\d\.\d (\d+)", answer, re.MULTILINE):
        assert int(status) in ALLOWED
