"""``mailglass reclassify`` on a real ledger: the present rules on kept facts, counts that follow, and nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from config.load import load
from config.settings import Settings
from ledger.message_id import MessageId, mint_message_id
from ledger.queries import ADMINISTRATOR, list_hits, list_messages
from ledger.records import Confidence, Hit, HitClass, HitKind, LinkRecord, MessageRecord, State, Verdict
from ledger.shared import SharedLedger, open_ledger
from mailglass.app import app
from pixel_server.public.classify import HitContext, Neighbours
from pixel_server.public.minimise import evidence
from pixel_server.public.signs.tables import Marks, Sign
from pixel_server.rule_words import SAID_BY_SENDER

T = TypeVar("T")
BEGIN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PERSON = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
PREVIEW = Verdict(HitClass.LINK_PREVIEW, Confidence.PROBABLE, "R17")
BROWSER = Marks("GET")
OFFICE = Marks("GET", {Sign.OFFICE: "ms-office", Sign.MAIL_CLIENT: "ms-office"})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text('data_dir = "var"\n[upstream.default]\nsandbox = true\n', "utf-8")
    return path


def in_ledger(settings: Settings, work: Callable[[SharedLedger], Awaitable[T]]) -> T:
    async def run() -> T:
        ledger = await open_ledger(settings)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


def record(message: MessageId) -> MessageRecord:
    links = tuple(LinkRecord(number, f"https://example.com/{number}", tracked=True) for number in (1, 2, 3))
    return MessageRecord(message, BEGIN, "hanna@example.com", ("mia@example.net",), opens=True, links=True,
                         state=State.SENT, link_list=links)  # fmt: skip


def click(message: MessageId, number: int, link: int, verdict: Verdict = PERSON, *, seconds: float = 0,
          marks: Marks = BROWSER, source: str = "f00d", agent: str = "Firefox on Windows", ip: str = "",
          kept: bool = True) -> Hit:  # fmt: skip
    at = BEGIN + timedelta(minutes=10, seconds=seconds)
    context = HitContext(HitKind.CLICK, 600.0, neighbours=Neighbours(links_in_message=3))
    return Hit(
        str(mint_message_id(round(at.timestamp() * 1000), number.to_bytes(10, "big"))), at, HitKind.CLICK, message, 0,
        link, "GET", verdict, agent, ip, json.dumps(evidence(marks, context, source)) if kept else "",
    )  # fmt: skip


def fill(config: Path, hits: Callable[[MessageId], list[Hit]]) -> Settings:
    settings = load(config, {})
    message = mint_message_id(round(BEGIN.timestamp() * 1000), bytes(10))

    async def work(ledger: SharedLedger) -> None:
        await ledger.register(record(message))
        await ledger.add_hits(hits(message))

    in_ledger(settings, work)
    return settings


def stored(settings: Settings) -> list[tuple[str, str]]:
    async def ask(ledger: SharedLedger) -> list[tuple[str, str]]:
        async with ledger.read() as connection:
            page = await list_hits(connection, ADMINISTRATOR)
        return [(row.hit_class, row.rule) for row in reversed(page.items)]

    return in_ledger(settings, ask)


def clicks(settings: Settings) -> tuple[int, int]:
    """Confirmed and machine clicks of the only message."""

    async def ask(ledger: SharedLedger) -> tuple[int, int]:
        async with ledger.read() as connection:
            (row,) = (await list_messages(connection, ADMINISTRATOR)).items
        return row.click_counts.confirmed, row.click_counts.machine

    return in_ledger(settings, ask)


def reclassify(config: Path, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["reclassify", "--config", str(config), "--json", *options])
    assert result.exit_code == 0, result.output
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


def test_a_burst_that_nobody_noticed_becomes_a_scanner_and_the_counts_follow(config: Path) -> None:
    settings = fill(config, lambda message: [click(message, n, n, seconds=n / 2) for n in (1, 2, 3)])
    assert clicks(settings) == (3, 0)
    summary = reclassify(config)
    assert (summary["hits"], summary["changed"], summary["without_facts"]) == (3, 3, 0)
    assert summary["changes"] == [
        {"from_class": "human", "from_rule": "R22", "to_class": "security-scanner", "to_rule": "R16", "hits": 3}
    ]
    assert stored(settings) == [("security-scanner", "R16")] * 3
    assert clicks(settings) == (0, 3)
    assert reclassify(config)["changed"] == 0


def test_an_office_click_without_a_browser_becomes_a_person(config: Path) -> None:
    settings = fill(config, lambda message: [click(message, 1, 1, PREVIEW, marks=OFFICE)])
    assert reclassify(config)["changed"] == 1
    assert stored(settings) == [("human", "R17")]
    assert clicks(settings) == (1, 0)


def test_a_dry_run_says_the_same_and_changes_nothing(config: Path) -> None:
    settings = fill(config, lambda message: [click(message, 1, 1, PREVIEW, marks=OFFICE)])
    assert reclassify(config, "--dry-run")["changed"] == 1
    assert stored(settings) == [("link-preview", "R17")]


def test_what_was_kept_whole_is_compared_with_the_present_signs(config: Path) -> None:
    settings = fill(
        config,
        lambda message: [
            click(message, 1, 1, agent="curl/8.5.0"),
            click(message, 2, 2, seconds=60, ip="209.222.82.77"),
            click(message, 3, 3, seconds=120, ip="209.222.82.0/24"),
        ],
    )
    reclassify(config)
    assert [rule for _, rule in stored(settings)] == ["R20", "R14", "R22"]


def test_hits_without_facts_and_what_a_person_said_are_left_alone(config: Path) -> None:
    said = Verdict(HitClass.OWN, Confidence.CERTAIN, SAID_BY_SENDER)
    scanner = Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R16")
    settings = fill(
        config,
        lambda message: [
            click(message, 1, 1, said),
            click(message, 2, 2, scanner, seconds=60, kept=False),
            click(message, 3, 3, scanner, seconds=120, source=""),  # seen in a burst; its source is not known any more
        ],
    )
    summary = reclassify(config)
    assert (summary["changed"], summary["without_facts"]) == (0, 2)
    assert [rule for _, rule in stored(settings)] == [SAID_BY_SENDER, "R16", "R16"]


def test_only_hits_since_then_are_looked_at(config: Path) -> None:
    fill(config, lambda message: [click(message, 1, 1, PREVIEW, marks=OFFICE)])
    assert reclassify(config, "--since", "2026-11-21")["hits"] == 0
    assert reclassify(config, "--since", "2026-11-20")["hits"] == 1
    assert reclassify(config, "--since", "0001-01-01")["hits"] == 1


def test_a_burst_across_the_first_moment_asked_for_is_seen_whole(config: Path) -> None:
    scanner = Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R16")
    settings = fill(config, lambda message: [click(message, n, n, scanner, seconds=n / 2) for n in (1, 2, 3)])
    summary = reclassify(config, "--since", "2026-11-20T09:10:01Z")  # between the first and the second
    assert (summary["hits"], summary["changed"]) == (2, 0)
    assert stored(settings) == [("security-scanner", "R16")] * 3


def test_hits_on_unknown_messages_are_judged_each_for_itself(config: Path) -> None:
    unknown = mint_message_id(1, bytes(10))
    program = Marks("GET", {Sign.PROGRAM: "curl"})

    def hits(message: MessageId) -> list[Hit]:
        return [replace(click(message, n, 1, marks=program), message=unknown) for n in (1, 2, 3)]

    settings = fill(config, hits)
    assert reclassify(config)["changed"] == 3
    assert stored(settings) == [("bot", "R20")] * 3


def test_what_neighbours_showed_of_a_hit_on_an_unknown_message_stands(config: Path) -> None:
    """A ledger that was lost knows no message; who is looked at alone shows no burst, and no browser that followed."""
    unknown = mint_message_id(1, bytes(10))
    scanner = Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R16")

    def hits(message: MessageId) -> list[Hit]:
        burst = [click(message, n, n, scanner, seconds=n / 2) for n in (1, 2, 3)]
        office = [click(message, 4, 1, PREVIEW, marks=OFFICE, source="cafe"), click(message, 5, 1, source="cafe")]
        return [replace(hit, message=unknown) for hit in (*burst, *office)]

    settings = fill(config, hits)
    before = stored(settings)
    assert reclassify(config)["changed"] == 0
    assert stored(settings) == before


def test_for_people_it_is_a_sentence_and_a_table(config: Path) -> None:
    fill(config, lambda message: [click(message, 1, 1, PREVIEW, marks=OFFICE)])
    result = CliRunner().invoke(app, ["reclassify", "--config", str(config)])
    assert result.exit_code == 0
    first, heads, row = result.stdout.splitlines()
    assert first == "1 hit looked at, 1 changed, 0 without facts."
    assert heads.split() == ["from", "class", "from", "rule", "to", "class", "to", "rule", "hits"]
    assert row.split() == ["link-preview", "R17", "human", "R17", "1"]


def test_a_faulty_list_of_networks_is_a_fault_of_the_configuration(config: Path) -> None:
    (config.parent / "lists.txt").write_text("nowhere filter\n")
    config.write_text(config.read_text() + '[hits]\nnetworks_file = "lists.txt"\n')
    result = CliRunner().invoke(app, ["reclassify", "--config", str(config)])
    assert getattr(result.exception, "status", None) == 78
    assert "lists.txt, line 1" in str(result.exception)
