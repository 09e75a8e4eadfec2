"""The differences between copies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.patches import PAGE, difference, patched


def pieces(raw: bytes, size: int) -> list[bytes]:
    return [raw[start : start + size] for start in range(0, len(raw), size)]


@st.composite
def two_of_equal_length(draw: st.DrawFn) -> tuple[bytes, bytes]:
    template = draw(st.binary(max_size=2000))
    other = bytearray(template)
    for place in draw(st.lists(st.integers(0, max(len(template) - 1, 0)), max_size=10)):
        if template:
            other[place] ^= draw(st.integers(0, 255))
    return template, bytes(other)


@settings(deadline=None)
@given(two_of_equal_length(), st.integers(1, 300))
def test_a_patched_template_is_the_other_however_it_is_cut(pair: tuple[bytes, bytes], size: int) -> None:
    template, other = pair
    patches = difference(template, other)
    assert patches is not None
    assert b"".join(patched(pieces(template, size), patches)) == other


def test_patches_stay_small_where_a_large_message_differs_in_a_few_tokens() -> None:
    template = bytes(range(256)) * 4000
    other = bytearray(template)
    for place in (5, PAGE - 3, PAGE + 3, len(template) - 1):
        other[place] ^= 1
    patches = difference(template, bytes(other))
    assert patches is not None
    assert sum(len(patch.new) for patch in patches) < 400
    assert b"".join(patched(pieces(template, 65536), patches)) == other


def test_texts_of_different_length_have_no_patches() -> None:
    assert difference(b"short", b"longer") is None
