"""Reads what a recipient's button sends: a few words, in time, or an answer that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web
from aiohttp.http import HttpVersion11

from pixel_server.public.answers import BAD_REQUEST, TOO_LARGE, Answer
from pixel_server.request_bodies import UNREADABLE

BODY_SECONDS = 15.0  # for two words; a connection that gives them one by one is not kept open


async def read_form(request: web.BaseRequest) -> Mapping[str, object] | Answer:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await _ask_for_it(request)
            return dict(await request.post())
    except web.HTTPRequestEntityTooLarge:
        return TOO_LARGE
    except UNREADABLE:
        return BAD_REQUEST


async def _ask_for_it(request: web.BaseRequest) -> None:
    """RFC 9110 section 10.1.1: some clients send the body only when they are told that it is wanted."""
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # of the answer nothing is under way
