"""The pages' decisions that need neither socket nor clock."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from ledger.queries.rows import Counts, HitRow
from ledger.records import HitClass
from pixel_server.dashboard.charts import bar_chart, days_between, grid_step
from pixel_server.dashboard.client_recipes import recipes, servers
from pixel_server.dashboard.comma_separated import comma_separated, harmless
from pixel_server.dashboard.filters import moment_in, read_filters
from pixel_server.dashboard.hosts import is_ours, may_change
from pixel_server.dashboard.languages import codes, language, preferred
from pixel_server.dashboard.letter_view import view
from pixel_server.dashboard.rates import Buckets, Rate
from pixel_server.dashboard.reasons import link_reason_words, reason_words
from pixel_server.dashboard.timeline import WIDTH, draw
from pixel_server.dashboard.wording import Fill, Wording, fill_of

NOW = datetime(2026, 11, 24, 16, 20, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("host", "socket_host", "allowed", "ours"),
    [
        ("127.0.0.1:8026", "127.0.0.1", (), True),
        ("localhost:8026", "127.0.0.1", (), True),
        ("[::1]:8026", "::1", (), True),
        ("LOCALHOST:8026", "127.0.0.1", (), True),
        ("localhost", "127.0.0.1", (), False),  # port 80 is somebody else
        ("localhost:8027", "127.0.0.1", (), False),
        ("evil.example:8026", "127.0.0.1", (), False),
        ("localhost.evil.example:8026", "127.0.0.1", (), False),
        ("192.0.2.7:8026", "192.0.2.7", (), True),
        ("localhost:8026", "192.0.2.7", (), False),  # came in from outside
        ("mail.example.com", "127.0.0.1", ("mail.example.com",), True),  # behind a proxy with TLS
        ("mail.example.com:443", "127.0.0.1", ("mail.example.com:443",), True),
        ("mail.example.com:444", "127.0.0.1", ("mail.example.com:443",), False),
        ("127.0.0.1:8026", "::ffff:127.0.0.1", (), True),
        ("a@127.0.0.1:8026x", "127.0.0.1", (), False),
        ("", "127.0.0.1", (), False),
    ],
)
def test_only_our_own_names_are_answered(host: str, socket_host: str, allowed: tuple[str, ...], ours: bool):
    assert is_ours(host, socket_host, 8026, allowed) is ours


@pytest.mark.parametrize(
    ("origin", "site", "may"),
    [
        ("http://localhost:8026", "same-origin", True),
        ("http://localhost:8026", None, True),
        (None, None, True),  # no browser
        ("null", "same-origin", True),  # our own form, under no-referrer
        ("null", None, False),
        ("null", "cross-site", False),
        ("http://localhost:8027", None, False),
        ("http://evil.example", "cross-site", False),
        (None, "cross-site", False),
        ("file://", None, False),
    ],
)
def test_only_our_own_pages_change_anything(origin: str | None, site: str | None, may: bool):
    assert may_change("localhost:8026", origin, site) is may


def test_an_origin_that_is_none_is_not_ours():
    assert not may_change("localhost:8026", "http://[", None)


def test_a_bucket_gives_its_burst_and_then_as_much_as_time_brings():
    buckets = Buckets(Rate(2, 10.0))
    assert [buckets.take("a", now) for now in (0.0, 0.0)] == [0.0, 0.0]
    assert buckets.take("a", 0.0) == pytest.approx(5.0)
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 5.1) == 0.0
    assert buckets.take("a", 5.1) > 0


def test_what_is_given_back_is_the_last_one_alone():
    buckets = Buckets(Rate(3, 10.0))
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0.0] * 3
    buckets.give_back("a")
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0
    buckets.give_back("b")  # never taken, or forgotten since
    assert [buckets.take("b", 0.0) > 0 for _ in range(4)] == [False] * 3 + [True]


@given(
    st.dictionaries(st.sampled_from(["opened", "q", "since", "until", "limit", "cursor", "tag", "state"]), st.text())
)
def test_no_query_is_too_odd_to_be_read(query: dict[str, str]):
    asked = read_filters(query, UTC)
    assert set(asked.faults) <= set(query)
    assert asked.link().startswith("/messages")


def test_a_day_is_a_day_of_the_readers_own_zone():
    assert moment_in("2026-11-24", TOKYO) == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert moment_in("2026-11-24", TOKYO, whole_day=True) == datetime(2026, 11, 24, 15, tzinfo=UTC)
    assert moment_in("2026-11-24T10:00:00 09:00", UTC) == datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("counts", "tracked", "fill"),
    [
        (Counts(), True, Fill.HOLLOW),
        (Counts(machine=9, own=2), True, Fill.HOLLOW),  # machines never fill an icon
        (Counts(possible=1), True, Fill.HALF),
        (Counts(confirmed=1, possible=4), True, Fill.FILLED),
        (Counts(), False, Fill.NONE),
    ],
)
def test_an_icon_is_filled_by_people_only(counts: Counts, tracked: bool, fill: Fill):
    assert fill_of(tracked, counts) is fill


@pytest.mark.parametrize(
    ("code", "moment", "said"),
    [
        ("en", NOW - timedelta(hours=6, minutes=17), "today 10:03"),
        ("en", NOW - timedelta(days=1), "yesterday 16:20"),
        ("en", NOW - timedelta(days=3), "Sat 16:20"),
        ("en", NOW - timedelta(days=21), "3 Nov, 16:20"),
        ("en", NOW - timedelta(days=400), "20 Oct 2025"),
        ("ja", NOW - timedelta(days=1), "昨日 16:20"),
        ("ja", NOW - timedelta(days=21), "11月3日 16:20"),
    ],
)
def test_times_are_said_as_people_say_them(code: str, moment: datetime, said: str):
    assert Wording(language(code), UTC, NOW).when(moment) == said


@pytest.mark.parametrize(
    ("code", "items", "said"),
    [("en", ["opens", "links"], "opens and links"), ("ja", ["開封", "リンク"], "開封、リンク"), ("ja", [], "")],
)
def test_a_list_is_said_as_people_say_it(code: str, items: list[str], said: str):
    assert Wording(language(code), UTC, NOW).listed(items) == said


def test_today_is_today_where_the_reader_is():
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert Wording(language("en"), TOKYO, late).when(late - timedelta(hours=9)) == "yesterday 23:30"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (Counts(1), "opened once, today 16:17"),  # looked again at 16:20: still one open, and that was the first look
        (Counts(2), "opened twice, last today 16:20"),
        (Counts(1234), "opened 1,234 times, last today 16:20"),
    ],
)
def test_opens_are_counted_in_words(counts: Counts, said: str):
    assert Wording(language("en"), UTC, NOW).opened(True, counts, NOW - timedelta(minutes=3), NOW) == said


def test_the_browsers_wish_decides_among_our_languages():
    assert preferred("fr, ja;q=0.8, en;q=0.5", codes()) == "ja"
    assert preferred("en;q=0, ja", codes()) == "ja"
    assert preferred("xx;q=nonsense,,;;", codes()) == "en"


def test_languages_are_named_as_they_name_themselves():
    assert [language(code).own_name for code in codes()] == ["English (United Kingdom)", "日本語"]


@pytest.mark.parametrize(("host", "ways"), [("127.0.0.1", 5), ("mail.example.com", 6)])
def test_what_is_offered_for_relay_toml_fits_into_one_that_is_there(host: str, ways: int):
    (server, *_) = servers(Settings(), "localhost")
    offered = [way for recipe in recipes(replace(server, host=host), str) for way in recipe.ways]
    assert len(offered) == ways
    for _, code in offered:
        whole = tomllib.loads(f'[tracking]\npublic_url = "https://t.example.com"\n{code}\n')
        Settings.model_validate(whole)


def test_a_phone_is_not_sent_to_a_relay_that_it_cannot_reach():
    (server, *_) = servers(Settings(), "localhost")
    for host, is_reachable in (("127.0.0.1", False), ("mail.example.com", True)):
        phone = next(one for one in recipes(replace(server, host=host), str) if one.key == "phone")
        assert ("No phone can reach" in phone.steps[0]) is not is_reachable
        assert all("127.0.0.1" not in code for _, code in phone.ways)


@pytest.mark.parametrize(("security", "wish"), [("none", "no"), ("starttls", "yes"), ("tls", "yes")])
def test_mutt_is_told_whether_to_want_encryption(security: Literal["none", "starttls", "tls"], wish: str):
    """Left to itself mutt 2 asks a server without encryption for STARTTLS, and does not send."""
    (server, *_) = servers(Settings(), "localhost")
    (mutt,) = (one for one in recipes(replace(server, security=security), str) if one.key == "mutt")
    assert f"set ssl_force_tls = {wish}" in mutt.code.splitlines()


def test_every_catalogue_is_complete():
    for code in codes()[1:]:
        say = language(code).sentences.gettext
        for sentence in (
            "Messages",
            "opened",
            "Older",
            "%(size)s free",
            "Signed: any change would break the signature",
        ):
            assert say(sentence) != sentence


def test_every_reason_has_words():
    assert reason_words(None) == link_reason_words(None) == ""
    assert reason_words("no-html")
    assert reason_words("not-requested") == reason_words("not-requested", ["X-Track: ignored"])
    assert reason_words("not-requested") != reason_words("not-requested", ['X-Track: unknown value "al"'])
    assert link_reason_words("scheme")


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "\ufeff=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(cell: str):
    assert str(harmless(cell)).startswith("'")


def test_numbers_and_words_stay_as_they_are():
    assert (
        comma_separated(("a", "b"), [(1, "x,y"), (-2, "plain")]).decode("utf-8-sig") == 'a,b\r\n1,"x,y"\r\n-2,plain\r\n'
    )


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_bars_stay_inside_their_picture(numbers: list[int]):
    days = days_between(NOW.date(), NOW.date() + timedelta(days=len(numbers) - 1))
    chart = bar_chart(days, [Counts(confirmed=n, possible=n // 2, machine=n // 3) for n in numbers])
    assert 2 <= len(chart.lines) <= 6
    for bar in chart.bars:
        assert all(0 <= part.y <= chart.floor for part in bar.segments)
        assert 0 <= bar.x <= bar.x + bar.width <= 100.001


def test_grid_lines_are_round():
    assert [grid_step(n) for n in (0, 1, 4, 5, 9, 30, 100, 999)] == [1, 1, 1, 2, 5, 10, 50, 500]


def a_hit(after: timedelta, kind: str = "open") -> HitRow:
    return HitRow(1, "x", NOW + after, kind, None, 0, 0, "GET", HitClass.HUMAN.value, "certain", "R22", "", "", 1, True)


@given(st.lists(st.timedeltas(timedelta(days=-1), timedelta(days=4000)), max_size=60))
def test_every_hit_has_its_place_on_the_time_line(spans: list[timedelta]):
    picture = draw(NOW, [a_hit(span) for span in spans], NOW + timedelta(days=1), ("open", "click"))
    assert len(picture.marks) == len(spans)
    assert all(0 <= mark.x <= WIDTH and 0 < mark.y < picture.height for mark in picture.marks)


def test_hits_that_would_cover_one_another_are_stacked():
    picture = draw(NOW, [a_hit(timedelta(seconds=30))] * 3, NOW + timedelta(days=1), ("open",))
    assert len({(mark.x, mark.y) for mark in picture.marks}) == 3


@given(st.binary(max_size=400))
def test_no_letter_is_too_damaged_to_be_shown(raw: bytes):
    assert view(raw).html


def test_a_letter_without_html_is_shown_as_its_text():
    shown = view(b"Subject: x\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n<b>not bold</b>\r\n")
    assert "&lt;b&gt;not bold" in shown.html


def test_a_picture_inside_the_letter_is_shown_from_the_letter():
    raw = (
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        b'<img src="cid:logo@x">\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--b--\r\n"
    )
    assert "data:image/png;base64,iVBORw0K" in view(raw).html
