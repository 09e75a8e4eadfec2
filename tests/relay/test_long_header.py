"""Cutting control headers line by line, against the reader that sees the whole block, at every cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.data_reader import stuffed, unstuffed
from relay.long_header import LONGEST_NAME, LongHeader
from relay.rewriting.optin import OptInPolicy, decide, is_control, is_track_header
from relay.rewriting.plan import Edit
from relay.tracking_rules import control_headers


def cut_whole(content: bytes, dialects: tuple[str, ...] = ()) -> bytes:
    """What the relay cuts from a header block that it reads as a whole."""
    raw = unstuffed(content)
    edits: tuple[Edit, ...] = decide(raw, OptInPolicy(dialects=dialects)).header_edits
    for edit in reversed(edits):
        raw = raw[: edit.start] + raw[edit.end :]
    return stuffed(raw)


def cut_in_pieces(pieces: list[bytes], dialects: tuple[str, ...] = ()) -> bytes:
    cutter = LongHeader(lambda name: is_control(name, dialects), control_headers(dialects))
    last = len(pieces) - 1
    out = b"".join(cutter.feed(piece, ended=number == last) for number, piece in enumerate(pieces))
    assert cutter.has_cut is (out != b"".join(pieces))
    return out


LINES = [
    b"X-Track: all\r\n", b"x-track-opens : yes\r\n", b"X-TRACK-META-ORDER:1\r\n", b"X-Tracker: mine\r\n",
    b"X-Track\r\n",
    b" folded\r\n", b"\tfolded: X-Track: all\r\n", b"Subject: X-Track: all\r\n", b"\r\n", b"..\r\n", b"X-PM-Tag: a\r\n",
    b"no field at all\r\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=12).map(b"".join), st.data())
@settings(max_examples=300, deadline=None)
def test_it_cuts_what_the_whole_reader_cuts_however_the_octets_come(content: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4)))
    pieces = [content[a:b] for a, b in pairwise([0, *cuts, len(content)])]
    for dialects in ((), ("postmark",)):
        assert cut_in_pieces(pieces, dialects) == cut_whole(content, dialects)


@pytest.mark.parametrize(
    "content", [b"A: 1\r\nX-Track: all\r\n x\r\nB: 2\r\n\r\nX-Track: all\r\n", b"\r\nX-Track: all\r\n"]
)
def test_octet_by_octet_and_at_every_cut(content: bytes) -> None:
    expected = cut_whole(content)
    assert cut_in_pieces([content[i : i + 1] for i in range(len(content))]) == expected
    for cut in range(len(content) + 1):
        assert cut_in_pieces([content[:cut], content[cut:]]) == expected


def test_a_dot_that_the_upstream_takes_away_hides_no_field() -> None:
    assert cut_in_pieces([b".X-Track: all\r\n. folded\r\nA: 1\r\n\r\n"]) == b"A: 1\r\n\r\n"


def test_no_more_than_the_beginning_of_a_line_is_held_back() -> None:
    cutter = LongHeader(is_track_header, control_headers(()))
    sent = cutter.feed(b"A: 1\r\nX-Tr")
    assert sent == b"A: 1\r\n"
    assert cutter.feed(b"acker: " + b"y" * LONGEST_NAME) == b"X-Tracker: " + b"y" * LONGEST_NAME
    for _ in range(10):
        assert cutter.feed(b"y" * 10_000) == b"y" * 10_000
    assert cutter.feed(b"\r\nX-Track: ") == b"\r\n"
    assert cutter.feed(b"y" * 100_000) == b""
    assert cutter.feed(b"\r\nB: 2\r\n") == b"B: 2\r\n"
