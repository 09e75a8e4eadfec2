"""Pixels and links: what is answered, and that it is recorded first. Always answers.

The answer depends on the request alone, never on the ledger, on who asks or on whether anything may be recorded. Only
a link whose destination was lost on the way asks the ledger where it leads. Knows no socket: lean.py and app.py bring
requests and take answers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from config.settings import Settings
from ledger.access import Ledger
from ledger.recording import RecordingState
from ledger.records import HitFacts, HitKind, Verdict
from ledger.tokens import KeyRing, Purpose, Target, read_unverified, verify
from ledger.urls import OwnUrl, parse_path
from pixel_server.public.answers import NOT_ALLOWED, NOT_FOUND, PIXEL, Answer, redirect
from pixel_server.public.counts_only import AnonymousCounts
from pixel_server.public.ingest import Ingest
from pixel_server.public.judge import Judge
from pixel_server.public.rates import RateCap
from pixel_server.public.sources import client_address, source_of, trusted_networks

log = logging.getLogger("mailglass.hits")
Send = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. ``path`` is the raw target, ``lines`` all header lines, ``peer`` the address asking."""

    method: str
    path: str
    lines: tuple[tuple[str, str], ...]
    peer: str

    @property
    def headers(self) -> Mapping[str, str]:
        return dict(self.lines)


class HitDesk:
    """``ring`` gives the present keys; ``clock`` aware UTC times."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        ring: Callable[[], KeyRing],
        judge: Judge,
        ingest: Ingest,
        anonymous: AnonymousCounts,
    ) -> None:
        self._ledger = ledger
        self._ring = ring
        self._judge = judge
        self._ingest = ingest
        self._anonymous = anonymous
        self._identity = settings.tracking.identity
        self._rates = RateCap()
        self._trusted = trusted_networks(settings.pixel_server.trusted_proxies)
        self._prefix = urlsplit(settings.tracking.public_url).path
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, asked: Asked, send: Send) -> None:
        """Calls ``send`` once, when the hit is safe."""
        own = self.parse(asked.path)
        match own:
            case OwnUrl(Purpose.PIXEL):
                self._take_pixel(asked, own, send)
            case OwnUrl(Purpose.LINK):
                self._take_link(asked, own, send)
            case _:
                send(NOT_FOUND)

    def parse(self, path: str) -> OwnUrl | None:
        """What a raw path names, with or without the path of ``public_url``, which a proxy may take off."""
        if self._prefix and path.startswith(self._prefix + "/"):
            path = path[len(self._prefix) :]
        return parse_path(path)

    def client_of(self, asked: Asked) -> str:
        return client_address(asked.peer, asked.lines, self._trusted)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take_pixel(self, asked: Asked, own: OwnUrl, send: Send) -> None:
        target = verify(self._ring(), Purpose.PIXEL, own.token)
        answer = partial(send, PIXEL if asked.method in ("GET", "HEAD") else NOT_ALLOWED)
        if target is None:
            self._ingest.pace(answer)  # the same answer after the same time
        else:
            self._record(asked, HitKind.OPEN, own.token, target, answer)

    def _take_link(self, asked: Asked, own: OwnUrl, send: Send) -> None:
        if own.destination is None:
            self._later(self._find_destination(asked, own, send), partial(send, NOT_FOUND))
            return
        target = verify(self._ring(), Purpose.LINK, own.token, own.destination)
        if target is None:
            send(NOT_FOUND)
        else:
            self._follow(asked, own.token, target, own.destination, send)

    async def _find_destination(self, asked: Asked, own: OwnUrl, send: Send) -> None:
        claimed = read_unverified(own.token)
        known = await self._ledger.destination(claimed[1].message, claimed[1].link) if claimed else None
        target = verify(self._ring(), Purpose.LINK, own.token, known) if known else None
        if known is None or target is None:
            send(NOT_FOUND)
        else:
            self._follow(asked, own.token, target, known, send)

    def _follow(self, asked: Asked, token: str, target: Target, destination: str, send: Send) -> None:
        answer = redirect(destination) if asked.method in ("GET", "HEAD") else NOT_ALLOWED
        self._record(asked, HitKind.CLICK, token, target, partial(send, answer))

    def _record(self, asked: Asked, kind: HitKind, token: str, target: Target, answer: Callable[[], None]) -> None:
        at = self._ledger.clock()
        state = self._ledger.recording_at_hand(target.message, target.copy)
        if state is None:
            self._later(self._record_after_asking(asked, kind, token, target, at, answer), answer)
        else:
            self._record_knowing(asked, kind, token, target, at, state, answer)

    async def _record_after_asking(
        self, asked: Asked, kind: HitKind, token: str, target: Target, at: datetime, answer: Callable[[], None]
    ) -> None:
        state = await self._ledger.recording(target.message, target.copy)
        self._record_knowing(asked, kind, token, target, at, state, answer)

    def _record_knowing(
        self, asked: Asked, kind: HitKind, token: str, target: Target, at: datetime, state: RecordingState,
        answer: Callable[[], None],
    ) -> None:  # fmt: skip
        # The setting is a ceiling for mail already delivered, too.
        if self._identity == "off" or not state.may_record(at, kind.value):
            self._ingest.pace(answer)
            return
        counts_only = state.counts_only or self._identity == "aggregate"
        try:
            ip = self.client_of(asked)
            visitor = source_of(ip)
            full = self._rates.full_row(token, visitor, at.timestamp())
            if full is not None:
                # Without a row there is none to count on in; what floods is no person anyway.
                self._ingest.pace(answer) if counts_only else self._ingest.count_on(*full, answer)
                return
            facts = HitFacts(asked.method, asked.headers, ip)
            judged = self._judge.judge(facts, kind, target, state, at, secrets.token_bytes(10))
            self._rates.note_row(token, visitor, judged.hit.id)
            self.change_verdicts(judged.changes)
            counted = self._anonymous.count(judged.hit, at, self._judge.visitor(facts, at)) if counts_only else None
        except Exception:  # a fault of ours must not cost the visitor the answer
            log.exception("a hit could not be recorded")
            self._ingest.counters.dropped += 1
            answer()
        else:
            if counts_only:
                self._ingest.count([counted] if counted is not None else [], answer)
            else:
                self._ingest.record(judged.hit, answer)

    def change_verdicts(self, changes: Iterable[tuple[str, Verdict]]) -> None:
        """Earlier hits that turn out to be something else, with a row or without one."""
        with_rows, counts = self._anonymous.move(changes)
        self._ingest.change_verdicts(with_rows)
        self._ingest.count(counts)

    def look_again(self, now: float) -> list[tuple[str, Verdict]]:
        """Verdicts of hits with rows that are different by now."""
        with_rows, counts = self._anonymous.move(self._judge.due(now))
        self._ingest.count(counts)
        return with_rows

    def _later(self, work: Coroutine[Any, Any, None], answer: Callable[[], None]) -> None:
        task = asyncio.ensure_future(self._guarded(work, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], answer: Callable[[], None]) -> None:
        try:
            await work
        except Exception:
            log.exception("a hit could not be recorded")
            self._ingest.counters.dropped += 1
            answer()
