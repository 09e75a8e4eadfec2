"""Joins the dashboard: the application, its layers and its routes. Knows no page from within."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime

from aiohttp import web

from config.settings import Settings
from ledger.access import Ledger
from ledger.accounts import Passwords
from ledger.consents import Consents
from ledger.keys import load_people_key
from ledger.outbox import Outbox
from pixel_server.dashboard import edge, live, metrics, static
from pixel_server.dashboard.api import hits, messages, openapi, people, statistics
from pixel_server.dashboard.keys import DESK, Desk, Rates
from pixel_server.dashboard.pages import access, activity, letters, message_page, set_up, settings_page
from pixel_server.dashboard.pages import messages as messages_page
from pixel_server.dashboard.pages import people as people_page
from pixel_server.dashboard.pages import statistics as statistics_page
from pixel_server.notify.teller import Teller

PAGES = (access, messages_page, message_page, activity, statistics_page, people_page, letters, set_up, settings_page)
API = (messages, hits, statistics, people, live, openapi)

LARGEST_FORM = 64 * 1024  # a note or a settings form; nothing else is ever sent here


def utc_now() -> datetime:
    return datetime.now(UTC)


def build(
    settings: Settings,
    ledger: Ledger,
    *,
    clock: Callable[[], datetime] = utc_now,
    passwords: Passwords | None = None,
    rates: Rates | None = None,
) -> web.Application:
    """The dashboard as an application of its own, for a socket of its own. The ledger stays the caller's.

    Raises KeyFolderFault when the key folder cannot be used.
    """
    app = web.Application(middlewares=[edge.edge, edge.identify], client_max_size=LARGEST_FORM)
    required = settings.privacy.consent == "required"
    consents = Consents(ledger, load_people_key(settings.keys_dir), required, settings.privacy.consent_valid)
    outbox = Outbox(settings.outbox_dir)
    app[DESK] = Desk(settings, ledger, clock, outbox, passwords or Passwords(), consents, rates or Rates())
    app.on_response_prepare.append(edge.add_headers)
    for module in (*PAGES, *API, metrics, static):
        app.add_routes(module.ROUTES)
    live.follow(app)
    app.cleanup_ctx.append(_telling)
    return app


async def _telling(app: web.Application) -> AsyncIterator[None]:
    """Notices are sent from where the pages are, as long as they are there."""
    desk = app[DESK]
    task = asyncio.ensure_future(Teller(desk.settings, desk.ledger, desk.outbox, desk.clock).run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
