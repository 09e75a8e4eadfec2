"""The DATA reader against a slow reader that looks at one octet after the other, at every cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.data_reader import DataReader, stuffed, unstuffed
from relay.replies import Refusal

HUGE = 10**9


def slow_reading(wire: bytes, line_limit: int = HUGE) -> tuple[bytes, bytes, Refusal | None] | None:
    """Content, rest and refusal as the RFC's words give them; None while the end has not come."""
    end = wire.find(b"\r\n.\r\n") + 2
    if wire.startswith(b".\r\n"):
        end = 0
    elif end == 1:
        end = -1
    refusal: Refusal | None = None
    looked_at = wire if end < 0 else wire[:end]
    for position, octet in enumerate(looked_at):
        after = wire[position + 1 : position + 2]
        if octet == 13 and after not in (b"\n", b""):
            refusal = Refusal.BARE_LINE_END
        if octet == 10 and (position == 0 or wire[position - 1] != 13):
            refusal = Refusal.BARE_LINE_END
        if octet == 0 and refusal is None:
            refusal = Refusal.NUL
    if end < 0:
        return None if refusal is not Refusal.BARE_LINE_END else (b"", b"", refusal)
    if refusal is None and any(len(line) > line_limit for line in looked_at.split(b"\r\n")):
        refusal = Refusal.LINE_TOO_LONG
    return looked_at, wire[end + 3 :], refusal


def read(pieces: list[bytes], line_limit: int = HUGE) -> tuple[bytes, bytes, Refusal | None] | None:
    reader = DataReader(HUGE, line_limit)
    content = b""
    for number, piece in enumerate(pieces):
        taken = reader.feed(piece)
        content += taken.content
        if reader.is_desynchronised:
            return b"", b"", reader.refusal
        if taken.ended:
            return content, taken.rest + b"".join(pieces[number + 1 :]), reader.refusal
    return None


def agrees(pieces: list[bytes], line_limit: int = HUGE) -> None:
    expected = slow_reading(b"".join(pieces), line_limit)
    found = read(pieces, line_limit)
    if expected is None or found is None:
        # A refusal may be seen earlier or later than the slow reader sees it, but never be missed at the end.
        assert expected == found or (expected or found or (0, 0, 0))[2] is Refusal.BARE_LINE_END
        return
    assert found[2] == expected[2]
    if expected[2] is None:
        assert found == expected
    elif expected[2] is not Refusal.BARE_LINE_END:
        assert found[1] == expected[1]


FRAGMENTS = [b"\r", b"\n", b".", b"\r\n", b"\r\n.\r\n", b"\r\n.", b"x", b"\0", b"..", b"abc\r\n", b"\xff"]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.data())
@settings(max_examples=400, deadline=None)
def test_it_agrees_with_the_slow_reader_however_the_octets_are_cut(fragments: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(fragments)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=4)))
    agrees([wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)])


MESSAGES = [
    b".\r\n",
    b"Subject: x\r\n\r\n..\r\n.x\r\n...\r\n\r\n..\r\n.\r\nQUIT\r\n",
    b"a\r\n.b\r\n.\r\n.\r\n",
    b"\r\n\r\n.\r\nMAIL FROM:<x@example.com>\r\n",
    b"a\r\n.\rb\r\n.\r\n",
    b"a\r\r\n.\r\n",
    b"a\n.\r\n\r\n.\r\n",
    b"a\r\n\0.\r\nb\r\n.\r\n",
]


@pytest.mark.parametrize("wire", MESSAGES)
def test_it_gives_the_same_whole_cut_in_two_at_every_place_and_octet_by_octet(wire: bytes) -> None:
    agrees([wire])
    agrees([wire[i : i + 1] for i in range(len(wire))])
    for cut in range(len(wire) + 1):
        agrees([wire[:cut], wire[cut:]])


@pytest.mark.parametrize("cut", range(1, 40))
@pytest.mark.parametrize(("length", "refusal"), [(9, None), (10, None), (11, Refusal.LINE_TOO_LONG)])
def test_lines_up_to_the_limit_pass_wherever_they_are_cut(length: int, refusal: Refusal | None, cut: int) -> None:
    wire = b"abc\r\n" + b"x" * length + b"\r\nabc\r\n.\r\n"
    found = read([wire[:cut], wire[cut:]], line_limit=10)
    assert found is not None
    assert found[2] is refusal


def test_an_endless_line_is_refused_before_it_ends() -> None:
    reader = DataReader(HUGE, 1000)
    for _ in range(11):
        taken = reader.feed(b"x" * 100)
    assert reader.refusal is Refusal.LINE_TOO_LONG
    assert taken.content == b""


def test_a_message_over_the_size_limit_is_refused_and_its_end_still_found() -> None:
    reader = DataReader(10, HUGE)
    assert reader.feed(b"0123456789abc\r\n").content == b""
    assert reader.refusal is Refusal.TOO_LARGE
    assert reader.feed(b"more\r\n.\r\nNOOP\r\n").rest == b"NOOP\r\n"


@pytest.mark.parametrize("cut", range(60))
@pytest.mark.parametrize(
    "message",
    [
        b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\na.b\r\n",  # dots on lines of their own, at their beginning, inside
        b".x\r\n" * 8,  # from the very first octet on
        b"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t\r\n.u\r\n.\r\n.v\r\n",  # more than are looked at one by one
        b".\r\n" * 20,
    ],
)
def test_a_dot_that_was_doubled_for_the_way_is_no_octet_of_the_message(message: bytes, cut: int) -> None:
    wire = stuffed(message) + b".\r\n"
    for limit, refusal in ((len(message), None), (len(message) - 1, Refusal.TOO_LARGE)):
        reader = DataReader(limit, HUGE)
        assert not reader.feed(wire[:cut]).ended or cut >= len(wire)
        reader.feed(wire[cut:])
        assert (reader.octets, reader.refusal) == (len(message), refusal)


@given(st.lists(st.sampled_from([b".", b"..", b"\r\n", b"x", b"\r\n.", b"abc"]), max_size=40), st.data())
@settings(max_examples=400, deadline=None)
def test_the_octets_are_those_of_the_message_however_they_are_cut(fragments: list[bytes], data: st.DataObject) -> None:
    content = b"".join(fragments) + b"\r\n"
    content = content.removesuffix(b".\r\n") if content.endswith(b"\r\n.\r\n") else content
    wire = stuffed(content) + b".\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    reader = DataReader(HUGE, HUGE)
    for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        reader.feed(wire[a:b])
    assert reader.octets == len(content)


@given(st.lists(st.sampled_from([b".", b"..", b"\r\n", b"x", b"\r\n.", b"abc"]), max_size=20).map(b"".join))
@settings(max_examples=200, deadline=None)
def test_unstuffing_undoes_stuffing(message: bytes) -> None:
    ended = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    assert unstuffed(stuffed(message)) == ended
    assert b"\r\n.\r\n" not in b"\r\n" + stuffed(message) + b"\r\n"
