"""What the header lines of a request show of the program that sent it, whoever runs it and wherever.

The same programs send the same lines again and again, so what they show is found once and kept beside them: a hit
then costs a look-up and no reading. Knows no address, no clock and no ledger. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from config.settings import Privacy
from ledger.records import HitKind, Verdict
from pixel_server.public.classify import HitContext, decide
from pixel_server.public.minimise import evidence, kept_user_agent, refuses_identity
from pixel_server.public.places import Place
from pixel_server.public.signs.tables import Marks, Sign, Signs, read_agent, read_lines
from pixel_server.public.windows import Windows


@dataclass(slots=True, eq=False)
class Glance:
    """One kind of request by one program from one sort of place: its marks, and the verdicts found for them so far."""

    marks: Marks
    kind: HitKind
    facts: str  # the evidence in JSON, as far as it is the same for all, without its last brace
    has_facts: bool  # more than the first brace
    verdicts: dict[tuple[bool | None, bool, bool, bool, bool], Verdict] = field(default_factory=dict)

    def verdict(self, delay: float | None, own_network: bool, own_session: bool, windows: Windows) -> Verdict:
        """What ``decide`` says of a hit of which nothing else is known. ``delay`` is in seconds."""
        key: tuple[bool | None, bool, bool, bool, bool]
        if delay is None:
            key = (None, False, False, own_network, own_session)
        else:  # all that rules ask about it: R04, R15, R21
            early = windows.early_click if self.kind is HitKind.CLICK else windows.early_pixel
            key = (delay < 0, delay <= windows.vendor_network, delay < early, own_network, own_session)
        found = self.verdicts.get(key)
        if found is None:
            context = HitContext(self.kind, delay, own_session, own_network)
            found = self.verdicts[key] = decide(self.marks, context, windows)
        return found


@dataclass(slots=True, eq=False)
class Program:
    """``kept_agent`` is what may be kept of its user agent; ``nameless`` that it asked not to be known."""

    kept_agent: str
    nameless: bool
    _tokens: Mapping[Sign, str]
    _speculative: bool
    _glances: dict[tuple[str, HitKind, int], Glance] = field(default_factory=dict)

    def glance(self, method: str, kind: HitKind, place: Place) -> Glance:
        """Places of one sort share what is found for them."""
        key = (method, kind, place.sort)
        found = self._glances.get(key)
        if found is None:
            found = self._glances[key] = self._look(method, kind, place)
        return found

    def _look(self, method: str, kind: HitKind, place: Place) -> Glance:
        marks = Marks(
            method.upper()[:16], self._tokens, self._speculative, place.networks, place.asn, place.is_loopback
        )
        facts = json.dumps(evidence(marks, HitContext(kind)))[:-1]
        return Glance(marks, kind, facts, has_facts=facts != "{")


def read_program(lines: Iterable[tuple[str, str]], signs: Signs, privacy: Privacy) -> Program:
    """What those header lines show. Never raises."""
    headers = dict(lines)
    agent, speculative = read_lines(headers)
    nameless = privacy.honour_gpc and refuses_identity(headers)
    return Program(kept_user_agent(agent, privacy.user_agent), nameless, read_agent(signs, agent), speculative)
