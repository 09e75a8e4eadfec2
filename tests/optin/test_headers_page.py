"""The page that lists the headers lists those that are read, and its examples are understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.rewriting.track_headers import KNOWN, read_track_headers

PAGE = (Path(__file__).parents[2] / "docs" / "headers.md").read_text("utf-8")


def test_every_header_that_is_read_stands_on_the_page_and_no_other() -> None:
    named = {name.lower() for name in re.findall(r"\| `(X-Track[\w-]*)` \|", PAGE)}
    assert named == {*KNOWN, "x-track-meta-name"}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name.lower(), value) for name, cell in re.findall(r"\| `(X-Track[\w-]*)` \| ([^|]*) \|", PAGE)
     for value in re.findall(r"`([^`]+)`", cell)],
)  # fmt: skip
def test_every_value_on_the_page_is_understood(name: str, value: str) -> None:
    assert read_track_headers({name: [value]}).notes == ()
