"""Puts a new DKIM signature on what was tracked although it came signed, where the settings give a key for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ledger.urls import TrackingUrls
from relay.header_facts import is_signed
from relay.pipeline import Rewriter
from relay.rewriting.dkim_signing import DkimKey, signed_again
from relay.rewriting.plan import Plan, Tracked, Unchanged


class SigningRewriter:
    """A rewriter whose signed messages are signed again; the signing happens in a thread."""

    def __init__(self, inner: Rewriter, key: DkimKey) -> None:
        self._inner = inner
        self._key = key

    async def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        outcome = await self._inner.rewrite(raw, plan, urls)
        if isinstance(outcome, Unchanged) or not is_signed(raw):
            return outcome
        signed = await asyncio.to_thread(signed_again, outcome, self._key)
        return replace(signed, notes=(*signed.notes, "DKIM: signed again")) if isinstance(signed, Tracked) else signed
