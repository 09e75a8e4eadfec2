"""What is remembered of programs and places gives the same hit as looking at every request anew."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from ledger.message_id import MessageId
from ledger.recording import RecordingState
from ledger.records import HitFacts, HitKind
from ledger.tokens import Target
from pixel_server.public.classify import HitContext, Neighbours
from pixel_server.public.judge import Judge
from pixel_server.public.minimise import evidence, kept_ip, kept_user_agent
from pixel_server.public.places import Places
from pixel_server.public.programs import read_program
from pixel_server.public.signs.networks import NetworkTable, parse_address, read_ipv4, span_of
from pixel_server.public.signs.tables import Signs, observe
from pixel_server.public.sources import source_of, trusted_networks
from pixel_server.public.windows import windows_from
from tests.classify.verdicts import first_verdict

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SETTINGS = Settings()
TARGET = Target(MessageId(bytes(16)), 3, 2)
AGENTS = (
    "", "Mozilla/5.0", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "curl/8.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "Slackbot 1.0",
    "Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "Barracuda Sentinel (EE)",
    "Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Thunderbird/130.0",
)  # fmt: skip
ADDRESSES = (
    "", "garbage", "198.51.100.7", "127.0.0.1", "::1", "2001:DB8:1:2::9", "::ffff:198.51.100.7", "40.92.0.9",
    "209.222.82.1", "1.2.3.4%5",
)  # fmt: skip
headers = st.fixed_dictionaries(
    {"User-Agent": st.sampled_from(AGENTS)}, optional={"Purpose": st.sampled_from(["prefetch", "none"])}
)
delays = st.none() | st.sampled_from([-1.0, 0.0, 1.999, 2.0, 9.999, 10.0, 120.0, 120.001, 5000.0])


@given(
    st.sampled_from(["GET", "HEAD", "OPTIONS", "post"]), st.sampled_from(list(HitKind)), headers,
    st.sampled_from(ADDRESSES), delays, st.sampled_from(["", "198.51.100.7"]), st.sampled_from([0, 5]), st.booleans(),
)  # fmt: skip
def test_a_hit_is_judged_as_its_request_alone_would_be(
    signs: Signs, method: str, kind: HitKind, sent: dict[str, str], ip: str, delay: float | None, own: str, links: int,
    own_session: bool,
) -> None:  # fmt: skip
    accepted = None if delay is None else NOW - timedelta(seconds=delay)
    state = RecordingState(True, accepted, tracked_links=links, own_networks=frozenset({own} - {""}))
    program = read_program(tuple(sent.items()), signs, SETTINGS.privacy)
    place = Places(signs, SETTINGS.privacy, trusted_networks([])).at(ip)
    judge = Judge(SETTINGS, lambda: b"s" * 32)
    # Twice: what was found the first time is used again.
    found = [judge.judge(program, place, method, kind, TARGET, state, NOW, bytes(16), own_session) for _ in (1, 2)]
    assert found[0] == found[1]

    facts = HitFacts(method, sent, ip)
    marks = observe(facts, signs)
    own_match = bool(own) and not marks.loopback and source_of(ip) == source_of(own)
    context = HitContext(kind, delay, own_session, own_match, Neighbours(links_in_message=links or None))
    hit = found[0]
    assert hit.verdict == first_verdict(facts, context, signs, windows_from(SETTINGS.hits))
    source = "" if marks.loopback else source_of(ip)
    kept: dict[str, Any] = json.loads(hit.evidence)
    assert bool(kept.get("source")) == bool(source)
    assert kept == evidence(marks, context, kept.get("source", ""))
    assert (hit.ip, hit.user_agent, hit.method) == (
        kept_ip(ip, "truncate"), kept_user_agent(sent["User-Agent"], "family"), marks.method,
    )  # fmt: skip


@given(st.from_regex(r"[0-9.+ ]{1,16}", fullmatch=True) | st.ip_addresses(v=4).map(str) | st.text(max_size=12))
def test_the_short_reading_of_ipv4_takes_what_the_long_one_takes(text: str) -> None:
    octets = read_ipv4(text)
    address = parse_address(text)
    if octets is not None:
        assert address is not None
        assert address.packed == bytes(octets)
    elif address is not None:
        assert str(address) != text or address.version == 6


def test_neighbours_of_an_address_on_a_list_are_not_on_it(signs: Signs) -> None:
    """What a /24 shows alike is found once; a list or a trusted proxy that is a part of one cuts it."""
    listed = replace(signs, filters=NetworkTable([(span_of(ip_network("192.0.2.64/28")), 0)]))
    places = Places(listed, SETTINGS.privacy, trusted_networks([ip_network("198.51.100.7/32")]))
    texts = [f"{network}.{octet}" for network in ("192.0.2", "198.51.100", "203.0.113") for octet in range(256)]
    shown = {text: places.at(text) for text in texts}
    assert [text for text in texts if shown[text].networks] == [f"192.0.2.{octet}" for octet in range(64, 80)]
    assert [text for text in texts if shown[text].is_proxy] == ["198.51.100.7"]
    assert {shown[text].source for text in texts} == set(texts)
    assert len({shown[text].sort for text in texts}) == 2
    places.forget()
    assert places.at("192.0.2.64") == shown["192.0.2.64"]
