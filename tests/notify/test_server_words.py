from __future__ import annotations

import pytest

from pixel_server.server_words import server_words


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"2.0.0 Ok: queued as 4F3", "2.0.0 Ok: queued as 4F3"),
        ("2.0.0 für Sie".encode(), "2.0.0 für Sie"),
        ("2.0.0 für Sie".encode("latin-1"), "2.0.0 f\ufffdr Sie"),  # as servers in Europe still speak
        (b"5.7.1 no\n5.7.1 never", "5.7.1 no / 5.7.1 never"),  # as aiosmtplib gives several lines
        (b"ok \x1b[31m\x07", "ok \ufffd[31m\ufffd"),
    ],
)
def test_whatever_a_server_says_can_be_kept_and_shown(said: bytes, shown: str) -> None:
    assert server_words(said.decode("utf-8", "surrogateescape")) == shown
