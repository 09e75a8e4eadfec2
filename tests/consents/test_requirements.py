"""docs/privacy.md lists every requirement with the tests that hold it: here is whether they exist, and say so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = [
    *(f"C{n}" for n in range(1, 9)), *(f"W{n}" for n in range(1, 7)), *(f"T{n}" for n in range(1, 5)),
    *(f"M{n}" for n in range(1, 8)), *(f"R{n}" for n in range(1, 5)), *(f"D{n}" for n in range(1, 5)),
    *(f"A{n}" for n in range(1, 8)),
]  # fmt: skip
_ROW = re.compile(r"^\| ([A-Z]\d) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
ROWS = {row[0]: row for row in _ROW.findall((ROOT / "docs" / "privacy.md").read_text("utf-8"))}


def test_every_requirement_has_its_row_and_no_other_has() -> None:
    assert list(ROWS) == ASKED


@pytest.mark.parametrize("name", ASKED)
def test_a_requirement_names_tests_that_exist_or_why_it_is_left_out(name: str) -> None:
    _, asked, held = ROWS[name]
    assert len(asked) > 20
    tests = _TEST.findall(held)
    left_out = re.search(r"[Ll]eft out: .{20}", held)
    assert tests or left_out, "neither a test nor a reason"
    for path, test in tests:
        assert re.search(rf"^(?:async )?def {test}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), (
            f"{path}::{test}"
        )
