"""Network tables: membership and the narrowest network's number, against the plain definition."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixel_server.public.signs.networks import NetworkTable, parse_address, span_of

networks = st.builds(
    lambda value, bits: IPv4Network((value >> (32 - bits) << (32 - bits), bits)),
    st.integers(0, 2**32 - 1).map(lambda value: value & 0xFF0F00FF),
    st.integers(1, 32),
)


@given(st.lists(st.tuples(networks, st.integers(0, 9)), max_size=12), st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_the_narrowest_network_answers(entries: list[tuple[IPv4Network, int]], value: int) -> None:
    # One number per network, as in a list without contradictions.
    entries = list(dict(entries).items())
    table = NetworkTable((span_of(network), label) for network, label in entries)
    edges = {value & 0xFF0F00FF} | {int(network[0]) for network, _ in entries} | {int(n[-1]) for n, _ in entries}
    for address in map(IPv4Address, edges):
        holding = sorted((n.prefixlen, label) for n, label in entries if address in n)
        assert table.label_of(address) == (holding[-1][1] if holding else None)


@given(st.lists(st.tuples(networks, st.integers(0, 9)), max_size=6), st.integers(0, 2**24 - 1), st.booleans())
@settings(max_examples=300, deadline=None)
def test_all_addresses_have_one_answer_where_no_network_is_cut(
    entries: list[tuple[IPv4Network, int]], upper: int, near: bool
) -> None:
    table = NetworkTable((span_of(network), label) for network, label in dict(entries).items())
    first = int(entries[0][0][0]) >> 8 << 8 if near and entries else (upper << 8) & 0xFF0F0000
    answers = {table.label_at(4, number) for number in range(first, first + 256)}
    if not table.is_cut(4, first, first + 255):
        assert len(answers) == 1
    elif len(answers) == 1:  # two networks side by side, or one in the other, that have the same number
        assert any(
            first <= edge <= first + 255 for network, _ in entries for edge in (int(network[0]), int(network[-1]))
        )


def test_ipv6_and_ipv4_do_not_mix() -> None:
    table = NetworkTable([(span_of(ip_network("::/0")), 1)])
    assert ip_address("2001:db8::1") in table
    assert ip_address("192.0.2.1") not in table


@pytest.mark.parametrize("narrow", ["2001:db8::/128", "2001:db8:0:0:8000::/65", "2001:db8::/64", "2001:db8::/32"])
def test_an_ipv6_network_ends_where_it_ends(narrow: str) -> None:
    network = ip_network(narrow)
    for others in ([], [ip_network("2001:dba::/48")], [ip_network("::1/128")]):
        table = NetworkTable((span_of(each), 0) for each in [network, *others])
        assert network[0] in table
        assert network[-1] in table
        assert network[-1] + 1 not in table
        assert network[0] - 1 not in table


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", IPv4Address("192.0.2.1")),
        (" 192.0.2.1 ", IPv4Address("192.0.2.1")),
        ("::ffff:192.0.2.1", IPv4Address("192.0.2.1")),
        ("fe80::1%eth0", IPv6Address("fe80::1")),
        ("192.0.2.01", None),  # an octet with a leading zero is octal to some and decimal to others
        ("unknown", None),
        ("", None),
    ],
)
def test_addresses_are_read_strictly(text: str, address: object) -> None:
    assert parse_address(text) == address
