"""The time line of one message as a picture: where each hit stands on a scale of the time since it was sent. Pure.

The scale is logarithmic: scanners come within seconds, people within hours, some after weeks, and all have to be told
apart in one picture. Hits that would cover one another are stacked. Across, places are in hundredths of the width, as
in charts.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger.queries.rows import HitRow
from ledger.records import HitClass

WIDTH = 100.0
# Marks are 9 pixels wide; between a phone's 270 pixels and a wide screen's 700, this is where they count as touching.
MARK_WIDTH = 100 * 11 / 480
LANE_HEIGHT, STEP = 34, 8.5
FIRST_SECONDS = 1.0
MOST_MARKS = 400
# Where the scale gets a name, in seconds.
_TICKS = (10, 60, 600, 3600, 6 * 3600, 86400, 3 * 86400, 7 * 86400, 30 * 86400, 90 * 86400, 365 * 86400, 3650 * 86400)


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    y: float
    kind: str
    column: str
    hit: HitRow


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    after: timedelta
    everywhere: bool  # False: only where there is room for its name


@dataclass(frozen=True, slots=True)
class Timeline:
    height: float
    lanes: tuple[tuple[str, float], ...]  # kind of hit, and where its line runs
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


def draw(sent_at: datetime, hits: Sequence[HitRow], now: datetime, kinds: Sequence[str]) -> Timeline:
    """``kinds``: the lanes, "open" and "click". Hits before the sending stand at its beginning."""
    shown = sorted(hits, key=lambda hit: hit.at)[-MOST_MARKS:]
    span = max((now - sent_at).total_seconds(), 60.0, *(1.1 * (hit.at - sent_at).total_seconds() for hit in shown))
    scale = _Scale(span)
    marks: list[Mark] = []
    lanes: list[tuple[str, float]] = []
    y = 8.0
    for kind in kinds:
        placed = _stack([(scale.at((hit.at - sent_at).total_seconds()), hit) for hit in shown if hit.kind == kind])
        levels = max((level for _, level, _ in placed), default=0)
        y += LANE_HEIGHT + levels * STEP
        lanes.append((kind, y))
        marks += [
            Mark(x, y - level * STEP, kind, HitClass(hit.hit_class).column, hit) for x, level, hit in placed
        ]  # fmt: skip
    ticks = _ticks(scale, span)
    return Timeline(y + 44, tuple(lanes), tuple(marks), ticks)


class _Scale:
    def __init__(self, span_seconds: float) -> None:
        self._whole = math.log10(span_seconds / FIRST_SECONDS)

    def at(self, seconds: float) -> float:
        share = math.log10(max(seconds, FIRST_SECONDS) / FIRST_SECONDS) / self._whole
        return round(min(share, 1.0) * WIDTH, 2)


def _ticks(scale: _Scale, span: float) -> tuple[Tick, ...]:
    found: list[Tick] = []
    named = 0.0  # where the last one stands that shows everywhere; the scale's beginning is one
    for seconds in _TICKS:
        x = scale.at(seconds)
        if seconds < span and (not found or x - found[-1].x > 9) and x < WIDTH - 2:
            everywhere = x - named > 24
            named = x if everywhere else named
            found.append(Tick(x, timedelta(seconds=seconds), everywhere))
    return tuple(found)


def _stack(points: Sequence[tuple[float, HitRow]]) -> list[tuple[float, int, HitRow]]:
    """A level for each point, so that no two on one level are nearer than a mark is wide."""
    ends: list[float] = []
    placed: list[tuple[float, int, HitRow]] = []
    for x, hit in points:
        level = next((number for number, end in enumerate(ends) if x - end >= MARK_WIDTH), len(ends))
        level = min(level, 7)
        if level == len(ends):
            ends.append(x)
        else:
            ends[level] = x
        placed.append((x, level, hit))
    return placed
