"""Whatever the order in which hits arrive, the last verdicts are those of all of them seen together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Settings
from ledger.message_id import mint_message_id, mint_text
from ledger.queries.facts import StoredFacts
from ledger.records import Hit, HitKind, Verdict
from pixel_server.public.classify import HitContext, Neighbours, decide
from pixel_server.public.minimise import context_of, evidence, marks_of
from pixel_server.public.neighbourhood import Neighbourhood
from pixel_server.public.retrial import judge_again
from pixel_server.public.second_look import Observed, second_look
from pixel_server.public.signs.loading import load_signs
from pixel_server.public.signs.tables import Marks, Sign
from pixel_server.public.windows import Windows, windows_from

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MESSAGE = mint_message_id(round(BEGIN.timestamp() * 1000), bytes(10))
SIGNS = load_signs()
PROGRAMS = {
    "browser": Marks("GET"),
    "office": Marks("GET", {Sign.OFFICE: "ms-office", Sign.MAIL_CLIENT: "ms-office"}),
    "preview": Marks("GET", {Sign.PREVIEW: "Slackbot"}),
    "library": Marks("GET", {Sign.PROGRAM: "curl"}),
    "ahead": Marks("GET", speculative=True),
    "head": Marks("HEAD"),
}
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"burst": "5s", "office_browser": "1s"},
    {"burst": "1s", "office_browser": "12s", "early_click": "30s"},
    {"early_pixel": "0s", "early_click": "0s", "burst": "0s", "office_browser": "0s"},
)


def installation(windows: dict[str, str]) -> Settings:
    return Settings.model_validate({"hits": windows})


def clicked(
    number: int, seconds: float, link: int, program: str, source: str, delay: float, of: int, windows: Windows
) -> Hit:
    """As the judge makes it of a click that nobody stands beside."""
    at = BEGIN + timedelta(seconds=seconds)
    context = HitContext(HitKind.CLICK, delay + seconds, neighbours=Neighbours(links_in_message=of))
    marks = PROGRAMS[program]
    return Hit(
        mint_text(round(at.timestamp() * 1000), number.to_bytes(16, "big")), at, HitKind.CLICK, MESSAGE, 0, link,
        marks.method, decide(marks, context, windows), "", "", json.dumps(evidence(marks, context, source)),
    )  # fmt: skip


def in_the_end(arriving: Sequence[Hit], chosen: Settings) -> dict[str, tuple[Hit, Verdict]]:
    """Each hit as it was stored, and the verdict that stands when the window is over."""
    neighbourhood = Neighbourhood(chosen)
    stored: dict[str, Hit] = {}
    verdicts: dict[str, Verdict] = {}
    latest = BEGIN.timestamp()
    for one in arriving:
        for hit in neighbourhood.look([one], None):
            stored[hit.id], verdicts[hit.id] = hit, hit.verdict
        latest = max(latest, one.at.timestamp())
        neighbourhood.due(latest)
        verdicts |= neighbourhood.taken_changes()
    for moment in (latest + 121, latest + 242):
        neighbourhood.due(moment)
        verdicts |= neighbourhood.taken_changes()
    return {name: (hit, verdicts[name]) for name, hit in stored.items()}


def seen_together(hits: Iterable[Hit], of: int, windows: Windows) -> dict[str, Verdict]:
    observed = []
    for hit in hits:
        facts = json.loads(hit.evidence)
        observed.append(Observed(hit.id, hit.at.timestamp(), hit.copy, hit.link, marks_of(facts, hit.method),
                                 context_of(facts, hit.kind), str(facts.get("source", ""))))  # fmt: skip
    return {look.id: look.verdict for look in second_look(observed, of, windows, inf)}


def on_record(hit: Hit, verdict: Verdict, seq: int) -> StoredFacts:
    facts: dict[str, Any] = json.loads(hit.evidence)
    return StoredFacts(seq, hit.id, hit.at, hit.kind, 1, hit.copy, hit.link, hit.method, verdict, hit.user_agent,
                       hit.ip, facts)  # fmt: skip


clicks = st.tuples(
    st.integers(0, 120).map(lambda quarter: quarter / 4),
    st.integers(1, 4),
    st.sampled_from(sorted(PROGRAMS)),
    st.sampled_from(["", "f00d", "cafe"]),
)
# Near each other, round the ends of two windows.
over_windows = st.tuples(
    st.sampled_from([0, 100, 118, 119, 120, 121, 225, 239, 240]).flatmap(
        lambda second: st.integers(0, 12).map(lambda quarter: second + quarter / 4)
    ),
    st.integers(1, 4),
    st.sampled_from(["browser", "browser", "office"]),
    st.just("f00d"),
)


@given(st.lists(clicks, max_size=16), st.sampled_from([0.0, 8.0, 400.0]), st.integers(1, 5), st.randoms(),
       st.sampled_from(SETTINGS))  # fmt: skip
@settings(max_examples=250, deadline=None)
def test_the_last_verdicts_are_the_same_in_every_order_and_reclassify_finds_nothing_to_change(
    drawn: list[tuple[float, int, str, str]], delay: float, of: int, random: Random, windows: dict[str, str]
) -> None:
    chosen = installation(windows)
    within = windows_from(chosen.hits)
    hits = [
        clicked(number, seconds, min(link, of), program, source, delay, of, within)
        for number, (seconds, link, program, source) in enumerate(drawn)
    ]
    arriving = list(hits)
    random.shuffle(arriving)
    found = in_the_end(arriving, chosen)
    assert {name: verdict for name, (_, verdict) in found.items()} == seen_together(hits, of, within)
    kept = [on_record(hit, verdict, seq) for seq, (hit, verdict) in enumerate(found.values())]
    assert judge_again(kept, SIGNS, within) == []


@given(st.lists(over_windows, max_size=24), st.sampled_from(SETTINGS))
@settings(max_examples=250, deadline=None)
def test_where_one_window_ends_and_another_begins_nothing_is_overlooked(
    drawn: list[tuple[float, int, str, str]], windows: dict[str, str]
) -> None:
    chosen = installation(windows)
    within = windows_from(chosen.hits)
    hits = [
        clicked(number, seconds, link, program, source, 400, 4, within)
        for number, (seconds, link, program, source) in enumerate(sorted(drawn))
    ]
    found = in_the_end(hits, chosen)
    assert {name: verdict for name, (_, verdict) in found.items()} == seen_together(hits, 4, within)


@given(st.lists(st.tuples(st.integers(0, 40).map(lambda half: half / 2), st.integers(1, 4)), max_size=20))
@settings(max_examples=250, deadline=None)
def test_no_later_click_takes_back_what_a_burst_has_shown(drawn: list[tuple[float, int]]) -> None:
    chosen = installation({})
    windows = windows_from(chosen.hits)
    neighbourhood = Neighbourhood(chosen)
    hits = [
        clicked(n, seconds, link, "browser", "f00d", 400, 4, windows) for n, (seconds, link) in enumerate(sorted(drawn))
    ]
    verdicts: dict[str, Verdict] = {}
    for number, hit in enumerate(hits, 1):
        verdicts |= {one.id: one.verdict for one in neighbourhood.look([hit], hit.at.timestamp())}
        verdicts |= neighbourhood.taken_changes()
        assert verdicts == seen_together(hits[:number], 4, windows)


def test_a_hit_that_comes_again_from_a_journal_changes_nothing() -> None:
    chosen = installation({})
    windows = windows_from(chosen.hits)
    hits = [clicked(n, n / 4, n, "browser", "f00d", 400, 3, windows) for n in (1, 2, 3)]
    again = [replace(hit) for hit in hits]
    found = in_the_end([*hits, *again, hits[0]], chosen)
    assert [verdict.rule for _, verdict in found.values()] == ["R16"] * 3


@pytest.mark.parametrize(
    ("windows", "rules"),
    [
        ({}, ["R22", "R22", "R22"]),  # 2.5 s from the first to the last
        ({"burst": "3s"}, ["R16", "R16", "R16"]),
        ({"burst": "2500ms"}, ["R16", "R16", "R16"]),
        ({"burst": "2499ms"}, ["R22", "R22", "R22"]),
        ({"early_click": "500s"}, ["R21", "R21", "R21"]),
    ],
)
def test_every_window_is_the_one_of_the_settings(windows: dict[str, str], rules: list[str]) -> None:
    chosen = installation(windows)
    within = windows_from(chosen.hits)
    hits = [clicked(n, n * 1.25, n, "browser", "f00d", 400, 4, within) for n in (1, 2, 3)]
    found = in_the_end([hits[2], hits[0], hits[1]], chosen)
    assert [found[hit.id][1].rule for hit in hits] == rules
