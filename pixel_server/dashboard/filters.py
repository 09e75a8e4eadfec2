"""What a query string asks of the list of messages, and how a link asks for it. Pure.

Page and API read the same parameters. A page leaves out what it cannot read; the API names it. Dates are days of the
reader's own time zone, and ``until`` includes its day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from urllib.parse import urlencode

from ledger.queries.messages import HIGHEST_LIMIT, MessageFilter
from ledger.records import State

NAMES = ("tracked", "opened", "clicked", "unopened_for", "tag", "sender", "state", "q", "since", "until")
LONGEST_TEXT = 300
LONGEST_DAYS = 3660
_CURSOR = re.compile(r"\d{1,18}(\.\d{1,18})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked. ``faults`` names each parameter that could not be read, with the reason."""

    wanted: MessageFilter
    cursor: str | None
    limit: int
    parameters: Mapping[str, str]  # the readable ones
    faults: Mapping[str, str]

    def link(self, **changes: str | None) -> str:
        """The query of this list with other parameters; None leaves one out. Paging begins anew."""
        return query_of({**self.parameters, **changes})

    def only(self, **parameters: str) -> str:
        """The query of a list that asks just this, keeping the words that were searched for."""
        return query_of({"q": self.parameters.get("q"), **parameters})

    def is_asked(self, **parameters: str) -> bool:
        """Whether these are asked, and of opened, clicked, tracked and unopened_for nothing else."""
        among = ("tracked", "opened", "clicked", "unopened_for")
        return {name: self.parameters[name] for name in among if name in self.parameters} == parameters


def query_of(parameters: Mapping[str, str | None]) -> str:
    kept = {name: value for name, value in parameters.items() if value}
    return "/messages" + ("?" + urlencode(kept) if kept else "")


def read_filters(query: Mapping[str, str], zone: tzinfo, default_limit: int = 50) -> Asked:
    reading = _Reading(query)
    days = reading.number("unopened_for", 1, LONGEST_DAYS)
    wanted = MessageFilter(
        tracked=reading.truth("tracked"),
        opened=reading.truth("opened"),
        clicked=reading.truth("clicked"),
        unopened_for=None if days is None else timedelta(days=days),
        tag=reading.text("tag"),
        sender=reading.text("sender"),
        state=reading.one_of("state", tuple(state.value for state in State)),
        q=reading.text("q"),
        since=reading.moment("since", zone, whole_day=False),
        until=reading.moment("until", zone, whole_day=True),
    )
    limit = reading.number("limit", 1, HIGHEST_LIMIT)
    cursor = reading.matching("cursor", _CURSOR)
    readable = {name: query[name] for name in NAMES if query.get(name) and name not in reading.faults}
    if days is not None:
        readable["unopened_for"] = str(days)  # links and chips know the number without zeros before it
    return Asked(wanted, cursor, default_limit if limit is None else limit, readable, reading.faults)


def moment_in(text: str, zone: tzinfo, whole_day: bool = False) -> datetime:
    """A time or a day as written (ISO 8601); ``whole_day``: a day means its end. Raises ValueError."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=int(whole_day)), time(), zone)
    # "+" in a query that nobody encoded arrives as a blank.
    moment = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", text))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if not 1971 <= moment.year <= 9998:
        raise ValueError("year")
    return moment


class _Reading:
    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self.faults: dict[str, str] = {}

    def truth(self, name: str) -> bool | None:
        match self._query.get(name, ""):
            case "":
                return None
            case "true":
                return True
            case "false":
                return False
            case _:
                self.faults[name] = "must be true or false"
                return None

    def number(self, name: str, lowest: int, highest: int) -> int | None:
        written = self._query.get(name, "")
        if not written:
            return None
        if written.isascii() and written.isdigit() and len(written) < 6 and lowest <= int(written) <= highest:
            return int(written)
        self.faults[name] = f"must be a whole number from {lowest} to {highest}"
        return None

    def text(self, name: str) -> str:
        written = self._query.get(name, "")
        if len(written) > LONGEST_TEXT or "\0" in written or not _is_text(written):
            self.faults[name] = f"must be text of at most {LONGEST_TEXT} characters"
            return ""
        return written.strip()

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        written = self._query.get(name, "")
        if not written or written in words:
            return written
        self.faults[name] = "must be one of " + ", ".join(words)
        return ""

    def matching(self, name: str, form: re.Pattern[str]) -> str | None:
        written = self._query.get(name, "")
        if not written:
            return None
        if form.fullmatch(written):
            return written
        self.faults[name] = "is not one of ours"
        return None

    def moment(self, name: str, zone: tzinfo, whole_day: bool) -> datetime | None:
        written = self._query.get(name, "")
        if not written:
            return None
        try:
            if len(written) > 40:
                raise ValueError("too long")
            return moment_in(written, zone, whole_day)
        except (ValueError, OverflowError):
            self.faults[name] = "must be a day (2026-11-24) or a time (2026-11-24T10:00:00Z)"
            return None


def _is_text(written: str) -> bool:
    try:
        written.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
