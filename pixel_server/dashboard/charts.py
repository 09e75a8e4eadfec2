"""Bars and heat maps as geometry: numbers in, places and sizes out. Pure; the templates draw them as SVG.

Across, everything is in hundredths of the picture's width, so that one picture fits a phone and a wide screen with its
letters at their size; downwards in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ledger.queries.rows import Counts
from ledger.queries.stats import Slot

WIDTH, HEIGHT = 100.0, 168
TOP, BOTTOM = 8, 22
WIDEST_BAR = 3.6  # of the width: a week's seven bars are no blocks
NAMES = 8  # under the bars; on a phone every other one shows


@dataclass(frozen=True, slots=True)
class Segment:
    """One rectangle of a bar."""

    column: str  # confirmed, possible, machine
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    width: float
    day: date
    counts: Counts
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class BarChart:
    height: int
    floor: float
    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, int], ...]  # where a grid line runs, and the number it stands for
    names: tuple[tuple[float, date], ...]  # days with a name under them


@dataclass(frozen=True, slots=True)
class Cell:
    x: float
    y: float
    weekday: int
    hour: int
    count: int
    strength: float  # 0 to 1


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def bar_chart(days: Sequence[date], counts: Sequence[Counts]) -> BarChart:
    """A bar a day: confirmed at the bottom, possible and machine above it. The sender's own are left out."""
    highest = max((one.confirmed + one.possible + one.machine for one in counts), default=0)
    step = grid_step(highest)
    top = max(step * math.ceil(highest / step), step)
    floor = HEIGHT - BOTTOM
    scale = (floor - TOP) / top
    pitch = WIDTH / max(len(days), 1)
    width = min(pitch * 0.72, WIDEST_BAR)
    bars = tuple(
        Bar(round(pitch * (place + 0.5) - width / 2, 3), round(width, 3), day, one, _segments(one, floor, scale))
        for place, (day, one) in enumerate(zip(days, counts, strict=True))
    )
    lines = tuple((round(floor - number * scale, 1), number) for number in range(0, top + 1, step))
    every = max(1, math.ceil(len(days) / NAMES))
    names = tuple(
        (round(pitch * (place + 0.5), 2), day)
        for place, day in enumerate(days)
        if (len(days) - 1 - place) % every == every // 2
    )
    return BarChart(HEIGHT, floor, bars, lines, names)


def grid_step(highest: int) -> int:
    """1, 2 or 5 times a power of ten, so that three to five lines stand in the picture."""
    for step in (factor * 10**power for power in range(12) for factor in (1, 2, 5)):
        if highest <= 4 * step:
            return int(step)
    return 10**12


def heat_cells(slots: Iterable[Slot], kind: str) -> tuple[list[Cell], int]:
    """168 cells, Monday first, and the highest count. ``kind`` is opens or clicks; only confirmed ones count."""
    counts = {(slot.begins.weekday(), slot.begins.hour): getattr(slot, kind).confirmed for slot in slots}
    highest = max(counts.values(), default=0)
    cell = WIDTH / 24
    return [
        Cell(round(hour * cell, 2), 4 + weekday * 22, weekday, hour, count, _strength(count, highest))
        for weekday in range(7)
        for hour in range(24)
        for count in (counts.get((weekday, hour), 0),)
    ], highest


def _segments(counts: Counts, floor: float, scale: float) -> tuple[Segment, ...]:
    found: list[Segment] = []
    y = floor
    for column in ("confirmed", "possible", "machine"):
        height = getattr(counts, column) * scale
        if height:
            y -= height
            found.append(Segment(column, round(y, 2), round(height, 2)))
    return tuple(found)


def _strength(count: int, highest: int) -> float:
    # The eye compares areas and shades by ratios: the square root keeps small counts visible.
    return round(math.sqrt(count / highest), 3) if highest else 0.0
