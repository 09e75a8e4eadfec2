"""The recipient's own page about one message: what was recorded, stop it, erase it.

Shows neither address nor subject, since whoever has the link sees it. Looking changes nothing; only a POST does, and
the token in the path is all it needs. No cookie, no script.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

from aiohttp import web

from config.settings import Settings
from ledger.access import Ledger
from ledger.consent_events import ConsentPurpose
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
from ledger.traces import shed_traces
from pixel_server.public.answers import NOT_ALLOWED_ON_A_PAGE, NOT_FOUND, Answer
from pixel_server.public.consent_desk import ConsentDesk
from pixel_server.public.forms import read_form
from pixel_server.public.page_look import PAGE_HEADERS, language_for, page
from pixel_server.public.recipient_words import WORDS, Words

log = logging.getLogger("mailglass.public")
Outcome = Literal["", "stopped", "erased", "failed"]


ALL = tuple(ConsentPurpose)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be recorded no more, and what of it is to be erased."""

    stop: tuple[ConsentPurpose, ...] = ()
    erase: tuple[ConsentPurpose, ...] = ()


def wish_in(form: Mapping[str, object]) -> Wish:
    """A form without boxes (``do`` alone, as a script may send it), or with none ticked, means all there is."""
    chosen = tuple(purpose for purpose in ALL if purpose.value in form) or ALL
    match form.get("do"):
        case "stop":
            return Wish(chosen, chosen if "erase" in form else ())
        case "erase":
            return Wish(ALL, ALL)
        case _:
            return Wish()


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
            return NOT_ALLOWED_ON_A_PAGE
        answered = await self._requests.answer(request, target)
        if answered is not None:
            return answered
        outcome: Outcome = ""
        if request.method == "POST":
            form = await read_form(request)
            if isinstance(form, Answer):
                return form
            outcome = await self._act(target, form)
        words = WORDS[language_for(request, self._settings.privacy.language)]
        shown = _page(words, await self._view(target), outcome, self._settings.privacy.keep_hits.days)
        return Answer(200, (*PAGE_HEADERS, ("Content-Language", words.code)), shown.encode("utf-8"))

    async def _act(self, target: Target, form: Mapping[str, object]) -> Outcome:
        wish = wish_in(form)
        at = self._ledger.clock()
        try:
            if wish.stop:
                await self._say_no(target, wish.stop)
                await self._ledger.write(silence_for_recipient, target.message, target.copy, wish.stop, at)
            if wish.erase:
                await self._ledger.write(erase_for_recipient, target.message, target.copy, wish.erase)
                await shed_traces(self._ledger.place)
        except LedgerUnavailable as fault:
            log.error("a recipient's wish could not be done: %s", fault)
            return "failed"
        return "erased" if wish.erase else "stopped" if wish.stop else ""

    async def _say_no(self, target: Target, purposes: tuple[ConsentPurpose, ...]) -> None:
        """Mail to come from this sender is not tracked for them, if the copy tells who they are."""
        async with self._ledger.read() as connection:
            owner = await owner_of_copy(connection, target.message, target.copy)
        if owner is not None:
            address, sender = owner
            evidence = {"message": str(target.message), "copy": target.copy}
            await self._consents.withdraw(
                address, purposes, sender=sender, method="page", actor="recipient", evidence=evidence
            )

    async def _view(self, target: Target) -> RecipientView | None:
        try:
            async with self._ledger.read() as connection:
                return await recipient_view(connection, target.message, target.copy, self._ledger.clock())
        except LedgerUnavailable:
            return None


def _page(words: Words, view: RecipientView | None, outcome: Outcome, kept_days: int) -> str:
    shared = view is not None and view.shared
    said = {
        "": "",
        "stopped": f"{words.stopped_shared} {words.others_stay}" if shared else words.stopped,
        "erased": f"{words.erased_shared} {words.others_stay}" if shared else words.erased,
        "failed": words.failed,
    }[outcome]
    status = f'<p role="status">{escape(said)}</p>\n' if said else ""
    others = {other.code: other.own_name for other in WORDS.values()}
    return page(
        words.code,
        words.title,
        f"{status}<p>{escape(words.what(view))}</p>\n<section>{_recorded(words, view, kept_days)}</section>\n"
        f"{_form(words, view)}\n<p>{escape(words.links_work)}</p>\n",
        others,
        f'<a href="../privacy?lang={words.code}">{escape(words.privacy)}</a>',
    )


def _recorded(words: Words, view: RecipientView | None, kept_days: int) -> str:
    paragraphs = [words.recorded(view)]
    if view is not None and view.devices:
        listed = ", ".join(" · ".join(part for part in device if part) for device in view.devices)
        paragraphs.append(words.devices.format(devices=listed))
    if view is not None and view.shared:
        paragraphs.append(words.shared)
    if view is not None and view.counts_only:
        paragraphs.append(words.counted)
    elif view is not None and (view.open_hits or view.click_hits):
        paragraphs.append(words.kept.format(days=kept_days))
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)


def _form(words: Words, view: RecipientView | None) -> str:
    """What can be stopped, all of it ticked, and erasing with it; where nothing is recorded any more, erasing alone."""
    names = {ConsentPurpose.OPENS: words.opens, ConsentPurpose.LINKS: words.links}
    left = [one for one in ConsentPurpose if view is None or one in view.recording & view.tracked]
    if not left:
        button = f'<button name="do" value="erase">{escape(words.erase_button)}</button>'
        return f'<p>{escape(words.not_recording)}</p>\n<form method="post">{button}</form>'
    boxes = "".join(
        f'<label><input type="checkbox" name="{one.value}" checked> {escape(names[one])}</label>\n' for one in left
    )
    question = words.question_shared if view is not None and view.shared else words.question
    return (
        f'<form method="post">\n<fieldset><legend>{escape(question)}</legend>\n'
        f'{boxes}</fieldset>\n<label><input type="checkbox" name="erase" checked> {escape(words.erase_too)}</label>\n'
        f'<p><button name="do" value="stop">{escape(words.stop_button)}</button></p></form>'
    )
