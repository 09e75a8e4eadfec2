"""The fast HMAC is the HMAC of the standard library, for every key and message."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.keyed_hash import hmac_sha256


@given(st.binary(max_size=200), st.binary(max_size=5000))
def test_it_is_the_hmac_of_the_standard_library(key: bytes, message: bytes) -> None:
    assert hmac_sha256(key)(message) == hmac.digest(key, message, "sha256")


@pytest.mark.parametrize("length", [0, 63, 64, 65, 128])
def test_keys_round_the_block_size(length: int) -> None:
    key = bytes(range(128))[:length]
    assert hmac_sha256(key)(b"message") == hmac.digest(key, b"message", "sha256")


def test_one_key_serves_many_messages() -> None:
    digest = hmac_sha256(b"key")
    assert [digest(b"one"), digest(b"two"), digest(b"one")] == [
        hmac.digest(b"key", message, "sha256") for message in (b"one", b"two", b"one")
    ]
