"""``mailglass reclassify``: applies the present rules to stored hits and says what changed.

Works through the running installation, or alone when there is none. Reads message by message, so that bursts and
Office programs are seen as they were; changes are committed in groups, and doing it again changes nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated

import typer

from config.settings import Settings
from ledger.access import Ledger
from ledger.queries.facts import StoredFacts, count_hits_since, facts_of_messages, facts_without_message
from ledger.records import Verdict
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.progress import progress
from mailglass.commands.reading import changing, moment_from, run_to_end
from mailglass.commands.tables import counted, print_json, print_rows
from mailglass.failures import ConfigurationAtFault
from pixel_server.public.retrial import can_be_judged, judge_again
from pixel_server.public.signs.loading import SignsFault, load_signs
from pixel_server.public.signs.tables import Signs
from pixel_server.public.windows import Windows, windows_from

PAGE = 5000
GROUP = 500
# Of hits before the first one asked for, so that a burst across that moment is seen whole.
NEIGHBOURS = timedelta(minutes=2)

_COLUMNS = ("from_class", "from_rule", "to_class", "to_rule", "hits")


@dataclass(slots=True)
class Summary:
    """What was done, and the changes by old and new verdict."""

    hits: int = 0
    without_facts: int = 0  # nothing was kept of them that rules could look at, or a person said what they were
    changed: int = 0
    changes: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def rows(self) -> list[dict[str, object]]:
        return [dict(zip(_COLUMNS, (*verdicts, count), strict=True)) for verdicts, count in self.changes.most_common()]


def reclassify(
    config: Config = DEFAULT_CONFIG,
    since: Annotated[str | None, typer.Option("--since", help='"7d" or "2026-01-31"; default: all hits')] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="change nothing, only say what would change")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the present rules to stored hits, and say what changed."""
    settings = settings_from_file(config)
    earliest = moment_from(since, datetime.now(UTC)) if since else None
    try:
        signs = load_signs(settings.hits.networks_file)
    except SignsFault as fault:
        raise ConfigurationAtFault(f"hits.networks_file: {fault}") from None
    summary = run_to_end(_work(settings, signs, earliest, dry_run))
    if as_json:
        totals = {"hits": summary.hits, "changed": summary.changed, "without_facts": summary.without_facts}
        print_json({**totals, "changes": summary.rows()})
        return
    verb = "would change" if dry_run else "changed"
    typer.echo(
        f"{counted(summary.hits, 'hit')} looked at, {summary.changed} {verb}, {summary.without_facts} without facts."
    )
    if summary.changes:
        print_rows(summary.rows(), _COLUMNS, as_json=False)


async def _work(settings: Settings, signs: Signs, since: datetime | None, dry_run: bool) -> Summary:
    summary, windows = Summary(), windows_from(settings.hits)
    async with changing(settings) as ledger:
        async with ledger.read() as connection:
            total = await count_hits_since(connection, since)
        waiting: list[tuple[str, Verdict]] = []
        with progress(total, "Judging again") as advance:
            async for hits in _messages(ledger, _before(since) if since else None):
                asked = {hit.id for hit in hits if since is None or hit.at >= since}
                waiting += _judge(hits, asked, signs, windows, summary)
                advance(len(asked))
                while len(waiting) >= GROUP:
                    await _change(ledger, waiting[:GROUP], dry_run)
                    del waiting[:GROUP]
            await _change(ledger, waiting, dry_run)
    return summary


def _before(since: datetime) -> datetime:
    return max(since, datetime.min.replace(tzinfo=UTC) + NEIGHBOURS) - NEIGHBOURS


def _judge(
    hits: Sequence[StoredFacts], asked: Set[str], signs: Signs, windows: Windows, summary: Summary
) -> list[tuple[str, Verdict]]:
    summary.hits += len(asked)
    summary.without_facts += sum(not can_be_judged(hit) for hit in hits if hit.id in asked)
    changes = [(hit, verdict) for hit, verdict in judge_again(hits, signs, windows) if hit.id in asked]
    summary.changed += len(changes)
    for hit, verdict in changes:
        old = hit.verdict
        summary.changes[str(old.hit_class), old.rule, str(verdict.hit_class), verdict.rule] += 1
    return [(hit.id, verdict) for hit, verdict in changes]


async def _change(ledger: Ledger, changes: Sequence[tuple[str, Verdict]], dry_run: bool) -> None:
    if changes and not dry_run:
        await ledger.change_verdicts(changes)


async def _messages(ledger: Ledger, since: datetime | None) -> AsyncIterator[list[StoredFacts]]:
    """The hits of one message after the other; then those of no known message, each for itself."""
    open_group: list[StoredFacts] = []
    after = (0, 0)
    while True:
        async with ledger.read() as connection:
            page = await facts_of_messages(connection, since, after, PAGE)
        for message, hits in groupby(page, lambda hit: hit.message_seq):
            if open_group and open_group[0].message_seq != message:
                yield open_group
                open_group = []
            open_group += hits
        if len(page) < PAGE:
            break
        after = (page[-1].message_seq or 0, page[-1].seq)
    if open_group:
        yield open_group
    last = 0
    while True:
        async with ledger.read() as connection:
            page = await facts_without_message(connection, since, last, PAGE)
        for hit in page:
            yield [hit]
        if len(page) < PAGE:
            return
        last = page[-1].seq
