"""Command lines are cut out of what the network brings: whole, in any pieces, with bytes left over."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.command_lines import LONGEST_LINE, CommandLines
from relay.replies import Refusal

Cut = list[bytes | Refusal]


def cut(pieces: list[bytes]) -> tuple[Cut, bytes]:
    """What the lines of these pieces are, up to the first refusal, and what is left over."""
    lines, found = CommandLines(), Cut()
    for piece in pieces:
        lines.add(piece)
        while lines.waiting:
            line = lines.next()
            if line is None:
                break
            found.append(line)
            if isinstance(line, Refusal):
                return found, b""
    return found, lines.take_rest()


def cut_slowly(data: bytes) -> tuple[Cut, bytes]:
    found = Cut()
    while match := re.match(rb"[^\n]*\n", data):
        line, data = match[0], data[match.end() :]
        if not re.fullmatch(rb"[^\r\n\0]*\r\n", line):
            return [*found, Refusal.COMMAND_LINE_END], b""
        found.append(line[:-2])
    return found, data


@pytest.mark.parametrize(
    ("data", "found", "left"),
    [
        pytest.param(b"NOOP\r\n", [b"NOOP"], b"", id="one"),
        pytest.param(b"NOOP\r\nQUIT\r\nDA", [b"NOOP", b"QUIT"], b"DA", id="two, and the beginning of a third"),
        pytest.param(b"\r\n\r\n", [b"", b""], b"", id="empty lines are lines"),
        pytest.param(b"NOOP\r", [], b"NOOP\r", id="a CR may be half a line end"),
        pytest.param(b"\n", [Refusal.COMMAND_LINE_END], b"", id="nothing before a LF"),
        pytest.param(b"NOOP\r\n\nQUIT\r\n", [b"NOOP", Refusal.COMMAND_LINE_END], b"", id="nothing before a later LF"),
        pytest.param(b"A\nB\r\n", [Refusal.COMMAND_LINE_END], b"", id="a bare LF"),
        pytest.param(b"A\rB\r\n", [Refusal.COMMAND_LINE_END], b"", id="a bare CR"),
        pytest.param(b"A\0B\r\n", [Refusal.COMMAND_LINE_END], b"", id="a NUL"),
        pytest.param(b"y" * (LONGEST_LINE + 1), [Refusal.COMMAND_TOO_LONG], b"", id="no end in sight"),
    ],
)
def test_lines_are_cut_at_cr_lf_and_nowhere_else(data: bytes, found: Cut, left: bytes) -> None:
    assert cut([data]) == (found, left)
    assert cut([data[at : at + 1] for at in range(len(data))]) == (found, left)


@given(st.lists(st.sampled_from([b"NOOP", b"\r\n", b"\r", b"\n", b"\0", b"", b"MAIL FROM:<>"])), st.data())
def test_it_agrees_with_the_slow_way_however_the_octets_are_cut(words: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(words)
    at = data.draw(st.integers(0, len(whole)))
    assert cut([whole[:at], whole[at:]]) == cut([whole]) == cut_slowly(whole)


def test_fifty_thousand_lines_are_cut_without_copying_the_rest_each_time() -> None:
    found, left = cut([b"NOOP\r\n" * 53_000])
    assert (len(found), set(found), left) == (53_000, {b"NOOP"}, b"")
