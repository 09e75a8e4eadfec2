"""From a request's facts to the hit that is kept: its class, as far as it alone tells, with nothing more than
[privacy] allows. What its neighbours make of it is second_looks.py's. Clock and randomness are arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from config.settings import Settings
from ledger.message_id import mint_text
from ledger.recording import RecordingState
from ledger.records import Hit, HitKind
from ledger.tokens import Target
from pixel_server.public.minimise import day_salt, fingerprint
from pixel_server.public.places import Place
from pixel_server.public.programs import Program
from pixel_server.public.sources import source_of
from pixel_server.public.windows import windows_from

RANDOM_BYTES = 16
_NOT_YET = -0.001  # seconds


class Judge:
    """``secret`` gives the installation's of this run, which is written nowhere (ledger/access.py)."""

    def __init__(self, settings: Settings, secret: Callable[[], bytes]) -> None:
        self._secret = secret
        self._privacy = settings.privacy
        self._windows = windows_from(settings.hits)
        self._longest_wait = settings.limits.upstream_final.total_seconds()
        self._salt: tuple[int, bytes, bytes] = (0, b"", b"")

    def judge(
        self, program: Program, place: Place, method: str, kind: HitKind, target: Target, state: RecordingState,
        at: datetime, random_bytes: bytes, own_session: bool = False,
    ) -> Hit:  # fmt: skip
        """``random_bytes``: 16 of them. The hit's id sorts by the time that is kept."""
        now = seconds = at.timestamp()
        glance = program.glance(method, kind, place)
        source = "" if place.is_loopback else place.source
        own = bool(state.own_networks and source) and any(source_of(one) == source for one in state.own_networks)
        delay = self._delay(state, now)
        verdict = glance.verdict(delay, own, own_session, self._windows)
        if self._privacy.whole_minutes:
            at = at.replace(second=0, microsecond=0)
            seconds = at.timestamp()
        hit_id = mint_text(round(seconds * 1000), random_bytes)
        nameless = kind is HitKind.CLICK and program.nameless
        # As json.dumps would write evidence(…), at a tenth of the cost; a test compares the two.
        facts = glance.facts
        if own_session:
            facts += ', "own_session": true'
        if own:
            facts += ', "own_network": true'
        if state.known and state.tracked_links:
            facts += f', "of": {state.tracked_links}'
        if source and not nameless:
            facts += f', "source": "{self._fingerprint(source, at)}"'
        if delay is not None:
            facts += f', "delay": {delay:.3f}'
        if not glance.has_facts:
            facts = facts.replace(", ", "", 1)
        return Hit(
            # Whose copy it is says who they are as well as an address does.
            hit_id, at, kind, target.message, 0 if nameless else target.copy, target.link, glance.marks.method, verdict,
            "" if nameless else program.kept_agent, "" if nameless else place.kept_ip, facts + "}",
        )  # fmt: skip

    def visitor(self, place: Place, user_agent: str, at: datetime) -> str:
        """A name for who asks that holds for the day and leads back to nobody."""
        return self._fingerprint(f"{place.source} {user_agent}", at)

    def _delay(self, state: RecordingState, now: float) -> float | None:
        if state.accepted_at is not None:
            return now - state.accepted_at.timestamp()
        # The upstream has not said 250: nobody but a filter on the way can have the message. How long before is not
        # known. A verdict that never came (a crash in between) says nothing, once the longest wait for it is over.
        if state.awaited_since is not None and now - state.awaited_since.timestamp() <= self._longest_wait:
            return _NOT_YET
        return None

    def _fingerprint(self, source: str, at: datetime) -> str:
        day, secret = at.toordinal(), self._secret()
        if self._salt[0] != day or self._salt[1] is not secret:
            self._salt = (day, secret, day_salt(secret, at.date()))
        return fingerprint(source, self._salt[2])
