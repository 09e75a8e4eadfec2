"""R01: where page and public server share a host name, a browser that is logged in to the page sends its cookie."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from ledger.accounts import add_account, add_session, secret_hash
from pixel_server.session_cookie import COOKIE, session_named
from tests.ledger.samples import rows
from tests.public.public_port import PublicPort

SECRET = "s3cret-of-the-session"
NOW = datetime.now(UTC)


async def log_in(port: PublicPort, lasts: timedelta = timedelta(days=1)) -> None:
    account = await port.ledger.write(add_account, "me", "hash", False, (), NOW)
    await port.ledger.write(add_session, account, secret_hash(SECRET), NOW, NOW + lasts, "")


@pytest.mark.parametrize("more", [{}, {"Content_Length": "0"}], ids=["the short way", "through aiohttp"])
async def test_a_look_with_a_session_of_the_page_is_the_senders_own(
    port: PublicPort, more: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await log_in(port)
    urls = await port.message()
    answer = await port.get(urls.pixel(), Cookie=f"a=b; {COOKIE}={SECRET}", **more)
    assert "Set-Cookie" not in answer.headers
    assert (await port.get(urls.link(1, "https://example.org/?a=1"), Cookie=f"{COOKIE}={SECRET}", **more)).status == 302
    assert await rows(port.ledger, "SELECT class, confidence, rule FROM hit") == [("own", "certain", "R01")] * 2
    assert SECRET not in str(await rows(port.ledger, "SELECT * FROM hit"))
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "cookie", [f"{COOKIE}=another", f"{COOKIE}=", "a=b", f"x{COOKIE}={SECRET}", f"{COOKIE}={'x' * 5000}"]
)
async def test_any_other_cookie_is_nobodys(port: PublicPort, cookie: str) -> None:
    await log_in(port)
    urls = await port.message()
    await port.get(urls.pixel(), Cookie=cookie)
    assert await rows(port.ledger, "SELECT class, rule FROM hit") == [("human", "R22")]


async def test_a_session_that_is_over_is_nobodys(port: PublicPort) -> None:
    await log_in(port, lasts=-timedelta(seconds=1))
    urls = await port.message()
    await port.get(urls.pixel(), Cookie=f"{COOKIE}={SECRET}")
    assert await rows(port.ledger, "SELECT rule FROM hit") == [("R22",)]


async def test_a_session_is_not_remembered_for_whoever_sends_the_same_lines_next(port: PublicPort) -> None:
    urls = await port.message()
    await port.get(urls.pixel(), Cookie=f"{COOKIE}={SECRET}")
    assert not any(SECRET.encode() in block for block in port.server._reader._heads)


def test_the_cookie_is_found_among_others() -> None:
    assert session_named(f"a=1; {COOKIE}={SECRET};b=2") == secret_hash(SECRET)
    assert session_named("") is None
