"""Digests: when one is due, and what it says. Pure.

A daily one tells of the 24 hours before its hour, a weekly one, on Mondays, of the week before it; both in the reader's
time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta, tzinfo

from ledger.queries.digest import UNOPENED_AFTER, Digest, Looked
from ledger.queries.rows import Counts, MessageRow
from pixel_server.dashboard.wording import Wording
from pixel_server.notify.sentences import Sentences

DIGESTS = ("daily", "weekly")
# A digest that could not be sent by then is left out; the next one comes soon enough.
LATEST = timedelta(hours=20)


def period_before(now: datetime, kind: str, zone: tzinfo, hour: int) -> tuple[datetime, datetime]:
    """The latest whole period that has ended, of a kind in DIGESTS."""
    local = now.astimezone(zone)
    end = datetime.combine(local.date(), time(hour), zone)
    if end > local:
        end -= timedelta(days=1)
    if kind == "daily":
        return end - timedelta(days=1), end
    end -= timedelta(days=end.weekday())
    return end - timedelta(days=7), end


def is_due(now: datetime, end: datetime, sent_until: datetime | None) -> bool:
    """Whether a digest of a time that ended then has to be sent; never the first one, of a time before it was asked
    for."""
    return sent_until is not None and sent_until < end <= now < end + LATEST


def digest_words(words: Wording, found: Digest, kind: str) -> Sentences:
    """``headline`` is the subject of its mail."""
    say, whole = words._, found.totals
    when = say("Your mail of the last day") if kind == "daily" else say("Your mail of the last week")
    numbers = say("opens %(opens)s, links followed %(clicks)s") % {
        "opens": words.number(whole.opens.confirmed), "clicks": words.number(whole.clicks.confirmed),
    }  # fmt: skip
    lines = [
        say("Messages: %(sent)s, of them tracked: %(tracked)s")
        % {"sent": words.number(whole.sent), "tracked": words.number(whole.tracked)},
        f"{say('Opens')}: {_three(words, whole.opens)}",
        f"{say('Links followed')}: {_three(words, whole.clicks)}",
    ]
    if found.looked:
        lines += ["", say("What people looked at:"), *(_looked(words, one) for one in found.looked)]
    if found.unopened:
        heading = say("Not opened after %(days)s days:") % {"days": UNOPENED_AFTER.days}
        lines += ["", heading, *(_unopened(words, one) for one in found.unopened)]
    return Sentences(f"{when}: {numbers}", "\n".join(lines))


def _three(words: Wording, counts: Counts) -> str:
    say = words._
    return ", ".join(
        f"{words.number(number)} {name}"
        for number, name in (
            (counts.confirmed, say("confirmed")),
            (counts.possible, say("possible")),
            (counts.machine, say("machine")),
        )
    )


def _looked(words: Wording, one: Looked) -> str:
    deeds = [
        words.opened(True, Counts(one.opens), None, None) if one.opens else "",
        words.clicked(True, Counts(one.clicks), None, None) if one.clicks else "",
    ]
    return f"- {_subject(words, one.message)} ({_to(words, one.message.recipients)}): {', '.join(filter(None, deeds))}"


def _unopened(words: Wording, one: MessageRow) -> str:
    return f"- {_subject(words, one)} ({_to(words, one.recipients)}), {words.when(one.submitted_at)}"


def _subject(words: Wording, one: MessageRow) -> str:
    return " ".join(one.subject.split()) or words._("(no subject)")


def _to(words: Wording, recipients: Sequence[str]) -> str:
    return ", ".join(map(words.address, recipients[:2])) + (f" +{len(recipients) - 2}" if len(recipients) > 2 else "")
