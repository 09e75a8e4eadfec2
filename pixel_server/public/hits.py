"""Pixels and links: what is answered, and that it is recorded first. Always answers.

The answer depends on the request alone, never on the ledger, on who asks or on whether anything may be recorded. Only
a link whose destination was lost on the way asks the ledger where it leads. Knows no socket: lean.py and app.py bring
requests and take answers.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from config.settings import Settings
from ledger.access import Ledger
from ledger.faults import LedgerUnavailable
from ledger.recording import RecordingState
from ledger.records import DayCount, Hit, HitKind
from ledger.tokens import KeyRing, Purpose, Target, read_unverified, verify
from ledger.urls import OwnUrl, parse_path, without_words_behind
from pixel_server.public.answers import NOT_ALLOWED, NOT_FOUND, PIXEL, Answer, redirect
from pixel_server.public.counts_only import AnonymousCounts
from pixel_server.public.ingest import Ingest
from pixel_server.public.judge import RANDOM_BYTES, Judge
from pixel_server.public.pace import Pace
from pixel_server.public.places import Place, Places
from pixel_server.public.programs import read_program
from pixel_server.public.rates import RateCap
from pixel_server.public.requests import Asked, Asker, Head
from pixel_server.public.signs.tables import Signs, forget_agents
from pixel_server.public.sources import client_address, trusted_networks
from pixel_server.public.user_agents import family_of, system_of

log = logging.getLogger("mailglass.hits")
_ANY_PIXEL = re.compile(r"/o/[^/?#]+\.gif(?:\?[^#]*)?", re.DOTALL)
_RANDOM_AHEAD = 256  # pieces: asking the kernel costs more than what it gives


class HitDesk:
    """``ring`` gives the present keys."""

    def __init__(
        self, settings: Settings, ledger: Ledger, ring: Callable[[], KeyRing], signs: Signs, ingest: Ingest
    ) -> None:
        self._ledger = ledger
        self._ring = ring
        self._signs = signs
        self._privacy = settings.privacy
        self._identity = settings.tracking.identity
        self._anonymous = AnonymousCounts(settings.hits.repeat)
        self._judge = Judge(settings, lambda: ledger.run_secret)
        self._ingest = ingest
        self._rates = RateCap()
        self._pace = Pace(asyncio.get_running_loop)
        self._trusted = trusted_networks(settings.pixel_server.trusted_proxies)
        self._places = Places(signs, settings.privacy, self._trusted)
        self._prefix = urlsplit(settings.tracking.public_url).path
        self._random: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, asked: Asked, asker: Asker) -> bool:
        """Answers once, when the hit is safe. False, and nothing done, for what is no hit and may be something else."""
        own = self.parse(asked.path)
        if own is None or own.purpose is Purpose.PAGE:
            if own is not None or self._prefix:
                return False
            asker.answer(NOT_FOUND)
        elif own.purpose is Purpose.PIXEL:
            self._take_pixel(asked, own, asker)
        else:
            self._take_link(asked, own, asker)
        return True

    def parse(self, path: str) -> OwnUrl | None:
        """What a raw path names, with or without the path of ``public_url``, which a proxy may take off."""
        # As it is first: "/o/…" is whole where the path of public_url is "/o" and a proxy takes that off.
        own = parse_path(path)
        if own is None and self._prefix:
            path = self.inside(path)
            own = parse_path(path)
        # A pixel is a picture whatever its name: a reader must never see a broken one.
        return own or (OwnUrl(Purpose.PIXEL, "") if _ANY_PIXEL.fullmatch(path) else None)

    def inside(self, path: str) -> str:
        """The path below the one of ``public_url``; as it is where that does not stand before it."""
        has_prefix = self._prefix and path.startswith(self._prefix + "/")
        return path[len(self._prefix) :] if has_prefix else path

    def place_of(self, asked: Asked) -> Place:
        """Where who really asks is: behind proxies that the operator trusts, what these say of it."""
        peer = self._places.at(asked.peer)
        if not peer.is_proxy:
            return peer
        lines = asked.head.lines
        if asked.forwarded is not None:
            nearest = self._places.at(asked.forwarded.rpartition(",")[2].strip())
            if nearest.source and not nearest.is_proxy:
                return nearest  # what client_address would find first
            lines = (*lines, ("X-Forwarded-For", asked.forwarded))
        return self._places.at(client_address(asked.peer, lines, self._trusted))

    def place_at(self, peer: str) -> Place:
        return self._places.at(peer)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take_pixel(self, asked: Asked, own: OwnUrl, asker: Asker) -> None:
        target = verify(self._ring(), Purpose.PIXEL, own.token)
        answer = PIXEL if asked.method in ("GET", "HEAD") else NOT_ALLOWED
        if target is None:
            self._pace.answer(asker, answer)  # the same answer after the same time
        else:
            self._record(asked, HitKind.OPEN, own.token, target, asker, answer)

    def _take_link(self, asked: Asked, own: OwnUrl, asker: Asker) -> None:
        if own.destination is None:
            self._later(self._find_destination(asked, own, asker), asker, NOT_FOUND)
            return
        signed = self._signed(own) or self._signed(self.parse(without_words_behind(asked.path)))
        if signed is None:
            asker.answer(NOT_FOUND)
        else:
            self._follow(asked, own.token, *signed, asker)

    def _signed(self, own: OwnUrl | None) -> tuple[Target, str] | None:
        """What the token stands for and the destination, if that is what was signed."""
        if own is None or own.destination is None:
            return None
        target = verify(self._ring(), Purpose.LINK, own.token, own.destination)
        return (target, own.destination) if target else None

    async def _find_destination(self, asked: Asked, own: OwnUrl, asker: Asker) -> None:
        claimed = read_unverified(own.token)
        known = await self._ledger.destination(claimed[1].message, claimed[1].link) if claimed else None
        target = verify(self._ring(), Purpose.LINK, own.token, known) if known else None
        if known is None or target is None:
            asker.answer(NOT_FOUND)
        else:
            self._follow(asked, own.token, target, known, asker)

    def _follow(self, asked: Asked, token: str, target: Target, destination: str, asker: Asker) -> None:
        answer = redirect(destination) if asked.method in ("GET", "HEAD") else NOT_ALLOWED
        self._record(asked, HitKind.CLICK, token, target, asker, answer)

    def _record(
        self, asked: Asked, kind: HitKind, token: str, target: Target, asker: Asker, answer: Answer
    ) -> None:  # fmt: skip
        at = self._ledger.clock()
        asker = self._pace.measured(asker)
        state = self._ledger.recording_at_hand(target.message, target.copy)
        if state is None or state.awaited_since is not None or asked.head.session is not None:
            self._later(self._record_after_asking(asked, kind, token, target, at, asker, answer), asker, answer)
        else:
            self._record_knowing(asked, kind, token, target, at, state, asker, answer)

    async def _record_after_asking(
        self, asked: Asked, kind: HitKind, token: str, target: Target, at: datetime, asker: Asker, answer: Answer
    ) -> None:
        state = await self._ledger.recording_after_verdict(target.message, target.copy)
        session = asked.head.session
        own = session is not None and session in await self._ledger.live_sessions()
        self._record_knowing(asked, kind, token, target, at, state, asker, answer, own)

    def _record_knowing(
        self, asked: Asked, kind: HitKind, token: str, target: Target, at: datetime, state: RecordingState,
        asker: Asker, answer: Answer, own_session: bool = False,
    ) -> None:  # fmt: skip
        # The setting is a ceiling for mail already delivered, too.
        if self._identity == "off" or not state.may_record(at, kind):
            self._pace.answer(asker, answer)
            return
        counts_only = state.counts_only or self._identity == "aggregate"
        try:
            place = self.place_of(asked)
            visitor = self._rates.visitor(token, place.source, at.timestamp())
            if visitor.is_full:
                # Without a row there is none to count on in; what floods is no person anyway.
                if counts_only:
                    self._pace.answer(asker, answer)
                else:
                    self._ingest.count_on(visitor.row, visitor.row_stands_for, asker, answer)
                return
            head = asked.head
            if head.program is None:
                head.program = read_program(head.lines, self._signs, self._privacy)
            hit = self._judge.judge(
                head.program, place, asked.method, kind, target, state, at, self._random_bytes(), own_session
            )  # fmt: skip
            visitor.row = hit.id
            counted = self._counted(hit, head, place, at) if counts_only else None
        except Exception:  # a fault of ours must not cost the visitor the answer
            log.exception("a hit could not be recorded")
            self._ingest.counters.dropped += 1
            asker.answer(answer)
        else:
            if counts_only:
                self._ingest.count([counted] if counted else [], asker, answer, self._showing(hit, counted))
            else:
                self._ingest.record(hit, asker, answer)

    def forget_visitors(self) -> None:
        """To be called every two minutes: no address and no user agent stays in memory for longer."""
        self._places.forget()
        self._anonymous.forget(self._ledger.clock().timestamp())
        forget_agents()
        family_of.cache_clear()
        system_of.cache_clear()

    def _counted(self, hit: Hit, head: Head, place: Place, at: datetime) -> DayCount | None:
        agent = next((value for name, value in head.lines if name.lower() == "user-agent"), "")
        return self._anonymous.count(hit, at, self._judge.visitor(place, agent, at))

    def _showing(self, hit: Hit, counted: DayCount | None) -> Callable[[], None] | None:
        """What shows a click, once its count is safe, where those of all processes are compared: without address and
        user agent."""
        if hit.kind is not HitKind.CLICK:
            return None
        shown = replace(hit, user_agent="", ip="")
        return lambda: self._begin(self._show(shown, counted))

    async def _show(self, hit: Hit, counted: DayCount | None) -> None:
        try:
            await self._ledger.show_counted([(hit, counted)])
        except LedgerUnavailable as fault:
            log.debug("a click is compared with no other: %s", fault)

    def _random_bytes(self) -> bytes:
        if not self._random:
            raw = secrets.token_bytes(_RANDOM_AHEAD * RANDOM_BYTES)
            self._random = [raw[at : at + RANDOM_BYTES] for at in range(0, len(raw), RANDOM_BYTES)]
        return self._random.pop()

    def _later(self, work: Coroutine[Any, Any, None], asker: Asker, answer: Answer) -> None:
        self._begin(self._guarded(work, asker, answer))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], asker: Asker, answer: Answer) -> None:
        try:
            await work
        except Exception:
            log.exception("a hit could not be recorded")
            self._ingest.counters.dropped += 1
            asker.answer(answer)
