"""The recipient's own page about one message: what was recorded, stop it, erase it.

Shows neither address nor subject, since whoever has the link sees it. Looking changes nothing; only a POST does, and
the token in the path is all it needs. No cookie, no script.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Literal

from aiohttp import web

from config.settings import Settings
from ledger.access import Ledger
from ledger.consents import Consents
from ledger.faults import LedgerUnavailable
from ledger.recipients import (
    RecipientView,
    erase_for_recipient,
    owner_of_copy,
    recipient_view,
    silence_for_recipient,
)
from ledger.tokens import KeyRing, Purpose, Target, verify
from pixel_server.public.answers import NOT_ALLOWED, NOT_FOUND, Answer
from pixel_server.public.consent_desk import ConsentDesk
from pixel_server.public.forms import read_form
from pixel_server.public.page_look import PAGE_HEADERS, STYLE
from pixel_server.public.recipient_words import WORDS, Words

log = logging.getLogger("mailglass.public")
Outcome = Literal["", "stopped", "erased", "failed"]


class RecipientPage:
    """``ring`` gives the present keys; ``consents`` is where a recipient's no is kept for mail to come."""

    def __init__(self, settings: Settings, ledger: Ledger, ring: Callable[[], KeyRing], consents: Consents) -> None:
        self._settings = settings
        self._ledger = ledger
        self._ring = ring
        self._consents = consents
        self._requests = ConsentDesk(settings, consents)

    async def answer(self, request: web.BaseRequest, token: str) -> Answer:
        target = verify(self._ring(), Purpose.PAGE, token)
        if target is None:
            return NOT_FOUND
        if request.method not in ("GET", "HEAD", "POST"):
            return NOT_ALLOWED
        answered = await self._requests.answer(request, target)
        if answered is not None:
            return answered
        outcome: Outcome = ""
        if request.method == "POST":
            form = await read_form(request)
            if isinstance(form, Answer):
                return form
            outcome = await self._act(target, form.get("do"))
        words = WORDS[_language(request)]
        page = _page(words, await self._view(target), outcome, self._settings.privacy.keep_hits.days)
        return Answer(200, (*PAGE_HEADERS, ("Content-Language", words.code)), page.encode("utf-8"))

    async def _act(self, target: Target, wish: object) -> Outcome:
        at = self._ledger.clock()
        try:
            if wish == "stop":
                await self._say_no(target)
                await self._ledger.write(silence_for_recipient, target.message, target.copy, at)
                return "stopped"
            if wish == "erase":
                await self._say_no(target)
                await self._ledger.write(erase_for_recipient, target.message, target.copy, at)
                return "erased"
        except LedgerUnavailable as fault:
            log.error("a recipient's wish could not be done: %s", fault)
            return "failed"
        return ""

    async def _say_no(self, target: Target) -> None:
        """Mail to come from this sender is not tracked for them, if the copy tells who they are."""
        async with self._ledger.read() as connection:
            owner = await owner_of_copy(connection, target.message, target.copy)
        if owner is not None:
            address, sender = owner
            evidence = {"message": str(target.message)}
            await self._consents.withdraw(address, sender=sender, method="page", actor="recipient", evidence=evidence)

    async def _view(self, target: Target) -> RecipientView | None:
        try:
            async with self._ledger.read() as connection:
                return await recipient_view(connection, target.message, target.copy, self._ledger.clock())
        except LedgerUnavailable:
            return None


def _language(request: web.BaseRequest) -> str:
    chosen = request.query.get("lang", "")
    if chosen in WORDS:
        return chosen
    wishes = []
    for item in request.headers.get("Accept-Language", "")[:500].split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((code for _, code in sorted(wishes, key=lambda wish: wish[0]) if code in WORDS), "en")


def _page(words: Words, view: RecipientView | None, outcome: Outcome, kept_days: int) -> str:
    others = " ".join(
        f'<a href="?lang={other.code}" lang="{other.code}" hreflang="{other.code}">{escape(other.own_name)}</a>'
        for other in WORDS.values()
        if other is not words
    )
    said = {"": "", "stopped": words.stopped, "erased": words.erased, "failed": words.failed}[outcome]
    status = f'<p role="status">{escape(said)}</p>' if said else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{words.code}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(words.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<nav>{others}</nav>\n<main>\n<h1>{escape(words.title)}</h1>\n{status}\n"
        f"<p>{escape(words.what(view))}</p>\n"
        f"<section>{_recorded(words, view, kept_days)}</section>\n"
        f"{_buttons(words, view)}\n<p>{escape(words.links_work)}</p>\n</main>\n</body>\n</html>\n"
    )


def _recorded(words: Words, view: RecipientView | None, kept_days: int) -> str:
    paragraphs = [words.recorded(view)]
    if view is not None and view.devices:
        listed = ", ".join(" · ".join(part for part in device if part) for device in view.devices)
        paragraphs.append(words.devices.format(devices=listed))
    if view is not None and view.shared:
        paragraphs.append(words.shared)
    if view is not None and (view.open_hits or view.click_hits):
        paragraphs.append(words.kept.format(days=kept_days))
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)


def _buttons(words: Words, view: RecipientView | None) -> str:
    stop = words.stop_button if view is None or view.is_recording else ""
    buttons = [("stop", stop), ("erase", words.erase_button)]
    forms = (
        f'<form method="post"><button name="do" value="{wish}">{escape(label)}</button></form>'
        for wish, label in buttons
        if label
    )
    return ("" if stop else f"<p>{escape(words.not_recording)}</p>\n") + "".join(forms)
