"""The installation's settings as the pipeline wants them: what becomes of a wish, and what can be one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from config.settings import Listener, Settings
from config.units import parse_duration
from relay.pipeline import TrackingRules
from relay.rewriting.dialects import DIALECTS
from relay.rewriting.optin import OptInPolicy, decide, is_control, under_ceiling
from relay.rewriting.plan import Plan, Quoted, TextIsUrl, Wanted


def tracking_rules(settings: Settings, listener: Listener) -> TrackingRules:
    tracking = settings.tracking
    return TrackingRules(
        plan_for=lambda wanted: plan_for(settings, wanted),
        until=recording_end,
        is_control=lambda name: is_control(name, tracking.dialects),
        control_headers=control_headers(tracking.dialects),
        always_decide=listener.default != "none" or bool(tracking.subject_tag) or bool(tracking.dialects),
        records_untracked=tracking.record_untracked,
        refuse_without_ledger=tracking.on_ledger_failure == "refuse",
        max_octets=tracking.max_size,
        identity=tracking.identity,
        aggregate_minimum=tracking.aggregate_minimum,
        never_recipients=tracking.never_recipients,
        keeps_subjects=settings.privacy.keep_subject,
    )


def control_headers(dialects: Iterable[str]) -> tuple[bytes, ...]:
    """What the names of all control headers begin with, in lower case."""
    accepted = [DIALECTS[name] for name in dialects if name in DIALECTS]
    names = (name for dialect in accepted for name in (*sorted(dialect.names), *dialect.prefixes))
    return (b"x-track", *(name.encode("ascii") for name in names))


def decider(settings: Settings, listener: Listener) -> Callable[[bytes], Wanted]:
    """From a header block to what is wanted on this listener, under the installation's ceiling."""
    tracking = settings.tracking
    policy = OptInPolicy(listener.default, tracking.dialects, tracking.subject_tag)
    return lambda header: under_ceiling(decide(header, policy), tracking.identity)


def plan_for(settings: Settings, wanted: Wanted) -> Plan:
    tracking, privacy = settings.tracking, settings.privacy
    return Plan(
        opens=wanted.opens,
        html_links=wanted.html_links,
        text_links=wanted.text_links,
        notice=privacy.notice if wanted.notice is None else wanted.notice,
        withdrawal=privacy.consent == "required",
        language=privacy.language,
        pixel_at_top=wanted.pixel_at_top,
        text_is_url=TextIsUrl(tracking.text_is_url),
        quoted=Quoted(tracking.quoted),
        skip_domains=tracking.skip_domains,
        track_dkim_signed=tracking.dkim_signed == "track",
        max_bytes=tracking.max_size,
        header_edits=wanted.header_edits,
    )


def recording_end(until: str, now: datetime) -> datetime | None:
    """The moment named by "30d", "12h" or an ISO date (its end, in UTC); None for anything else."""
    try:
        return now + parse_duration(until)
    except ValueError:
        pass
    try:
        named = datetime.fromisoformat(until)
    except ValueError:
        return None
    if len(until) <= len("2026-01-01"):
        named += timedelta(days=1)
    return named if named.tzinfo else named.replace(tzinfo=UTC)
