"""Times, numbers and counts in a reader's own words: "opened twice, last today 10:03". Pure.

Every sentence about opens and clicks is made here, so that icons, cards, tables and notifications say the same. A
machine's fetch is never called an open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache

from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

from ledger.queries.rows import Counts
from pixel_server.dashboard.languages import Language
from pixel_server.dashboard.note_words import address_in


class Fill(StrEnum):
    """How an icon is drawn."""

    NONE = "none"  # not tracked for it
    HOLLOW = "hollow"
    HALF = "half"  # only possible
    FILLED = "filled"  # confirmed


def fill_of(tracked: bool, counts: Counts) -> Fill:
    if counts.confirmed:
        return Fill.FILLED
    if counts.possible:
        return Fill.HALF
    return Fill.HOLLOW if tracked else Fill.NONE


@dataclass(frozen=True, slots=True)
class Wording:
    language: Language
    zone: tzinfo
    now: datetime

    def _(self, sentence: str) -> str:
        return self.language.sentences.gettext(sentence)

    def address(self, address: str) -> str:
        return address_in(self._, address)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def day_of(self, moment: datetime) -> date:
        return self.local(moment).date()

    def clock(self, moment: datetime) -> str:
        """10:03"""
        local = self.local(moment)
        return _clock(self.language, local.hour, local.minute)

    def day(self, moment: datetime) -> str:
        """Today, Yesterday, Monday 16 November, 3 January 2025"""
        return self.day_name(self.day_of(moment))

    def day_name(self, day: date) -> str:
        today = self.day_of(self.now)
        if day == today:
            return self._("Today")
        if day == today - timedelta(days=1):
            return self._("Yesterday")
        return _day(self.language, day, "MMMMEEEEd" if day.year == today.year else "long")

    def short_day(self, day: date) -> str:
        """16 Nov"""
        return _day(self.language, day, "MMMd")

    def weekday(self, number: int) -> str:
        """Mon for 0"""
        return _day(self.language, date(2024, 1, 1 + number), "EEE")

    def when(self, moment: datetime) -> str:
        """today 10:03, yesterday 18:20, Mon 10:03 within the week, else 3 Nov, 10:03"""
        day, today, clock = self.day_of(moment), self.day_of(self.now), self.clock(moment)
        if day == today:
            return self._("today %(clock)s") % {"clock": clock}
        if day == today - timedelta(days=1):
            return self._("yesterday %(clock)s") % {"clock": clock}
        if timedelta() < today - day < timedelta(days=7):
            weekday = _day(self.language, day, "EEE")
            return self._("%(weekday)s %(clock)s") % {"weekday": weekday, "clock": clock}
        if day.year == today.year:
            return self._at(day, clock)
        return _day(self.language, day, "medium")

    def full(self, moment: datetime) -> str:
        """The whole date with seconds and zone."""
        local = self.local(moment)
        return f"{_day(self.language, local.date(), 'full')} {local:%H:%M:%S %Z}"

    def seconds(self, moment: datetime) -> str:
        """3 Nov, 10:03:12"""
        clock = format_time(self.local(moment), "medium", locale=self.language.locale)
        return self._at(self.day_of(moment), clock)

    def listed(self, items: Iterable[str]) -> str:
        """opens, links and one copy each"""
        return format_list(list(items), locale=self.language.locale)

    def _at(self, day: date, clock: str) -> str:
        return self._("%(day)s, %(clock)s") % {"day": self.short_day(day), "clock": clock}

    def after(self, span: timedelta) -> str:
        """3 minutes, for the time that passed."""
        return format_timedelta(span, granularity="second", threshold=0.99, locale=self.language.locale)

    def number(self, value: int) -> str:
        return str(value) if value < 1000 else format_decimal(value, locale=self.language.locale)

    def size(self, octets: int) -> str:
        """640 B, 12 kB, 3.4 MB, 83 GB"""
        for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
            if octets >= one:
                places = 1 if octets < 10 * one else 0
                return f"{format_decimal(round(octets / one, places), locale=self.language.locale)} {unit}"
        return f"{octets} B"

    def percent(self, part: int, whole: int) -> str:
        return format_percent(part / whole if whole else 0, locale=self.language.locale)

    def opened(self, tracked: bool, counts: Counts, first: datetime | None, last: datetime | None) -> str:
        """The accessible name of an open icon."""
        match fill_of(tracked, counts):
            case Fill.FILLED:
                times = self._times(self._("opened"), counts.confirmed)
                return self._with_time(times, counts.confirmed, first, last)
            case Fill.HALF:
                return self._("perhaps opened: only fetched ahead by a privacy service")
            case Fill.HOLLOW:
                return self._("not opened yet")
            case Fill.NONE:
                return self._("opens are not tracked")

    def clicked(self, tracked: bool, counts: Counts, first: datetime | None, last: datetime | None) -> str:
        """The accessible name of a link icon."""
        match fill_of(tracked, counts):
            case Fill.FILLED:
                times = self._times(self._("links followed"), counts.confirmed)
                return self._with_time(times, counts.confirmed, first, last)
            case Fill.HALF:
                return self._("perhaps followed")
            case Fill.HOLLOW:
                return self._("no link followed yet")
            case Fill.NONE:
                return self._("links are not tracked")

    def _times(self, verb: str, count: int) -> str:
        match count:
            case 1:
                return self._("%(verb)s once") % {"verb": verb}
            case 2:
                return self._("%(verb)s twice") % {"verb": verb}
            case _:
                return self._("%(verb)s %(count)s times") % {"verb": verb, "count": self.number(count)}

    def _with_time(self, times: str, count: int, first: datetime | None, last: datetime | None) -> str:
        if first is None or last is None:
            return times
        if count == 1:  # looking again soon after moves the last time and is no second open
            return self._("%(times)s, %(when)s") % {"times": times, "when": self.when(first)}
        return self._("%(times)s, last %(when)s") % {"times": times, "when": self.when(last)}


# A page says some hundred times, and each takes Babel a tenth of a millisecond.
@lru_cache(maxsize=4096)
def _clock(language: Language, hour: int, minute: int) -> str:
    return format_time(time(hour, minute), "short", locale=language.locale)


@lru_cache(maxsize=4096)
def _day(language: Language, day: date, form: str) -> str:
    """``form``: full, long, medium, a pattern (EEE) or a skeleton (MMMd)."""
    if form.startswith("MMM"):
        return format_skeleton(form, datetime(day.year, day.month, day.day, 12, tzinfo=UTC), locale=language.locale)
    return format_date(day, form, locale=language.locale)
