"""Golden messages on bodies: tests/messages/NN-name.eml, and what becomes of each.

``.json`` holds the point in one line and what differs from the default plan; ``.expected.eml`` is the message as it
goes out, or ``.reason`` is why it goes out as it came, less its control headers. Message id and key are fixed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from relay.rewriting.header_fields import header_end
from relay.rewriting.optin import OptInPolicy, decide
from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.rewrite import apply_header_edits
from relay.rewriting.worker import rewrite_whole
from tests.rewriting.oracles import URLS

FOLDER = Path(__file__).parents[1] / "messages"
MESSAGES = sorted(path for path in FOLDER.glob("[0-9][0-9]-*.eml") if not path.name.endswith(".expected.eml"))


@pytest.mark.parametrize("path", MESSAGES, ids=[path.stem for path in MESSAGES])
def test_a_message_becomes_what_it_should(path: Path) -> None:
    point = json.loads(path.with_suffix(".json").read_text("utf-8"))["point"]
    output, reason = outcome_of(path)
    told = path.with_suffix(".reason")
    if told.exists():
        assert reason == told.read_text("ascii").strip(), point
    else:
        assert reason == "", point
        assert output == path.with_suffix(".expected.eml").read_bytes(), point


def test_there_are_golden_messages_with_a_point_each() -> None:
    points = [json.loads(path.with_suffix(".json").read_text("utf-8"))["point"] for path in MESSAGES]
    assert len(points) >= 50
    assert len(set(points)) == len(points)


def test_all_golden_messages_together_are_eighty_or_more() -> None:
    messages = [path for path in FOLDER.glob("*.eml") if not path.name.endswith(".expected.eml")]
    assert len(messages) >= 80


def outcome_of(path: Path) -> tuple[bytes, str]:
    """The bytes that go out, and the reason when the body stays as it is."""
    raw = path.read_bytes()
    side = json.loads(path.with_suffix(".json").read_text("utf-8"))
    wanted = decide(raw[: header_end(raw)], OptInPolicy())
    plan = replace(
        Plan(
            wanted.opens,
            wanted.html_links,
            wanted.text_links,
            notice=bool(wanted.notice),
            header_edits=wanted.header_edits,
        ),
        **side.get("plan", {}),
    )
    result = rewrite_whole(raw, plan, URLS)
    if isinstance(result, Tracked):
        return result.raw, ""
    output = apply_header_edits(raw, wanted.header_edits)
    assert b"X-Track" not in output
    return output, str(result.reason)
