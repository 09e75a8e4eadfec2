"""The second look: bursts found with their last click, Office and the browser behind it, hints that never decide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.records import HitClass, HitKind
from pixel_server.public.classify import HitContext
from pixel_server.public.second_look import Hint, Look, Observed, look_after, second_look
from pixel_server.public.signs.tables import Marks, Sign
from pixel_server.public.windows import Windows

GATEWAY, HOME = "198.51.100.77", "203.0.113.24"
OFFICE = Marks("GET", {Sign.OFFICE: "ms-office", Sign.MAIL_CLIENT: "ms-office"})
BROWSER = Marks("GET")
LATER = 10_000.0


def click(at: float, link: int, source: str = GATEWAY, *, marks: Marks = BROWSER, copy: int = 0, delay: float = 400,
          system: str = "", domain: str = "") -> Observed:  # fmt: skip
    context = HitContext(HitKind.CLICK, delay)
    return Observed(f"{at:09.3f}-{link}-{source}", at, copy, link, marks, context, source, system, domain)


def pixel(at: float, source: str = HOME, *, copy: int = 0, domain: str = "") -> Observed:
    return Observed(f"{at:09.3f}-p{copy}", at, copy, 0, BROWSER, HitContext(HitKind.OPEN, 400), source, "", domain)


def look(*hits: Observed, links: int | None = 9, now: float = LATER) -> list[Look]:
    return list(second_look(hits, links, Windows(), now))


def rules(*hits: Observed, links: int | None = 9, now: float = LATER) -> list[str]:
    return [seen.verdict.rule for seen in look(*hits, links=links, now=now)]


def test_the_third_link_within_two_seconds_makes_scanners_of_all_three() -> None:
    assert rules(click(0, 1), click(1, 2)) == ["R22", "R22"]
    assert rules(click(0, 1), click(1, 2), click(2, 3)) == ["R16", "R16", "R16"]


def test_of_two_links_both_and_of_one_link_never() -> None:
    assert rules(click(0, 1), click(1, 2), links=2) == ["R16", "R16"]
    assert rules(click(0, 1), click(1, 1), links=1) == ["R22", "R22"]


def test_the_same_link_thrice_is_an_impatient_person() -> None:
    assert rules(click(0, 1), click(0.5, 1), click(1, 1)) == ["R22"] * 3


def test_links_further_apart_are_a_reader() -> None:
    assert rules(click(0, 1), click(1.5, 2), click(3.2, 3)) == ["R22"] * 3


def test_three_people_at_three_addresses_are_no_burst() -> None:
    assert rules(*(click(0.1 * number, number, f"203.0.113.{number}") for number in (1, 2, 3))) == ["R22"] * 3


def test_a_burst_leaves_alone_who_came_before_and_after() -> None:
    seen = rules(click(0, 1), click(10, 1), click(10.5, 2), click(11, 3), click(60, 4))
    assert seen == ["R22", "R16", "R16", "R16", "R22"]


def test_a_burst_does_not_change_what_an_earlier_rule_has_decided() -> None:
    named = click(0, 1, marks=Marks("GET", {Sign.SCANNER: "Barracuda"}))
    assert rules(named, click(1, 2), click(2, 3)) == ["R09", "R16", "R16"]


def test_without_a_source_or_on_loopback_there_is_no_burst() -> None:
    assert rules(*(click(0, number, "") for number in (1, 2, 3))) == ["R22"] * 3
    local = Marks("GET", loopback=True)
    assert rules(*(click(0, number, "127.0.0.1", marks=local) for number in (1, 2, 3))) == ["R22"] * 3


def test_pixels_take_no_part_in_a_burst() -> None:
    assert rules(pixel(0, GATEWAY), click(0.1, 1), click(0.2, 2)) == ["R22", "R22", "R22"]


def test_office_before_a_browser_is_a_preview_and_the_browser_is_the_person() -> None:
    office, browser = look(click(0, 1, HOME, marks=OFFICE), click(4.9, 1, HOME))
    assert (office.verdict.hit_class, office.verdict.rule) == (HitClass.LINK_PREVIEW, "R17")
    assert browser.verdict.hit_class is HitClass.HUMAN


@pytest.mark.parametrize(
    "other",
    [
        click(5.1, 1, HOME),  # too late
        click(1, 2, HOME),  # another link
        click(1, 1, HOME, copy=2),  # another recipient's
        click(1, 1, marks=Marks("HEAD")),  # nobody looks
        click(1, 1, marks=Marks("GET", {Sign.PROGRAM: "curl"})),  # no browser
    ],
)
def test_office_without_a_browser_behind_it_is_the_person(other: Observed) -> None:
    office = look(click(0, 1, HOME, marks=OFFICE), other)[0]
    assert (office.verdict.hit_class, office.verdict.rule) == (HitClass.HUMAN, "R17")


def test_while_the_browsers_time_runs_office_stays_a_preview() -> None:
    assert look(click(0, 1, marks=OFFICE), now=4.9)[0].verdict.hit_class is HitClass.LINK_PREVIEW
    assert look(click(0, 1, marks=OFFICE), now=5.0)[0].verdict.hit_class is HitClass.HUMAN


def test_office_looking_twice_is_one_person() -> None:
    seen = look(click(0, 1, marks=OFFICE), click(1, 1, marks=OFFICE))
    assert [each.verdict.hit_class for each in seen] == [HitClass.LINK_PREVIEW, HitClass.HUMAN]


def test_a_shadow_is_hinted_at_and_decides_nothing() -> None:
    person, shadow = look(click(0, 1, HOME, system="macOS"), click(12, 1, GATEWAY, system="Windows"))
    assert (person.hints, shadow.hints) == (frozenset(), {Hint.SHADOW})
    assert shadow.verdict.rule == "R22"
    assert not look(click(0, 1, HOME, system="macOS"), click(16, 1, GATEWAY, system="Windows"))[1].hints
    assert not look(click(0, 1, HOME, system="macOS"), click(12, 1, GATEWAY, system="macOS"))[1].hints
    assert not look(click(0, 1, HOME, system="macOS"), click(12, 1, HOME, system="Windows"))[1].hints


def test_one_source_at_three_recipients_of_a_domain_is_a_cluster() -> None:
    hits = [pixel(number, GATEWAY, copy=number, domain="example.com") for number in (1, 2, 3)]
    assert all(seen.hints == {Hint.CLUSTER} for seen in look(*hits))
    assert {seen.verdict.rule for seen in look(*hits)} == {"R22"}
    other_domain = [*hits[:2], replace(hits[2], domain="example.net")]
    assert not any(seen.hints for seen in look(*other_domain))
    assert not any(seen.hints for seen in look(*(replace(hit, at=hit.at * 10) for hit in hits)))


def test_what_was_known_at_the_time_is_not_forgotten() -> None:
    burst = look(click(0, 1), click(0, 2), click(0, 3))[0]
    alone = replace(click(0, 1), context=burst.context)
    assert rules(alone, links=None) == ["R16"]


def test_an_open_changes_nothing_and_a_click_only_what_is_near() -> None:
    opened, third = pixel(2), click(2, 3)
    hits = [click(-100, 9), click(0, 1), click(1, 2), opened, third]
    assert look_after(opened, hits, 9, Windows(), 2) == ()
    changed = {seen.id: seen.verdict.rule for seen in look_after(third, hits, 9, Windows(), 2)}
    assert changed == {hits[1].id: "R16", hits[2].id: "R16", hits[3].id: "R22", third.id: "R16"}


observed = st.builds(
    lambda at, link, source, office, head: click(
        at, link, source, marks=Marks("HEAD") if head else OFFICE if office else BROWSER
    ),
    st.integers(0, 32).map(lambda quarter: quarter / 4), st.integers(1, 4), st.sampled_from(["", GATEWAY, HOME]),
    st.booleans(), st.booleans(),
)  # fmt: skip


@given(st.lists(observed, max_size=14, unique_by=lambda hit: hit.id), st.randoms())
@settings(max_examples=200, deadline=None)
def test_bursts_are_those_of_the_plain_definition_whatever_the_order(hits: list[Observed], random: object) -> None:
    shuffled = list(hits)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    seen = {each.id: each.verdict.rule for each in second_look(shuffled, 4, Windows(), LATER)}
    for hit in hits:
        in_burst = any(
            len({o.link for o in hits if o.source == hit.source and start <= o.at <= start + 2.0}) >= 3
            for start in {o.at for o in hits if o.source == hit.source}
            if start <= hit.at <= start + 2.0
        )
        if hit.source and hit.marks.method == "GET":
            assert (seen[hit.id] == "R16") == in_burst
