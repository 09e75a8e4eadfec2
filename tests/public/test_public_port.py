"""What the public port says, to whom, and what of it is kept."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.records import LinkRecord
from ledger.tokens import Purpose, Target, mint
from pixel_server.public import lean
from tests.ledger.samples import rows, the_row
from tests.public.public_port import PublicPort, new_id, parse

# Each is rewritten by URL libraries: decoded, normalised, or without its port.
NASTY = (
    "https://example.org/%7Euser",
    "https://example.org/s3?sig=ab%2Fc%3D&x=%zz",
    "https://example.org/a/%2e%2e/b",
    "https://example.org:443/",
    "http://EXAMPLE.org",
    "https://example.org/a//b?&&=",
    "https://example.org/?q=a+b%20c&u=https://example.net/",
    "https://user:pa%40ss@example.org/#frag%C3%A4/?",
    "https://xn--bcher-kva.example/;p=1|2^3`{}",
    "https://[2001:db8::1]:8443/x",
    "https://example.org/?'onclick=alert(1)//<script>",
)


async def test_a_pixel_is_the_same_43_octets_for_every_token(port: PublicPort) -> None:
    urls = await port.message()
    good = await port.get(urls.pixel())
    for url in (urls.pixel()[:-6] + "AA.gif", port.urls(new_id()).pixel()):
        other = await port.get(url)
        assert (other.status, other.headers | {"Date": ""}, other.body) == (
            good.status,
            good.headers | {"Date": ""},
            good.body,
        )
    assert good.status == 200
    assert good.headers["Content-Type"] == "image/gif"
    assert good.headers["Cache-Control"] == "no-store"
    assert len(good.body) == 43
    assert good.body.startswith(b"GIF89a")


@pytest.mark.parametrize("destination", NASTY)
async def test_a_link_leads_exactly_where_the_mail_said(port: PublicPort, destination: str) -> None:
    urls = await port.message(link_list=(LinkRecord(1, destination, tracked=True),))
    with_u = urls.link(1, destination)
    for url in (with_u, with_u.partition("?")[0], with_u.partition("?")[0] + "?u=", with_u + "&utm_source=x&u=evil"):
        answer = await port.get(url)
        assert (answer.status, answer.headers.get("Location")) == (302, destination), url
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.body == b""


async def test_a_link_that_lost_its_destination_waits_for_a_ledger_that_is_busy(port: PublicPort) -> None:
    """What is known of a hit may come too late; the destination is what the reader is here for."""
    urls = await port.message()
    port.ledger.patience_seconds = 0
    answer = await port.get(urls.link(1, "https://example.org/?a=1").partition("?")[0])
    assert (answer.status, answer.headers.get("Location")) == (302, "https://example.org/?a=1")


async def test_both_ways_through_the_server_say_and_keep_the_same(port: PublicPort) -> None:
    """A request with a body's length, even of none, is not plain enough for the short way and goes through aiohttp."""
    urls = await port.message()
    for url in (urls.pixel(), urls.link(1, "https://example.org/?a=1"), urls.link(1, "https://example.org/?a=1") + "x"):
        for method in ("GET", "HEAD"):
            short, long = await port.get(url, method), await port.get(url, method, Content_Length="0")
            assert (short.status, short.body) == (long.status, long.body)
            # aiohttp says the length of an empty body by leaving it out.
            beside = {"Date": "", "Content-Length": ""}
            assert short.headers | beside == long.headers | beside
    kept = "SELECT kind, method, class, rule, user_agent, ip, count(*) FROM hit GROUP BY 1, 2, 3, 4, 5, 6"
    assert {row[-1] for row in await rows(port.ledger, kept)} == {2}


async def test_whatever_was_altered_leads_nowhere(port: PublicPort) -> None:
    urls = await port.message()
    link = urls.link(1, "https://example.org/?a=1")
    token = link.split("/c/")[1].partition("?")[0]
    base = f"http://127.0.0.1:{port.number}"
    wrong = [
        f"{base}/c/{token}?u=//evil.example",
        f"{base}/c/{token}?u=https://evil.example/",
        f"{base}/c/{token}?u=https://example.org/?a=2",
        f"{base}/c/{token}?u=https://example.org/%0d%0aSet-Cookie:x",
        f"{base}/c/{token}?u=%ff",
        f"{base}/c/{token[:-1]}?u=https://example.org/?a=1",
        f"{base}/c/{token}A?u=https://example.org/?a=1",
        f"{base}/c/{urls.pixel().split('/o/')[1][:51]}?u=https://example.org/?a=1",  # a pixel's token
        f"{base}/c/{urls.page().split('/p/')[1]}?u=https://example.org/?a=1",
        f"{base}/c/",
        f"{base}/c/{'A' * 51}",
        f"{base}/c/{port.urls(new_id()).link(1, 'https://example.org/').split('/c/')[1].partition('?')[0]}",
    ]
    for place in range(0, 51, 5):
        other = token[:place] + ("B" if token[place] != "B" else "C") + token[place + 1 :]
        wrong.append(f"{base}/c/{other}?u=https://example.org/%3Fa%3D1")
    bodies = set()
    for url in wrong:
        answer = await port.get(url)
        assert answer.status == 404, url
        assert "Location" not in answer.headers
        bodies.add(answer.body)
    assert len(bodies) == 1  # nothing of the request is in it


@pytest.mark.parametrize(
    "destination",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example/", "https://a.example/\r\nX: 1", "http://"],
)
async def test_even_a_signed_destination_must_be_an_http_url(port: PublicPort, destination: str) -> None:
    target = Target(new_id(), 0, 1)
    token = mint(port.ring, Purpose.LINK, target, destination)
    url = port.urls(target.message).grammar.link(token, destination)
    answer = await port.get(url)
    assert answer.status == 404
    assert "X" not in answer.headers


async def test_head_answers_like_get_and_is_no_person(port: PublicPort) -> None:
    urls = await port.message()
    for url in (urls.pixel(), urls.link(1, "https://example.org/?a=1")):
        get, head = await port.get(url), await port.get(url, "HEAD")
        assert head.body == b""
        assert head.headers | {"Date": ""} == get.headers | {"Date": ""}
    heads = await rows(port.ledger, "SELECT class FROM hit WHERE method = 'HEAD'")
    assert [name for (name,) in heads] == ["bot", "security-scanner"]


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "PROPFIND", "DELETE"])
async def test_other_methods_are_refused_and_kept_as_machines(port: PublicPort, method: str) -> None:
    urls = await port.message()
    for url in (urls.pixel(), urls.link(1, "https://example.org/?a=1"), f"http://127.0.0.1:{port.number}/healthz"):
        answer = await port.get(url, method)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD"
    assert {name for (name,) in await rows(port.ledger, "SELECT class FROM hit")} == {"bot"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/messages",
        "/login",
        "/api/v1/messages",
        "/metrics",
        "/static/x.css",
        "/o/",
        "/o/x",
        "/o/.gif",
        "/o/x/y.gif",
        "/c/../o/x",
        "/?x=<b>",
    ],
)
async def test_nothing_else_is_here(port: PublicPort, path: str) -> None:
    answer = await port.get(path)
    assert (answer.status, answer.body) == (404, b"There is nothing here.\n")


@pytest.mark.parametrize("name", ["x", "A" * 51, "A" * 500, "%00", "a.b", "\u00e9".encode().hex()])
@pytest.mark.parametrize("length", [None, "0"], ids=["the short way", "through aiohttp"])
async def test_a_pixel_is_a_picture_whatever_its_token(port: PublicPort, name: str, length: str | None) -> None:
    expected = await port.get((await port.message()).pixel())
    beside = {} if length is None else {"Content_Length": length}
    for query in ("", "?t=1"):
        answer = await port.get(f"/o/{name}.gif{query}", **beside)
        assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, expected.body, "image/gif")
    assert len(await rows(port.ledger, "SELECT seq FROM hit")) == 1


async def test_no_answer_says_who_answers_or_keeps_anything(port: PublicPort) -> None:
    urls = await port.message()
    for raw in (
        (await port.get(urls.pixel())).raw,
        (await port.get(urls.page())).raw,
        (await port.get("/nothing")).raw,
        await port.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        await port.send(b"nonsense \xff\r\n\r\n"),
    ):
        head = raw.partition(b"\r\n\r\n")[0].lower()
        assert b"server:" not in head
        assert b"set-cookie" not in head
        assert b"etag" not in head
        for word in (b"aiohttp", b"python", b"mailglass", b"example.net", b"subject"):
            assert word not in head


async def test_health_and_robots(port: PublicPort) -> None:
    health = await port.get("/healthz")
    assert (health.text, health.headers["Content-Type"]) == ('{"status": "ok"}\n', "application/json")
    assert (await port.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"


async def test_two_looks_are_two_hits(port: PublicPort) -> None:
    urls = await port.message()
    for _ in range(2):
        await port.get(urls.pixel())
    assert await the_row(port.ledger, "SELECT count(*), sum(repeats) FROM hit") == (2, 2)


async def test_a_thousand_replays_are_sixty_rows_that_count_a_thousand(port: PublicPort) -> None:
    urls = await port.message()
    path = urls.pixel().split(str(port.number))[1]
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n".encode()
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = await port.send(request * 999 + last)
    assert answer.count(b"200 OK") == 1000
    count, total = await the_row(port.ledger, "SELECT count(*), sum(repeats) FROM hit")
    assert total == 1000
    assert 60 <= count <= 120  # a minute may end on the way


async def test_a_hit_on_a_message_the_ledger_never_knew_is_kept_without_it(port: PublicPort) -> None:
    assert (await port.get(port.urls(new_id()).pixel())).status == 200
    assert await the_row(port.ledger, "SELECT message_seq FROM hit") == (None,)


async def test_after_a_stop_everything_answers_and_nothing_is_kept(port: PublicPort) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    await port.ledger.stop(urls.message, port.ledger.clock())
    assert (await port.get(urls.pixel())).status == 200
    assert (await port.get(urls.link(1, "https://example.org/?a=1"))).status == 302
    assert await the_row(port.ledger, "SELECT count(*) FROM hit") == (1,)


async def test_links_work_with_keys_alone(tmp_path: Path) -> None:
    port = await PublicPort.open(tmp_path)
    link = port.urls(new_id()).link(1, "https://example.org/")
    port.ledger.place.path.unlink()  # type: ignore[union-attr]
    assert (await port.get(link)).headers["Location"] == "https://example.org/"
    await port.close()


async def test_only_what_may_be_kept_is_kept(port: PublicPort) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    kept = str(await rows(port.ledger, "SELECT * FROM hit"))
    assert "127.0.0.0/24" in kept
    assert "Firefox" in kept
    assert "127.0.0.1" not in kept
    assert "rv:130" not in kept


async def test_forwarded_addresses_are_believed_from_proxies_alone(tmp_path: Path) -> None:
    for trusted, kept in (([], "127.0.0.0/24"), (["127.0.0.0/8"], "198.51.100.0/24")):
        port = await PublicPort.open(tmp_path / str(len(trusted)), pixel_server={"trusted_proxies": trusted})
        urls = await port.message()
        hops = ", ".join(["203.0.113.9"] * 50 + ["198.51.100.77"])
        await port.get(urls.pixel(), X_Forwarded_For=hops)
        assert await the_row(port.ledger, "SELECT ip FROM hit") == (kept,)
        await port.close()


async def test_the_path_of_public_url_may_stand_before_or_not(tmp_path: Path) -> None:
    port = await PublicPort.open(tmp_path, tracking={"public_url": "https://example.com/t"})
    urls = await port.message()
    path = urls.pixel().split(str(port.number))[1]
    assert [len((await port.get(prefix + path)).body) for prefix in ("", "/t")] == [43, 43]
    assert (await port.get("/x" + path)).status == 404
    await port.close()


async def test_a_request_in_pieces_is_one_request(port: PublicPort) -> None:
    urls = await port.message()
    path = urls.pixel().split(str(port.number))[1]
    raw = f"GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: {'x' * 20}\r\nConnection: close\r\n\r\n".encode()
    for cut in range(1, len(raw), 7):
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writer.write(raw[:cut])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(raw[cut:])
        assert parse(await reader.read()).body[:6] == b"GIF89a", cut
        writer.close()
        await writer.wait_closed()


async def test_requests_that_come_together_are_answered_in_their_order(port: PublicPort) -> None:
    urls = await port.message()
    link, pixel = (url.split(str(port.number))[1] for url in (urls.link(1, "https://example.org/?a=1"), urls.pixel()))
    paths = (pixel, link, "/robots.txt", pixel, "/nothing")
    raw = "".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths[:-1]).encode()
    raw += f"GET {paths[-1]} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    answer = await port.send(raw)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"200", b"302", b"200", b"200", b"404"]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(300)) + b"\r\n",
        b"\xff\xfe / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",  # somebody speaks TLS
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused(port: PublicPort, raw: bytes) -> None:
    answer = await port.send(raw)
    assert answer.split()[1] in (b"400", b"404")


async def test_large_bodies_are_refused(port: PublicPort) -> None:
    urls = await port.message()
    answer = await port.get(urls.page(), "POST", b"x" * 1_000_000)
    assert answer.status == 413


async def test_who_drips_is_shown_out(port: PublicPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "IDLE_SECONDS", 0.5)
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(b"GET /o/")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert time.monotonic() - began < 8
    writer.close()
    await writer.wait_closed()


async def test_an_answer_takes_as_long_for_a_wrong_token_as_for_a_right_one(port: PublicPort) -> None:
    """Whoever tries tokens out must not learn by the clock that one is real. Asked in turn, on one connection."""
    urls = await port.message()
    right = urls.pixel().split(str(port.number))[1]
    wrong = right[:20] + ("A" if right[20] != "A" else "B") + right[21:]
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    took: dict[str, list[float]] = {right: [], wrong: []}
    for number in range(160):
        for path in (right, wrong):
            began = time.perf_counter()
            # Another user each time: beyond sixty a minute rows are shared, which takes another time.
            writer.write(f"GET {path}?{number} HTTP/1.1\r\nHost: a\r\nUser-Agent: u{number}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(43)
            took[path].append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    medians = [statistics.median(times[20:]) for times in took.values()]
    # A loaded machine adds its own noise; what may not be is an answer that comes many times sooner.
    assert 0.4 < medians[0] / medians[1] < 2.5, medians


HEADER = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "get", "X" * 30]),
    path=st.one_of(
        st.text(st.characters(codec="latin-1", exclude_characters="\r\n "), max_size=80).map(lambda t: "/" + t),
        st.sampled_from(["/o/", "/c/", "/p/"]).flatmap(
            lambda start: st.text("AZaz09-_%./?u=&", max_size=90).map(lambda t: start + t)
        ),
    ),
    headers=st.lists(
        st.tuples(st.sampled_from(["Host", "X-Forwarded-For", "User-Agent", "Forwarded", "Range"]), HEADER)
    ),
)
async def test_only_plain_statuses_come_back(
    shared_port: PublicPort, method: str, path: str, headers: list[tuple[str, str]]
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    raw = f"{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode("latin-1")
    answer = await shared_port.send(raw)
    assert int(answer.split()[1]) in (200, 302, 400, 404, 405, 413, 429)
