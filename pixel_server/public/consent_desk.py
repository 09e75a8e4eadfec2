"""Serves the page of a request for consent: finds the request that a page's token names, shows it, keeps the answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import web

from config.settings import Settings
from ledger.consent_texts import text_shown, text_version
from ledger.consents import Consents
from ledger.faults import LedgerUnavailable
from ledger.queries.consents import find_request
from ledger.tokens import Target
from pixel_server.public.answers import Answer
from pixel_server.public.consent_page import chosen, consent_page, words_for
from pixel_server.public.forms import read_form
from pixel_server.public.page_look import PAGE_HEADERS
from pixel_server.public.privacy_page import told_when_asked

log = logging.getLogger("mailglass.public")


class ConsentDesk:
    def __init__(self, settings: Settings, consents: Consents) -> None:
        self._settings = settings
        self._consents = consents

    async def answer(self, request: web.BaseRequest, target: Target) -> Answer | None:
        """None when the token names no request: then it is a message's page."""
        try:
            async with self._consents.ledger.read() as connection:
                asked = await find_request(connection, target.message)
        except LedgerUnavailable:
            return None
        if asked is None:
            return None
        words, outcome = words_for(asked.language), ""
        kept = told_when_asked(self._settings, words.code)
        shown = text_shown(words, asked.sender, kept)
        if request.method == "POST":
            form = await read_form(request)
            if isinstance(form, Answer):
                return form
            # Who was shown another text (the configuration changed meanwhile) has not answered this one.
            outcome = "again" if form.get("text", "") not in ("", text_version(words.code, shown)) else ""
            outcome = outcome or await self._keep(target, form, bytes(asked.person_key), words.code, shown)
        page = consent_page(words, asked.sender, kept, text_version(words.code, shown), outcome)
        return Answer(200, (*PAGE_HEADERS, ("Content-Language", words.code)), page.encode("utf-8"))

    async def _keep(self, target: Target, form: Mapping[str, object], key: bytes, language: str, shown: str) -> str:
        try:
            await self._consents.answer(target.message, chosen(form.keys()), shown, key, language)
        except LedgerUnavailable as fault:
            log.error("a recipient's answer could not be stored: %s", fault)
            return "failed"
        return "saved"
