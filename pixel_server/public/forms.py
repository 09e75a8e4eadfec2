"""Reads what a recipient's button sends: a few words, in time, or an answer that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from pixel_server.public.answers import BAD_REQUEST, TOO_LARGE, Answer

BODY_SECONDS = 15.0  # for two words; a connection that gives them one by one is not kept open


async def read_form(request: web.BaseRequest) -> Mapping[str, object] | Answer:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return dict(await request.post())
    except web.HTTPRequestEntityTooLarge:
        return TOO_LARGE
    except (TimeoutError, ValueError, LookupError):  # LookupError: a charset that is none
        return BAD_REQUEST
