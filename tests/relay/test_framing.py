"""What goes over the wire in DATA can be ended by the end mark, whatever the message ends with."""

from __future__ import annotations

import pytest

from relay.data_reader import stuffed, unstuffed


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        pytest.param(b"a\r\n", b"a\r\n", id="ended already"),
        pytest.param(b"a", b"a\r\n", id="a pixel after the last line end leaves none behind it"),
        pytest.param(b"", b"", id="an empty message: the end mark alone"),
        pytest.param(b".\r\n", b"..\r\n", id="a dot that is no end mark"),
        pytest.param(b"a\r\n.", b"a\r\n..\r\n", id="a dot at the very end"),
    ],
)
def test_the_end_mark_always_stands_on_a_line_of_its_own(message: bytes, sent: bytes) -> None:
    assert stuffed(message) == sent
    assert unstuffed(sent).removesuffix(b"\r\n") == message.removesuffix(b"\r\n")
