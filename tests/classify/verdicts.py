"""The first verdict on a hit, from what came over the wire."""

from __future__ import annotations

from ledger.records import HitFacts, Verdict
from pixel_server.public.classify import HitContext, decide
from pixel_server.public.signs.tables import Signs, observe
from pixel_server.public.windows import Windows


def first_verdict(facts: HitFacts, context: HitContext, signs: Signs, windows: Windows) -> Verdict:
    return decide(observe(facts, signs, context.asn), context, windows)
