"""What is kept of a request: as little as [privacy] says, and enough to be judged again."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.records import HitFacts, HitKind
from pixel_server.public.classify import HitContext, Neighbours, decide
from pixel_server.public.minimise import (
    context_of,
    day_salt,
    evidence,
    fingerprint,
    kept_ip,
    kept_user_agent,
    marks_of,
    refuses_identity,
)
from pixel_server.public.second_look import Hint
from pixel_server.public.signs.tables import Marks, NetworkSign, Sign, Signs, observe
from pixel_server.public.user_agents import family_of, system_of
from pixel_server.public.windows import Windows

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/140.0.0.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0", "Thunderbird"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)", "Apple Mail"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
         "Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "CriOS/126.0 Mobile/15E148 Safari/604.1", "Chrome on iOS"),
        ("Mozilla/5.0 (Linux; Android 13; Pixel 6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/104.0 Mobile "
         "Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
         "Gmail image proxy"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "Yahoo image proxy"),
        ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5; ms-office)", "Outlook"),
        ("Outlook-iOS/709.2189947.prod.iphone (3.24.0)", "Outlook for iOS"),
        ("python-requests/2.32", "python-requests"),
        ("A-Program-Of-Jane-Roe/1.0 (jane@example.com)", "Other"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_family_names_the_program_and_nothing_finer(agent: str, family: str) -> None:
    assert family_of(agent) == family
    assert not any(letter.isdigit() for letter in family_of(agent))


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_a_family_never_hands_on_what_somebody_wrote(agent: str) -> None:
    families = {family_of(agent), family_of("Mozilla/5.0 " + agent), system_of(agent)}
    assert all(len(family) < 60 and family.isascii() for family in families)


@pytest.mark.parametrize(
    ("mode", "ipv4", "ipv6"),
    [
        ("truncate", "203.0.113.0/24", "2001:db8:1::/48"),
        ("none", "", ""),
        ("full", "203.0.113.77", "2001:db8:1:2::5"),
    ],
)
def test_an_address_is_kept_as_the_setting_says(mode: str, ipv4: str, ipv6: str) -> None:
    assert kept_ip("203.0.113.77", mode) == ipv4  # type: ignore[arg-type]
    assert kept_ip("2001:db8:1:2::5", mode) == ipv6  # type: ignore[arg-type]
    assert kept_ip("garbage", mode) == ""  # type: ignore[arg-type]


def test_a_user_agent_is_kept_as_the_setting_says() -> None:
    assert kept_user_agent(CHROME, "family") == "Chrome on Windows"
    assert kept_user_agent(CHROME, "none") == ""
    assert kept_user_agent(CHROME + "\x1b[31m\r\n" + "x" * 1000, "full") == (CHROME + "[31m" + "x" * 1000)[:500]


def test_global_privacy_control_is_seen_whatever_the_case() -> None:
    assert refuses_identity({"sec-gpc": "1"})
    assert refuses_identity({"Sec-GPC": " 1 "})
    assert not refuses_identity({"Sec-GPC": "0", "DNT": "1"})


def test_a_fingerprint_holds_for_a_day_and_names_nobody() -> None:
    secret = b"made at start"
    today, tomorrow = (day_salt(secret, date(2026, 11, day)) for day in (23, 24))
    assert fingerprint("203.0.113.5", today) == fingerprint("203.0.113.5", today)
    assert fingerprint("203.0.113.5", today) != fingerprint("203.0.113.6", today)
    assert fingerprint("203.0.113.5", today) != fingerprint("203.0.113.5", tomorrow)
    assert len(fingerprint("203.0.113.5", today)) == len(fingerprint("2001:db8::/64", today)) == 18
    assert fingerprint("", today) == ""


def test_evidence_holds_neither_address_nor_user_agent(signs: Signs) -> None:
    secret_agent = "Mozilla/5.0 (Windows NT 10.0; Jane Roe's machine) Barracuda Sentinel (EE) Jane"
    facts = HitFacts("GET", {"User-Agent": secret_agent, "Cookie": "x=y", "Referer": "https://mail.example.com/jane"},
                     "209.222.82.77")  # fmt: skip
    kept = json.dumps(evidence(observe(facts, signs), HitContext(HitKind.CLICK, 5.0), "abcdef"))
    assert "Jane" not in kept
    assert "209.222" not in kept
    assert "example.com" not in kept
    assert json.loads(kept) == {
        "signs": {"scanner": "Barracuda"}, "networks": ["filter"], "delay": 5.0, "source": "abcdef",
    }  # fmt: skip


marks = st.builds(
    Marks,
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.dictionaries(st.sampled_from(Sign), st.sampled_from(["word", "x"]), max_size=3),
    st.booleans(),
    st.frozensets(st.sampled_from(NetworkSign)),
    st.none() | st.integers(1, 70000),
    st.booleans(),
)
contexts = st.builds(
    HitContext,
    st.sampled_from(HitKind),
    st.none() | st.integers(-5000, 10**7).map(lambda thousandth: thousandth / 1000),
    st.booleans(),
    st.booleans(),
    st.builds(Neighbours, st.integers(1, 9), st.none() | st.integers(1, 9), st.none() | st.booleans()),
    st.booleans(),
)


@given(marks, contexts, st.frozensets(st.sampled_from(Hint)))
@settings(max_examples=300, deadline=None)
def test_what_is_kept_gets_the_same_verdict_again(marks: Marks, context: HitContext, hints: frozenset[Hint]) -> None:
    kept = json.loads(json.dumps(evidence(marks, context, "f", hints)))
    again = decide(marks_of(kept, marks.method), context_of(kept, context.kind), Windows())
    assert again == decide(marks, context, Windows())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["signs", "networks", "asn", "delay", "links", "of", "followed"]), json_values))
@settings(max_examples=200, deadline=None)
def test_evidence_of_another_version_is_read_as_far_as_it_goes(kept: dict[str, object]) -> None:
    decide(marks_of(kept, "GET"), context_of(kept, HitKind.CLICK), Windows())
