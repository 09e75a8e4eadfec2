"""Rewriting within two seconds, whatever the message is.

Decides where a message is rewritten: small ordinary ones here and now, since the scanner is linear; large ones and
those that need a second opinion in a process of their own, which is killed when its time is up. Never raises: a fault
in rewriting is ``Unchanged(internal)``, and the mail goes out as it came.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ledger.records import Reason
from ledger.urls import TrackingUrls
from relay.rewriting.plan import Plan, Tracked, Unchanged
from relay.rewriting.rewrite import prepare, render

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

SECONDS = 2.0  # the contract: what cannot be rewritten in two seconds goes out unchanged
# At the scanner's slowest some 5 MB a second: a tenth of a second at most in the caller's process.
SMALL = 256 * 1024

log = logging.getLogger("mailglass.rewriting")


def rewrite_whole(raw: bytes, plan: Plan, urls: TrackingUrls, copy: int = 0) -> Tracked | Unchanged:
    """The whole way, second opinion included, without a limit of time: what the killable process does."""
    prepared = prepare(raw, plan, urls)
    if isinstance(prepared, Unchanged):
        return prepared
    # Few messages need it, and its parser costs every start a tenth of a second and 9 MB.
    from relay.rewriting.second_opinion import agrees  # noqa: PLC0415

    if not prepared.is_ordinary and not agrees(prepared, urls, copy):
        return Unchanged(Reason.TOO_COMPLEX, prepared.link_list, prepared.notes)
    return render(prepared, urls, copy)


class RewritingWorker:
    """Rewrites one message at a time. ``close`` ends the process, if one was needed."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        """Blocks for the given seconds at most, and half a second more when a process has to be started."""
        if len(raw) > plan.max_bytes:
            return Unchanged(Reason.TOO_LARGE)
        if len(raw) <= SMALL:
            try:
                prepared = prepare(raw, plan, urls)
                if isinstance(prepared, Unchanged):
                    return prepared
                if prepared.is_ordinary:
                    return render(prepared, urls)
            except Exception as fault:
                log.error("rewriting failed: %s", type(fault).__name__)
                return Unchanged(Reason.INTERNAL)
        return self._elsewhere(raw, plan, urls)

    def close(self) -> None:
        """End the process. Safe to call twice."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if pipe:
            pipe.close()
        if process:
            process.kill()
            process.join()
            process.close()

    def _elsewhere(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        try:
            pipe = self._pipe or self._start()
            pipe.send((raw, plan, urls))
            if not pipe.poll(self._seconds):
                self.close()
                return Unchanged(Reason.TIMEOUT)
            answer = pipe.recv()
        except (OSError, EOFError):
            self.close()
            return Unchanged(Reason.INTERNAL)
        return answer if isinstance(answer, Tracked | Unchanged) else Unchanged(Reason.INTERNAL)

    def _start(self) -> Connection:
        # Most installations never need the process, and 1.4 MB go with the module.
        from multiprocessing import get_context  # noqa: PLC0415

        # A fresh interpreter: a fork would take the caller's sockets and threads along.
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True, name="mailglass rewriting")
        process.start()
        theirs.close()
        ours.recv()  # it is up: the time it took to start is not the message's
        self._process, self._pipe = process, ours
        return ours


def _serve(pipe: Connection) -> None:
    pipe.send("ready")
    while True:
        try:
            raw, plan, urls = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer = rewrite_whole(raw, plan, urls)
        except Exception as fault:
            log.error("rewriting failed: %s", type(fault).__name__)
            answer = Unchanged(Reason.INTERNAL)
        pipe.send(answer)
