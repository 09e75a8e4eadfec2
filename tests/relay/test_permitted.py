"""Whom [tracking] never_recipients leaves alone."""

from __future__ import annotations

import pytest

from relay.permitted import is_excluded


@pytest.mark.parametrize(
    ("address", "is_left_alone"),
    [
        ("boss@example.com", True),
        ("Boss@EXAMPLE.com", True),
        ("anyone@example.net", True),
        ("other@example.com", False),
        ("anyone@example.net.example.org", False),  # begins like the domain, and is another one
        ("anyone@mail.example.net", False),
        ("big-boss@example.com", False),
    ],
)
def test_an_address_is_left_alone_by_its_name_or_by_its_whole_domain(address: str, is_left_alone: bool) -> None:
    assert is_excluded(address, ("boss@example.com", "@example.net")) is is_left_alone
