"""docs/scoreboard.md names every check once, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs/scoreboard.md"
_ROW = re.compile(r"\| ([A-Z]\d\d) \| (.+?) \| (.+) \|")

CHECKS = [
    *(f"T{number:02}" for number in range(1, 68)),
    *(f"A{number:02}" for number in range(1, 15)),
    *(f"B{number:02}" for number in range(1, 12)),
    *(f"C{number:02}" for number in range(1, 11)),
    *(f"D{number:02}" for number in range(1, 10)),
    *(f"W{number:02}" for number in range(1, 26)),
    *(f"E{number:02}" for number in range(1, 14)),
    *(f"F{number:02}" for number in range(1, 14)),
    *(f"G{number:02}" for number in range(1, 9)),
]
FOLDERS = ("relay", "public", "public_threats", "classify", "ledger")


def rows() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        match = _ROW.fullmatch(line)
        if match:
            assert match[1] not in found, f"{match[1]} stands there twice"
            found[match[1]] = [item.strip().strip("`") for item in match[3].split("; ")]
    return found


@cache
def named_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_every_check_has_its_row() -> None:
    assert list(rows()) == CHECKS


def test_every_row_names_tests_that_are_there_or_says_why_there_are_none() -> None:
    for check, shown_by in rows().items():
        if shown_by[0].startswith("left out: "):
            assert len(shown_by[0]) > 40, check
            continue
        for item in shown_by:
            file, _, name = item.partition("::")
            assert (TESTS / file).is_file(), f"{check}: {file}"
            known = named_in(TESTS / file)
            assert known if name == "*" else name in known, f"{check}: {item}"


def test_a_check_named_in_a_docstring_of_a_test_is_shown_by_it() -> None:
    """Whoever names a check in a test says that the test shows it, and the page must say so too."""
    shown, missing = rows(), []
    for path in sorted(path for folder in FOLDERS for path in (TESTS / folder).glob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            for check in re.findall(r"\b([TABCDEFGW]\d\d)\b", ast.get_docstring(node) or ""):
                file = f"{path.parent.name}/{path.name}"
                names = {f"{file}::{node.name}", f"{file}::*"}
                if check in shown and not names & set(shown[check]):
                    missing.append(f"{check}: {path.name}::{node.name}")
    assert not missing
