"""Golden messages on headers: tests/messages/1NN-name.eml, what is left of each, and what it asks for.

``.json`` holds the point in one line, the listener's policy where it is not the default, and the expected wish;
``.expected.eml`` is the message without its control headers. The body's X-Track line must stay in all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relay.rewriting.optin import OptInPolicy, decide

FOLDER = Path(__file__).parents[1] / "messages"
MESSAGES = sorted(path for path in FOLDER.glob("1[0-9][0-9]-*.eml") if not path.name.endswith(".expected.eml"))


def policy_of(told: dict[str, Any]) -> OptInPolicy:
    given = told.get("policy", {})
    return OptInPolicy(given.get("default", "none"), tuple(given.get("dialects", ())), given.get("subject_tag", ""))


@pytest.mark.parametrize("path", MESSAGES, ids=[path.stem for path in MESSAGES])
def test_a_message_asks_for_what_its_headers_say_and_loses_them_alone(path: Path) -> None:
    raw = path.read_bytes()
    told = json.loads(path.with_suffix(".json").read_text("utf-8"))
    found = decide(raw, policy_of(told))
    for name, value in told["wanted"].items():
        actual = getattr(found, name)
        assert (list(actual) if isinstance(actual, tuple) else actual) == value, f"{told['point']}: {name}"
    left = raw
    for edit in reversed(found.header_edits):
        left = left[: edit.start] + edit.new + left[edit.end :]
    assert left == path.with_suffix(".expected.eml").read_bytes(), told["point"]


def test_there_are_golden_messages_with_a_point_each() -> None:
    points = [json.loads(path.with_suffix(".json").read_text("utf-8"))["point"] for path in MESSAGES]
    assert len(points) >= 30
    assert len(set(points)) == len(points)
