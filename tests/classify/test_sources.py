"""Who really asked: only what trusted proxies wrote is believed."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixel_server.public.sources import client_address, source_of, truncated, trusted_networks

PROXIES = trusted_networks([ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("2001:db8:ffff::/48")])


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        # no proxy: what a stranger writes is nothing
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", [("X-Forwarded-For", "198.51.100.1")], "203.0.113.5"),
        ("203.0.113.5", [("Forwarded", "for=198.51.100.1")], "203.0.113.5"),
        # one proxy: the rightmost address is what it saw
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.5")], "203.0.113.5"),
        ("10.0.0.1", [("x-forwarded-for", "198.51.100.1, 203.0.113.5")], "203.0.113.5"),
        # two proxies, the second's address is trusted; what stands left of the client is the client's invention
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1, 203.0.113.5, 10.0.0.2")], "203.0.113.5"),
        # repeated headers are one list, in order
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.5")], "203.0.113.5"),
        # ports, brackets, IPv4 inside IPv6
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.5:4711")], "203.0.113.5"),
        ("10.0.0.1", [("X-Forwarded-For", "[2001:db8::5]:4711")], "2001:db8::5"),
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "::ffff:203.0.113.5")], "203.0.113.5"),
        # all trusted: the farthest; nothing said: the proxy itself
        ("10.0.0.1", [("X-Forwarded-For", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "")], "10.0.0.1"),
        # garbage hides what is left of it, and is not taken for an address
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.5, unknown")], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.5, _hidden, 10.0.0.2")], "10.0.0.2"),
        # RFC 7239
        ("10.0.0.1", [("Forwarded", "for=203.0.113.5;proto=https;by=10.0.0.1")], "203.0.113.5"),
        ("10.0.0.1", [("Forwarded", 'proto=https; For="[2001:db8::5]:4711", for=10.0.0.2')], "2001:db8::5"),
        ("10.0.0.1", [("Forwarded", "for=198.51.100.1, for=203.0.113.5")], "203.0.113.5"),
        ("10.0.0.1", [("Forwarded", "by=203.0.113.5")], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", 'for="203.0.113.5:4711" ; host=t.example.com;')], "203.0.113.5"),
        # a Host that says "for" itself, which the proxy repeats in quotes, before what it saw and behind it
        ("10.0.0.1", [("Forwarded", 'proto=https;host="x,for=198.51.100.1;y";for=203.0.113.5')], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", 'host="x,for=198.51.100.1;y=";for=203.0.113.5')], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", 'host="x;for=198.51.100.1;y";for=203.0.113.5')], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", r'host="x\",for=198.51.100.1;y=\"";for=203.0.113.5')], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", r'for=203.0.113.5;host="x\",for=198.51.100.1;y=\""')], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", 'for=203.0.113.5;host="x,for=198.51.100.1"')], "10.0.0.1"),
        ("10.0.0.1", [("Forwarded", "for=198.51.100.1;for=203.0.113.5")], "10.0.0.1"),
        # a client's own Forwarded that the proxy handed on says nothing beside what the proxy wrote
        ("10.0.0.1", [("Forwarded", "for=198.51.100.1"), ("X-Forwarded-For", "203.0.113.5")], "203.0.113.5"),
        # no address at all
        ("", [("X-Forwarded-For", "203.0.113.5")], ""),
        ("unix:", [], ""),
    ],
)
def test_the_rightmost_untrusted_address_asked(peer: str, headers: list[tuple[str, str]], expected: str) -> None:
    assert client_address(peer, headers, PROXIES) == expected


def test_fifty_hops_of_a_stranger_change_nothing() -> None:
    forged = ", ".join(f"198.51.100.{number}" for number in range(50))
    assert client_address("203.0.113.5", [("X-Forwarded-For", forged)], PROXIES) == "203.0.113.5"
    assert client_address("10.0.0.1", [("X-Forwarded-For", forged + ", 203.0.113.5")], PROXIES) == "203.0.113.5"


@given(st.text(max_size=60), st.lists(st.tuples(st.sampled_from(["X-Forwarded-For", "Forwarded"]), st.text())))
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_an_address_or_nothing_comes_back(peer: str, headers: list[tuple[str, str]]) -> None:
    for asked in (client_address(peer, headers, PROXIES), client_address("10.0.0.1", headers, PROXIES)):
        assert asked == "" or source_of(asked)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_left_of_the_address_our_proxy_saw_anything_may_stand(forged: str) -> None:
    header = ("X-Forwarded-For", forged + ", 203.0.113.5")
    assert client_address("10.0.0.1", [header], PROXIES) == "203.0.113.5"


hosts = st.text(st.sampled_from('x.,;="\\ for198.51.100.1 '), max_size=40) | st.sampled_from(
    ["x,for=198.51.100.1", ";for=198.51.100.1;y=", '",for=198.51.100.1;y="', ",for=198.51.100.1;y"]
)


@given(hosts, st.sampled_from(["host={};for={}", "for={1};host={0}", "proto=https;host={};by=10.0.0.1;for={}"]))
@settings(max_examples=500, deadline=None)
def test_no_host_that_a_proxy_repeats_in_quotes_names_another_client(host: str, form: str) -> None:
    quoted = '"' + host.replace("\\", "\\\\").replace('"', '\\"') + '"'
    told = client_address("10.0.0.1", [("Forwarded", form.format(quoted, "203.0.113.5"))], PROXIES)
    assert told in ("203.0.113.5", "10.0.0.1")


def test_a_source_is_an_ipv4_address_or_an_ipv6_household() -> None:
    assert source_of("203.0.113.5") == "203.0.113.5"
    assert source_of("2001:db8:1:2:3::5") == "2001:db8:1:2::/64"
    assert source_of("2001:db8:1:2") == source_of("2001:db8:1:2::/64") == "2001:db8:1:2::/64"
    assert source_of(source_of("203.0.113.5")) == source_of("203.0.113.5/32") == "203.0.113.5"
    assert source_of("203.0.113.0/24") == source_of("2001:db8::/48") == ""
    assert source_of("") == ""


def test_truncating_takes_the_last_part() -> None:
    assert truncated("203.0.113.77") == "203.0.113.0/24"
    assert truncated("::ffff:203.0.113.77") == "203.0.113.0/24"
    assert truncated("2001:db8:1:2::5") == "2001:db8:1::/48"
    assert truncated("nobody") == ""
