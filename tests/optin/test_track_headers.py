"""What X-Track headers ask for: every form of value, and what is odd."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.rewriting.optin import OptInPolicy, decide, under_ceiling
from relay.rewriting.plan import Wanted
from relay.rewriting.track_headers import recording_ends

PLAIN = OptInPolicy()
TRACKING = OptInPolicy(default="opens, links")


def wanted(*lines: str, policy: OptInPolicy = PLAIN) -> Wanted:
    return decide("".join(f"{line}\r\n" for line in (*lines, "Subject: Hello", "")).encode(), policy)


def aspects(found: Wanted) -> str:
    names = {"opens": found.opens, "html": found.html_links, "text": found.text_links}
    return " ".join(name for name, on in names.items() if on)


@pytest.mark.parametrize(
    ("lines", "expected", "odd"),
    [
        # the short form
        (["X-Track: all"], "opens html", False),
        (["X-Track: yes"], "opens html", False),
        (["X-Track: TRUE"], "opens html", False),
        (["X-Track: on"], "opens html", False),
        (["X-Track: 1"], "opens html", False),
        (["X-Track: y"], "opens html", False),
        (["X-Track: opens"], "opens", False),
        (["X-Track: links"], "html", False),
        (["X-Track: opens, links"], "opens html", False),
        (["X-Track: links;opens"], "opens html", False),
        (["X-Track: links opens"], "opens html", False),
        (["X-Track: ,opens,,"], "opens", False),
        (["X-Track: none"], "", False),
        (["X-Track: no"], "", False),
        (["X-Track: off"], "", False),
        (["X-Track: 0"], "", False),
        (["X-Track: opens, bogus"], "opens", True),  # known words count beside unknown ones
        (["X-Track: bogus"], "", True),
        (["X-Track:"], "", True),
        (["X-Track: none, opens"], "", False),  # it contradicts itself: the more restrictive word
        # names: case, white space before the colon
        (["x-track: all"], "opens html", False),
        (["X-TRACK: ALL"], "opens html", False),
        (["X-Track : all"], "opens html", False),
        (["X-Track\t:all"], "opens html", False),
        # values: comments, quotes, folding, encoded words
        (["X-Track: all (both of them)"], "opens html", False),
        (["X-Track: (a (nested) one) opens"], "opens", False),
        (["X-Track: (opens)"], "", True),
        (['X-Track: "opens"'], "opens", False),
        (['X-Track: "opens, links"'], "opens html", False),
        (["X-Track: opens,\r\n links"], "opens html", False),
        (["X-Track:\r\n\t all"], "opens html", False),
        (["X-Track: =?utf-8?Q?opens?="], "opens", False),
        (["X-Track: =?UTF-8?B?b3BlbnMsIGxpbmtz?="], "opens html", False),
        (["X-Track: =?utf-8?q?op?= =?utf-8?q?ens?="], "opens", False),
        (["X-Track: =?no-such-charset?q?opens?="], "", True),
        (["X-Track: =?utf-8?b?!!!?="], "", True),
        # the specific headers win, in both directions
        (["X-Track: all", "X-Track-Opens: no"], "html", False),
        (["X-Track: none", "X-Track-Opens: yes"], "opens", False),
        (["X-Track-Opens: yes"], "opens", False),
        (["X-Track-Links: yes"], "html", False),
        (["X-Track-Links: html"], "html", False),
        (["X-Track-Links: text"], "text", False),
        (["X-Track-Links: both"], "html text", False),
        (["X-Track-Links: Both (html and text)"], "html text", False),
        (["X-Track-Links: no", "X-Track: all"], "opens", False),
        (["X-Track-Links: bogus", "X-Track: all"], "opens", True),  # unknown turns that aspect off
        (["X-Track-Opens: maybe", "X-Track: all"], "html", True),
        (["X-Track-Opens: yes yes"], "", True),  # no list
        # duplicates: the most restrictive
        (["X-Track: all", "X-Track: opens"], "opens", False),
        (["X-Track: opens", "X-Track: links"], "", False),
        (["X-Track: all", "X-Track: none"], "", False),
        (["X-Track-Opens: yes", "X-Track-Opens: no"], "", False),
        (["X-Track-Opens: no", "X-Track-Opens: yes"], "", False),
        (["X-Track-Links: both", "X-Track-Links: html"], "html", False),
        (["X-Track-Links: text", "X-Track-Links: html"], "", False),
        (["X-Track: all", "X-Track: bogus"], "", True),
        # a list of nothing
        (["X-Track: ,"], "", True),
        (["X-Track: (nothing)"], "", True),
        # what is not ours
        (["X-Tracking-Id: 5"], "", False),
        (["X-Tracker: all"], "", False),
        (["X-Trackopens: yes"], "", False),
        (["Y-X-Track: all"], "", False),
        (["X-Track-Colour: blue"], "", True),
    ],
)
def test_headers_ask_for_aspects(lines: list[str], expected: str, odd: bool) -> None:
    found = wanted(*lines)
    assert aspects(found) == expected
    assert bool(found.notes) is odd
    assert found.asked is (bool(expected) or odd)


YES = ("yes", "true", "on", "1", "y")
NO = ("no", "false", "off", "0", "n")


@pytest.mark.parametrize("word", [*YES, *NO])
@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("X-Track", "opens"),
        ("X-Track", "html_links"),
        ("X-Track-Opens", "opens"),
        ("X-Track-Links", "html_links"),
        ("X-Track-Individually", "individually"),
        ("X-Track-Notice", "notice"),
    ],
)
def test_every_boolean_word_means_the_same_in_every_header(header: str, field: str, word: str) -> None:
    for written in (word, word.upper(), f' "{word}" ', f"{word} (a comment)"):
        found = wanted(f"{header}: {written}")
        assert getattr(found, field) is (word in YES)
        assert not found.text_links
        assert found.notes == ()


@pytest.mark.parametrize(
    ("default", "lines", "expected"),
    [
        ("none", [], ""),
        ("opens, links", [], "opens html"),
        ("all", [], "opens html"),
        ("opens", [], "opens"),
        ("links", [], "html"),
        ("opens, links", ["X-Track: none"], ""),  # the header replaces the default
        ("opens, links", ["X-Track: opens"], "opens"),
        ("opens, links", ["X-Track: bogus"], ""),
        ("opens, links", ["X-Track-Opens: no"], "html"),  # the rest stays at the default
        ("none", ["X-Track-Opens: yes"], "opens"),
        ("opens, links", ["X-Track-Tag: newsletter"], "opens html"),
    ],
)
def test_without_x_track_the_listener_decides(default: str, lines: list[str], expected: str) -> None:
    assert aspects(wanted(*lines, policy=OptInPolicy(default=default))) == expected


@pytest.mark.parametrize(
    ("lines", "field", "value", "odd"),
    [
        (["X-Track-Individually: yes"], "individually", True, False),
        (["X-Track-Individually: yes", "X-Track-Individually: no"], "individually", False, False),
        (["X-Track-Individually: each"], "individually", False, True),
        (["X-Track-Notice: yes"], "notice", True, False),
        (["X-Track-Notice: no"], "notice", False, False),
        (["X-Track-Notice: perhaps"], "notice", None, True),  # the installation's setting stays in force
        ([], "notice", None, False),
        (["X-Track-Fallback: receipt"], "fallback_receipt", True, False),
        (["X-Track-Fallback: Receipt (please)"], "fallback_receipt", True, False),
        (["X-Track-Fallback: pigeon"], "fallback_receipt", False, True),
        (["X-Track-Tag: spring, Big Clients , spring"], "tags", ("spring", "Big Clients"), False),
        (["X-Track-Tag: one", "X-Track-Tag: two"], "tags", ("one", "two"), False),
        (["X-Track-Tag: =?utf-8?q?gr=C3=BCn?="], "tags", ("grün",), False),
        (["X-Track-Tag: \x1b[31mred"], "tags", ("[31mred",), False),  # nothing that a terminal obeys
        (["X-Track-Meta-Order: 17 (seventeen)"], "meta", {"order": "17 (seventeen)"}, False),  # text, kept as it is
        (["X-TRACK-META-ORDER: 17"], "meta", {"order": "17"}, False),
        (["X-Track-Meta-a: 1", "X-Track-Meta-b: 2"], "meta", {"a": "1", "b": "2"}, False),
        (["X-Track-Meta-: 1"], "meta", {}, True),
        (["X-Track-Until: 30d"], "until", "30d", False),
        (["X-Track-Until: 12H"], "until", "12h", False),
        (["X-Track-Until: 2026-12-24"], "until", "2026-12-24", False),
        (["X-Track-Until: 2026-12-24T18:00:00+01:00"], "until", "2026-12-24T17:00:00+00:00", False),
        (["X-Track-Until: Thu, 24 Dec 2026 18:00:00 +0100"], "until", "2026-12-24T17:00:00+00:00", False),
        (["X-Track-Until: Thu, 24 Dec 2026"], "until", "2026-12-24", False),
        (["X-Track-Until: 24 Dec 2026"], "until", "2026-12-24", False),
        (["X-Track-Until: December 24, 2026"], "until", "2026-12-24", False),
        (["X-Track-Until: 31 Feb 2026"], "until", "", True),
        (["X-Track-Until: 24.12.2026"], "until", "", True),  # or is the month first?
        (["X-Track-Until: 30d", "X-Track-Until: 12h"], "until", "12h", False),
        (["X-Track-Until: 2026-12-24", "X-Track-Until: 2026-11-30"], "until", "2026-11-30", False),
        (["X-Track-Until: soon"], "until", "", True),
        (["X-Track-Until: 30 days"], "until", "", True),
        (["X-Track-Until: 2026-13-45"], "until", "", True),
        (["X-Track-Until: -3d"], "until", "", True),
        (["X-Track-Notify: off"], "notify", "off", False),
        (["X-Track-Notify: First"], "notify", "first", False),
        (["X-Track-Notify: every"], "notify", "every", False),
        (["X-Track-Notify: unopened=3d"], "notify", "unopened=3d", False),
        (["X-Track-Notify: first, unopened = 3d"], "notify", "first, unopened=3d", False),
        (["X-Track-Notify: every", "X-Track-Notify: first"], "notify", "first", False),
        (["X-Track-Notify: every", "X-Track-Notify: off"], "notify", "off", False),
        (["X-Track-Notify: shout"], "notify", "off", True),
        ([], "notify", "", False),
    ],
)
def test_headers_carry_the_rest(lines: list[str], field: str, value: object, odd: bool) -> None:
    found = wanted("X-Track: all", *lines)
    assert getattr(found, field) == value
    assert bool(found.notes) is odd


def test_notes_say_what_was_odd_in_a_few_words() -> None:
    found = wanted("X-Track: opens, bogus", "X-Track-Links: " + "z" * 300, "x-track-colour: blue")
    assert found.notes == (
        'X-Track: unknown value "bogus"',
        'X-Track-Links: unknown value "' + "z" * 39 + '…"',
        "X-Track-Colour: unknown header",
    )


@pytest.mark.parametrize("length", [999, 1000, 1001, 70_000])
def test_a_value_that_is_cut_is_kept_as_far_as_it_may_be_and_said_to_be_cut(length: int) -> None:
    found = wanted("X-Track: all", "X-Track-Meta-Order: " + "x" * length, "X-Track-Meta-Other: y")
    assert found.meta == {"order": "x" * min(length, 1000), "other": "y"}
    assert found.notes == (() if length <= 1000 else ("a metadata value is cut to 1000 letters",))


@pytest.mark.parametrize("length", [64, 65])
def test_a_tag_that_is_cut_is_said_to_be(length: int) -> None:
    found = wanted("X-Track: all", "X-Track-Tag: a, " + "x" * length)
    assert found.tags == ("a", "x" * 64)
    assert found.notes == (() if length <= 64 else ("a tag is cut to 64 letters",))


def test_a_request_that_nobody_understands_is_still_a_request() -> None:
    # Its sender is to hear in the reply why nothing was tracked.
    assert wanted("X-Track: opend").asked
    assert not wanted("X-Track: none").asked
    assert not wanted().asked


@pytest.mark.parametrize(
    ("identity", "expected", "individually"),
    [("individual", "opens html", True), ("aggregate", "opens html", False), ("off", "", False)],
)
def test_no_header_raises_the_ceiling(identity: str, expected: str, individually: bool) -> None:
    asked = wanted("X-Track: all", "X-Track-Individually: yes")
    found = under_ceiling(asked, identity)
    assert aspects(found) == expected
    assert found.individually is individually
    assert found.header_edits == asked.header_edits


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("", None),
        ("12h", datetime(2026, 11, 25, 0, tzinfo=UTC)),
        ("30d", datetime(2026, 12, 24, 12, tzinfo=UTC)),
        ("2026-12-24", datetime(2026, 12, 25, 0, tzinfo=UTC)),  # the whole of that day
        ("2026-12-24T17:00:00+00:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
    ],
)
def test_recording_ends_when_the_header_said(until: str, end: datetime | None) -> None:
    assert recording_ends(until, NOON) == end
