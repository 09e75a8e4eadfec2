"""Tokens and message ids: what was minted verifies, nothing else does."""

from __future__ import annotations

import secrets
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.message_id import MessageId, mint_message_id, parse_message_id
from ledger.tokens import TOKEN_LENGTH, KeyRing, Purpose, Target, mint, read_unverified, verify

RING = KeyRing({1: b"1" * 32, 7: b"7" * 32})
MESSAGE = MessageId(bytes(range(16)))
ids = st.binary(min_size=16, max_size=16).map(MessageId)
numbers = st.integers(0, 2**16 - 1)
targets = st.builds(Target, ids, numbers, numbers)


@given(targets, st.sampled_from(Purpose), st.text(max_size=60))
def test_a_minted_token_verifies_to_its_target(target: Target, purpose: Purpose, destination: str) -> None:
    token = mint(RING, purpose, target, destination)
    assert len(token) == TOKEN_LENGTH
    assert verify(RING, purpose, token, destination) == target


@given(targets, st.text(max_size=30), st.text(max_size=30))
def test_a_token_leads_nowhere_but_to_its_own_destination(target: Target, one: str, other: str) -> None:
    assert (verify(RING, Purpose.LINK, mint(RING, Purpose.LINK, target, one), other) == target) == (one == other)


@given(targets, st.sampled_from(Purpose), st.sampled_from(Purpose))
def test_a_token_serves_one_purpose(target: Target, made_for: Purpose, used_for: Purpose) -> None:
    assert (verify(RING, used_for, mint(RING, made_for, target)) == target) == (made_for is used_for)


@given(targets, st.integers(0, 38 * 8 - 1))
def test_one_altered_bit_makes_it_worthless(target: Target, bit: int) -> None:
    token = mint(RING, Purpose.LINK, target, "https://example.com/")
    raw = bytearray(urlsafe_b64decode(token + "="))
    raw[bit // 8] ^= 1 << bit % 8
    altered = urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert verify(RING, Purpose.LINK, altered, "https://example.com/") is None


@given(st.integers(0, TOKEN_LENGTH - 1), st.sampled_from(string.ascii_letters + string.digits + "-_=+/ \n\0é"))
def test_one_altered_letter_makes_it_worthless(place: int, letter: str) -> None:
    token = mint(RING, Purpose.PIXEL, Target(MESSAGE))
    altered = token[:place] + letter + token[place + 1 :]
    assert (verify(RING, Purpose.PIXEL, altered) is None) == (altered != token)


@given(st.text(max_size=80))
def test_garbage_is_no_token_and_no_exception(garbage: str) -> None:
    assert verify(RING, Purpose.PIXEL, garbage) is None


def test_an_old_key_still_verifies_and_the_newest_signs() -> None:
    old = mint(KeyRing({1: b"1" * 32}), Purpose.PAGE, Target(MESSAGE))
    assert verify(RING, Purpose.PAGE, old) == Target(MESSAGE)
    claimed = read_unverified(mint(RING, Purpose.PAGE, Target(MESSAGE)))
    assert claimed is not None
    assert claimed[0] == 7


def test_an_unknown_key_verifies_nothing() -> None:
    assert verify(KeyRing({2: b"1" * 32}), Purpose.PAGE, mint(RING, Purpose.PAGE, Target(MESSAGE))) is None


@pytest.mark.parametrize("numbers", [(-1, 0), (0, -1), (2**16, 0), (0, 2**16)])
def test_a_number_that_does_not_fit_is_an_error(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="beyond"):
        mint(RING, Purpose.LINK, Target(MESSAGE, *numbers))


def test_a_ring_shows_no_key() -> None:
    assert "111" not in repr(RING)


@given(ids)
def test_an_id_reads_back_as_ulid_and_as_hexadecimal(message: MessageId) -> None:
    assert parse_message_id(str(message)) == message
    assert parse_message_id(str(message).lower()) == message
    assert parse_message_id(message.raw.hex()) == message


@given(st.text(max_size=40))
def test_what_is_no_id_gives_none(text: str) -> None:
    found = parse_message_id(text)
    assert found is None or text.strip().upper() in (str(found), found.raw.hex().upper())


@pytest.mark.parametrize("text", ["8" + "0" * 25, "Z" * 26, "I" * 26, "zz" * 16])
def test_an_id_beyond_128_bits_or_with_foreign_letters_gives_none(text: str) -> None:
    assert parse_message_id(text) is None


@given(st.integers(0, 2**47), st.integers(1, 2**40))
def test_ids_sort_by_their_time(moment: int, later: int) -> None:
    assert mint_message_id(moment, b"\xff" * 10) < mint_message_id(moment + later, b"\0" * 10)


def test_ids_of_one_moment_have_nothing_in_common() -> None:
    """Who knows one message's id must not know its neighbours': behind the time stand eighty random bits."""
    moment = 1_700_000_000_000
    ids = [mint_message_id(moment, secrets.token_bytes(10)).raw for _ in range(2000)]
    assert len({raw[6:] for raw in ids}) == 2000
    assert {raw[:6] for raw in ids} == {moment.to_bytes(6, "big")}
    for place in range(6, 16):
        assert len({raw[place] for raw in ids}) > 200


def test_a_thousand_tokens_hold_nothing_but_numbers() -> None:
    """D08: key, message, copy, link and tag fill the token; there is no room for anything else."""
    for number in range(1000):
        target = Target(MessageId(secrets.token_bytes(16)), number, number)
        for purpose in Purpose:
            raw = urlsafe_b64decode(mint(RING, purpose, target, "https://example.com/ann@example.net") + "=")
            assert raw[:22] == b"\0\7" + target.message.raw + number.to_bytes(2, "big") * 2
            assert len(raw) == 38
            assert b"example" not in raw
