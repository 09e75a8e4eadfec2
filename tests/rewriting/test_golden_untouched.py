"""Golden messages that go out as they came: tests/messages/2NN-name.eml and up, and why in ``.reason``.

``.json`` holds the point in one line, the listener's default where it is not to track all, and what differs from the
default plan. There is no expected message: every byte must be the one that came.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from relay.rewriting.header_fields import header_end
from relay.rewriting.optin import OptInPolicy, decide
from relay.rewriting.plan import Plan, Unchanged
from relay.rewriting.rewrite import apply_header_edits
from relay.rewriting.worker import rewrite_whole
from tests.rewriting.oracles import URLS

FOLDER = Path(__file__).parents[1] / "messages"
MESSAGES = sorted(FOLDER.glob("[23][0-9][0-9]-*.eml"))


@pytest.mark.parametrize("path", MESSAGES, ids=[path.stem for path in MESSAGES])
def test_a_message_goes_out_as_it_came(path: Path) -> None:
    raw = path.read_bytes()
    side = json.loads(path.with_suffix(".json").read_text("utf-8"))
    wanted = decide(raw[: header_end(raw)], OptInPolicy(side.get("default", "opens, links")))
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in side.get("plan", {}).items()}
    plan = replace(Plan(wanted.opens, wanted.html_links, header_edits=wanted.header_edits), **changes)
    result = rewrite_whole(raw, plan, URLS)
    assert isinstance(result, Unchanged), side["point"]
    assert result.reason == path.with_suffix(".reason").read_text("ascii").strip(), side["point"]
    assert apply_header_edits(raw, wanted.header_edits) == raw, side["point"]


def test_most_golden_messages_are_such_with_a_point_each() -> None:
    points = [json.loads(path.with_suffix(".json").read_text("utf-8"))["point"] for path in MESSAGES]
    assert len(set(points)) == len(points)
    others = [path for path in FOLDER.glob("*.eml") if path not in MESSAGES and ".expected" not in path.name]
    assert len(points) > len(others)
