"""Requests that are right and rare, and those that are nearly right: what of them is answered, and how."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from urllib.parse import quote, urljoin

import pytest
from aiohttp import web

from pixel_server.dashboard import metrics, static
from pixel_server.dashboard.app import API, PAGES
from pixel_server.public.requests import RequestReader
from tests.ledger.samples import rows, the_row
from tests.public.public_port import PublicPort, parse

DESTINATION = "https://example.org/?a=1"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_target_in_absolute_form_is_the_same_target(port: PublicPort, method: str) -> None:
    """RFC 9112 section 3.2.2: a server must accept it, and some proxies send it."""
    urls = await port.message()
    for url, status in ((urls.pixel(), b"200"), (urls.link(1, DESTINATION), b"302")):
        answer = await port.send(f"{method} {url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert answer.split()[1] == status
        assert (f"Location: {DESTINATION}\r\n".encode() in answer) == (status == b"302")
    assert await the_row(port.ledger, "SELECT count(*) FROM hit WHERE message_seq IS NOT NULL") == (2,)


async def test_what_stands_in_a_query_behind_an_authority_is_no_path(port: PublicPort) -> None:
    path = (await port.message()).pixel().split(str(port.number))[1]
    for target in (f"http://a?u={path}", f"https://a?{path}", "http://a?", "http://a"):
        answer = await port.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert answer.split()[1] == b"404", target
    assert await rows(port.ledger, "SELECT * FROM hit") == []


@pytest.mark.parametrize("lines", ["", "Host: a\r\n", "Connection: keep-alive\r\n", "User-Agent: old\r\n"])
async def test_http_1_0_is_spoken_too(port: PublicPort, lines: str) -> None:
    urls = await port.message()
    pixel, link = (url.split(str(port.number))[1] for url in (urls.pixel(), urls.link(1, DESTINATION)))
    for path, status in ((pixel, 200), (link, 302), ("/healthz", 200), ("/nothing", 404)):
        last = f"GET {path} HTTP/1.0\r\n{lines}\r\n"
        # One that asks to be kept open is; then the next request ends it.
        closing = f"GET {path} HTTP/1.0\r\n\r\n" if "keep-alive" in lines else ""
        answer = parse(await port.send((last + closing).encode()))
        assert answer.status == status
        assert answer.headers.get("Location") == (DESTINATION if status == 302 else None)


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9"])
async def test_no_answer_claims_a_version_that_is_not_spoken_here(port: PublicPort, version: str) -> None:
    path = (await port.message()).pixel().split(str(port.number))[1]
    answer = await port.send(f"GET {path} {version}\r\nHost: a\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.0 ", b"HTTP/1.1 "))


@pytest.mark.parametrize("length", [900, 8000, 20_000, 60_000])
async def test_a_long_link_that_was_delivered_leads_where_it_should(port: PublicPort, length: int) -> None:
    destination = "https://example.org/?q=" + "%2F" * (length // 5)
    link = (await port.message()).link(1, destination)
    assert (await port.get(link)).headers["Location"] == destination


@pytest.mark.parametrize(
    "asked",
    [
        {"Range": "bytes=0-1"},
        {"Range": "bytes=100-"},
        {"If_None_Match": "*"},
        {"If_None_Match": '"x"'},
        {"If_Modified_Since": "Tue, 24 Nov 2026 10:00:00 GMT"},
        {"If_Match": '"x"'},
        {"If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"Accept": "text/plain;q=1, */*;q=0"},
        {"Accept_Encoding": "gzip, br"},
    ],
)
async def test_there_is_only_one_answer_whole_and_new(port: PublicPort, asked: dict[str, str]) -> None:
    """W15: with a part, or a "not modified", a second look would leave no second hit."""
    urls = await port.message()
    for url, status, body in ((urls.pixel(), 200, b"GIF89a"), (urls.link(1, DESTINATION), 302, b"")):
        for _ in range(2):
            answer = await port.get(url, **asked)
            assert (answer.status, answer.body[:6]) == (status, body)
            assert answer.headers["Cache-Control"] == "no-store"
            for name in ("ETag", "Last-Modified", "Expires", "Age", "Set-Cookie", "Content-Encoding", "Vary"):
                assert name not in answer.headers
    assert await the_row(port.ledger, "SELECT count(*) FROM hit") == (4,)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_page_says_what_can_be_done_with_it(port: PublicPort, method: str) -> None:
    answer = await port.get((await port.message()).page(), method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_head_of_everything_is_get_without_its_body(port: PublicPort) -> None:
    urls = await port.message()
    for url in (urls.page(), urls.page() + "?lang=ja", "/healthz", "/robots.txt", "/privacy", "/nothing", "/c/x"):
        get, head = await port.get(url), await port.get(url, "HEAD")
        assert (head.status, head.body) == (get.status, b"")
        assert head.headers | {"Date": ""} == get.headers | {"Date": ""}
        assert int(head.headers["Content-Length"]) == len(get.body)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        # what programs do to addresses without changing what they mean (RFC 3986 section 6.2.2)
        ("escape a letter", 302),
        ("escape the slash's neighbour", 302),
        ("lower-case escapes", 302),
        ("a parameter before", 302),
        ("a parameter behind", 302),
        ("a fragment", 302),
        # what mail programs take for a part of it in a text without spaces
        ("Japanese words behind it", 302),
        ("the same in Shift_JIS", 302),
        # what makes it another one
        ("a dot behind the token", 404),
        ("a slash behind the token", 404),
        ("a bracket at the end", 404),
        ("two slashes", 404),
        ("Japanese words before it", 404),
        ("Japanese words behind another one", 404),
        ("upper case", 404),
    ],
)
async def test_a_link_is_known_however_it_is_spelt_and_no_other_is(port: PublicPort, kind: str, status: int) -> None:
    destination = "https://example.org/a%2Fb?c=%2f"
    link = (await port.message()).link(1, destination)
    path, query = link.split(str(port.number))[1].split("?")
    spelt = {
        "escape a letter": f"/c/%{ord(path[3]):02x}{path[4:]}?{query}",
        "escape the slash's neighbour": f"/%63{path[2:]}?{query}",
        "lower-case escapes": f"{path}?{query.replace('%3D', '%3d').replace('%3F', '%3f').replace('%25', '%25')}",
        "a parameter before": f"{path}?utm_source=mail&{query}",
        "a parameter behind": f"{path}?{query}&fbclid=x&u=https://evil.example/",
        "a fragment": f"{path}?{query}#top",
        "Japanese words behind it": f"{path}?{query}{quote('。次に?a=1')}",
        "the same in Shift_JIS": f"{path}?{query}{quote('。次に', encoding='shift_jis')}",
        "Japanese words before it": f"{path}?u={quote('。')}{query[2:]}",
        "Japanese words behind another one": f"{path}?{query}x{quote('。')}",
        "a dot behind the token": f"{path}.?{query}",
        "a slash behind the token": f"{path}/?{query}",
        "a bracket at the end": f"{path}?{query})",
        "two slashes": f"/{path}?{query}",
        "upper case": f"/C{path[2:]}?{query}",
    }[kind]
    answer = await port.get(spelt)
    assert answer.status == status, spelt
    assert answer.headers.get("Location") == (destination if status == 302 else None)


async def test_everything_is_found_below_the_path_of_public_url_whether_a_proxy_takes_it_off_or_not(
    tmp_path: Path,
) -> None:
    port = await PublicPort.open(tmp_path, tracking={"public_url": "https://example.com/t"})
    urls = await port.message()
    for prefix in ("", "/t"):
        page = prefix + urls.page().split(str(port.number))[1]
        for path in ("/healthz", "/robots.txt", "/privacy"):
            assert (await port.get(prefix + path)).status == 200
        found = re.search(r'href="(\.\./privacy[^"]*)"', (await port.get(page)).text)
        assert found is not None
        assert (await port.get(urljoin(page, found[1]))).status == 200, "where the page itself leads"
        assert (await port.get(page, "POST", b"do=stop")).status == 200
    assert (await port.get("/tt/healthz")).status == 404
    await port.close()


@pytest.mark.parametrize("letter", ["o", "c", "p"])
async def test_the_path_of_public_url_may_look_like_one_of_ours(tmp_path: Path, letter: str) -> None:
    port = await PublicPort.open(tmp_path, tracking={"public_url": f"https://example.com/{letter}"})
    urls = await port.message()
    own = [(urls.pixel(), 200), (urls.link(1, DESTINATION), 302), (urls.page(), 200)]
    for url, status in [*own, ("/privacy", 200), ("/healthz", 200), ("/nothing", 404)]:
        path = url.removeprefix(f"http://127.0.0.1:{port.number}")
        assert [(await port.get(prefix + path)).status for prefix in ("", f"/{letter}")] == [status, status]
    await port.close()


async def test_what_stands_in_a_query_is_no_path(port: PublicPort) -> None:
    urls = await port.message()
    for url in (urls.page() + "?lang=ja&from=/c/x", "/healthz?from=/o/x", "/privacy?/c/"):
        assert (await port.get(url)).status == 200


async def test_after_its_time_is_up_everything_answers_and_nothing_is_kept(port: PublicPort) -> None:
    over = await port.message(record_until=datetime.now(UTC) - timedelta(seconds=1))
    running = await port.message(record_until=datetime.now(UTC) + timedelta(hours=1))
    for urls in (over, running):
        assert (await port.get(urls.pixel())).status == 200
        assert (await port.get(urls.link(1, DESTINATION))).headers["Location"] == DESTINATION
        assert (await port.get(urls.page())).status == 200
    kept = await rows(port.ledger, "SELECT m.id, count(*) FROM hit JOIN message m ON m.seq = message_seq GROUP BY 1")
    assert kept == [(running.message.raw, 2)]


def private_paths() -> set[str]:
    routes = [route for module in (*PAGES, *API, metrics, static) for route in module.ROUTES]
    paths = {route.path for route in routes if isinstance(route, web.RouteDef)}
    return {re.sub(r"\{[^}]*\}", "x", path) for path in paths} - {"/healthz"}  # each port has one of its own


async def test_no_page_of_the_dashboard_is_on_the_public_port(port: PublicPort) -> None:
    """W11."""
    paths = private_paths()
    assert {"/messages", "/login", "/metrics", "/api/v1/messages", "/static/x"} <= paths
    for path in sorted(paths):
        for method in ("GET", "POST"):
            answer = await port.get(path, method)
            assert (answer.status, answer.body) == (404, b"There is nothing here.\n"), path


def test_no_target_takes_longer_than_its_length() -> None:
    """One expression for the whole line took half a minute for this; what is left of the time is a machine's."""
    began = process_time()
    assert RequestReader().read(b"GET /" + b"o/" * 32_000 + b" HTTP/1.0\r\nHost: a\r\n", "192.0.2.1") is None
    assert process_time() - began < 2
