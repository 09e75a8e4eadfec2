"""Forged tokens and destinations: nothing but what was signed leads anywhere, and no answer repeats what was asked."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import statistics
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger.message_id import MessageId
from ledger.tokens import KeyRing, Purpose, Target, mint, verify
from tests.public_threats.test_public_threats import BASE, FIREFOX, RING, Site, site

DESTINATION = "https://example.com/1"


class Keeping:
    """One connection, for many requests."""

    def __init__(self, here: Site) -> None:
        self._here = here

    async def __aenter__(self) -> Keeping:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._here.server.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def get(self, path: str) -> tuple[int, bytes, bytes]:
        """Status, head and body."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{FIREFOX}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return int(head.split()[1]), head, body


async def test_any_altered_bit_of_a_link_leads_nowhere(tmp_path: Path) -> None:
    """W01: of the token, and of each octet of the destination."""
    async with site(tmp_path) as here, Keeping(here) as connection:
        link = here.urls.link(1, DESTINATION).removeprefix(BASE)
        token = link.split("/c/")[1].partition("?")[0]
        raw = urlsafe_b64decode(token + "=")
        assert (await connection.get(link))[0] == 302
        altered = [
            f"/c/{urlsafe_b64encode(_flip(raw, bit)).decode().rstrip('=')}?u={quote(DESTINATION, safe='')}"
            for bit in range(len(raw) * 8)
        ]
        octets = DESTINATION.encode()
        altered += [f"/c/{token}?u={quote(_flip(octets, bit), safe='')}" for bit in range(len(octets) * 8)]
        altered += [f"/c/{token}?u={quote(DESTINATION[:cut], safe='')}" for cut in range(1, len(DESTINATION))]
        for path in altered:
            status, head, body = await connection.get(path)
            assert (status, body) == (404, b"There is nothing here.\n"), path
            assert b"Location" not in head
        assert len(here.hits()) == 1


def _flip(raw: bytes, bit: int) -> bytes:
    altered = bytearray(raw)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


def guesses(number: int, seed: int) -> int:
    """How many of so many random tokens hold, each with the id of a real key and of a real message."""
    dice = random.Random(seed)
    message = dice.randbytes(16)
    held = 0
    for turn in range(number):
        head = (1).to_bytes(2, "big") + (message if turn % 2 else dice.randbytes(16)) + bytes(4)
        token = urlsafe_b64encode(head + dice.randbytes(16)).decode().rstrip("=")
        held += verify(RING, Purpose.PIXEL, token) is not None
    return held


def test_two_hundred_thousand_guessed_tokens_hold_nowhere() -> None:
    """W02, G07: the tag has 128 bits, so that not one may."""
    right = mint(RING, Purpose.PIXEL, Target(MessageId(bytes(16))))
    assert verify(RING, Purpose.PIXEL, right) is not None
    assert guesses(200_000, 1) == 0


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_ten_million_guessed_tokens_hold_nowhere() -> None:
    assert guesses(10_000_000, 2) == 0


async def test_guessed_tokens_leave_no_hit_and_show_no_difference(tmp_path: Path) -> None:
    """W02, W03: over the port, a picture for each, and the same page for each link."""
    dice = random.Random(3)
    async with site(tmp_path) as here, Keeping(here) as connection:
        answers = set()
        for _ in range(300):
            token = urlsafe_b64encode((1).to_bytes(2, "big") + dice.randbytes(36)).decode().rstrip("=")
            for path in (f"/o/{token}.gif", f"/c/{token}", f"/c/{token}?u=https://evil.example/", f"/p/{token}"):
                status, head, body = await connection.get(path)
                answers.add((path[:3], status, re.sub(rb"Date: [^\r]*", b"", head), body))
        assert {(start, status) for start, status, _, _ in answers} == {("/o/", 200), ("/c/", 404), ("/p/", 404)}
        assert len({(head, body) for start, _, head, body in answers if start == "/o/"}) == 1
        assert here.hits() == []


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_ten_thousand_right_and_wrong_tokens_take_as_long(tmp_path: Path) -> None:
    """W03: medians less than a millisecond apart."""
    async with site(tmp_path) as here, Keeping(here) as connection:
        took: dict[bool, list[float]] = {True: [], False: []}
        for number in range(5000):
            for is_right in (True, False):
                # Another copy each time: a sixty-first look of one is counted without a row.
                url = here.urls.pixel(1 + number).removeprefix(BASE)
                path = url if is_right else url[:20] + ("A" if url[20] != "A" else "B") + url[21:]
                began = time.perf_counter()
                await connection.get(path)
                took[is_right].append(time.perf_counter() - began)
        medians = [statistics.median(times[100:]) for times in took.values()]
        # A loaded machine adds to both what is more than that millisecond.
        assert abs(medians[0] - medians[1]) < max(0.001, max(medians) / 5), medians


SPLITTING = ("\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0X-Evil: 1", "\x85X-Evil: 1", "\u2028X-Evil: 1",
             "\u560a\u560dX-Evil: 1", "\r\n\r\n<html>", " HTTP/1.1\r\nX-Evil: 1")  # fmt: skip


@pytest.mark.parametrize("splitting", SPLITTING, ids=repr)
async def test_no_destination_splits_the_answer(tmp_path: Path, splitting: str) -> None:
    """W16: neither one that a stranger writes, nor, if a key were stolen, one that is signed."""
    destination = "https://example.com/" + splitting
    async with site(tmp_path) as here:
        token = mint(RING, Purpose.LINK, Target(MessageId(bytes(16)), 0, 1), destination)
        signed = f"/c/{token}?u={quote(destination, safe='')}"
        unsigned = here.urls.link(1, DESTINATION).removeprefix(BASE).partition("?")[0] + signed[signed.index("?") :]
        for path in (signed, unsigned):
            for more in ((), ("Content-Length: 0",)):  # the short way, and through aiohttp
                answer = await here.get(BASE + path, *more)
                assert answer.startswith(b"HTTP/1.1 404 ")
                assert b"Evil" not in answer
                assert b"<html" not in answer


SCHEMES = ("javascript:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
           "data:text/html,<b>", "vbscript:x", "file:///etc/passwd", "//evil.example/", "/evil", "\\\\evil.example\\",
           "ftp://example.com/", "HTTPX://example.com/", "http:evil.example", "http:/evil.example",
           "https:\\\\evil")  # fmt: skip


@pytest.mark.parametrize("destination", SCHEMES, ids=repr)
async def test_nothing_but_a_web_address_is_a_destination_even_if_it_is_signed(
    tmp_path: Path, destination: str
) -> None:
    """W17, at the port; that such links are never wrapped is the rewriting's."""
    async with site(tmp_path) as here:
        token = mint(RING, Purpose.LINK, Target(MessageId(bytes(16)), 0, 1), destination)
        answer = await here.get(f"{BASE}/c/{token}?u={quote(destination, safe='')}")
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"Location" not in answer


@pytest.mark.parametrize("payload", ["<script>alert(1)</script>", "{{7*7}}", "%3Cscript%3E", "\"'onx="])
async def test_no_answer_repeats_what_was_asked(tmp_path: Path, payload: str) -> None:
    """W24: neither page, nor picture, nor redirect."""
    async with site(tmp_path) as here:
        pixel, page = here.urls.pixel().removeprefix(BASE), here.urls.page().removeprefix(BASE)
        escaped = quote(payload, safe="%")
        for path in (f"/{escaped}", f"/c/x?u={escaped}", f"/o/{escaped}.gif", f"{pixel}?{escaped}", f"/p/{escaped}",
                     f"{page}?lang={escaped}", f"/privacy?lang={escaped}", f"/healthz?{escaped}"):  # fmt: skip
            answer = await here.get(
                BASE + path, f"Referer: {payload}", f"Accept-Language: {payload}", f"X-Forwarded-For: {payload}",
                f"X-Forwarded-Host: {payload}",
            )  # fmt: skip
            assert payload.encode() not in answer, path
            assert b"<script" not in answer


async def test_an_unknown_key_is_no_key(tmp_path: Path) -> None:
    stranger = KeyRing({2: b"x" * 32})
    async with site(tmp_path) as here:
        target = Target(here.urls.message, 0, 1)
        pixel = mint(stranger, Purpose.PIXEL, target)
        link = mint(stranger, Purpose.LINK, target, DESTINATION)
        assert (await here.get(f"{BASE}/o/{pixel}.gif")).startswith(b"HTTP/1.1 200 ")
        for more in ("", f"?u={DESTINATION}"):
            assert (await here.get(f"{BASE}/c/{link}{more}")).startswith(b"HTTP/1.1 404 ")
        with sqlite3.connect(here.settings.data_dir / "mailglass.db") as database:
            assert database.execute("SELECT count(*) FROM hit").fetchone() == (0,)
        database.close()
