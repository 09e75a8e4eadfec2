"""The rules of HACKING.md that a program can look after."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("config", "ledger", "relay", "pixel_server", "mailglass")
RUN_LOCK = ROOT / "requirements" / "run.lock"
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_DECISION = 400, 60, 15
# Clock, randomness, keys and the outside world are arguments of what only decides.
IMPURE = {
    "asyncio", "logging", "os", "random", "secrets", "socket", "sqlite3", "ssl", "subprocess", "threading", "time",
    "aiohttp", "aiosmtplib", "aiosqlite", "sqlalchemy",
}  # fmt: skip
# One module of relay/rewriting is not pure and says so: it starts the process that rewrites with a limit of time.
NOT_PURE = {"relay/rewriting/worker.py"}


def files() -> Iterator[Path]:
    """Everything that somebody wrote and somebody has to read."""
    for top in (*PACKAGES, "tests", "bench"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".py", ".js", ".css", ".html") and "vendor" not in path.parts:
                yield path


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def is_pure(path: Path) -> bool:
    """Whether the module's first paragraphs say so, or the folder does."""
    stated = (ast.get_docstring(tree_of(path)) or "").split()
    return (
        "Pure." in stated
        or "Pure:" in stated
        or (name(path).startswith("relay/rewriting/") and name(path) not in NOT_PURE)
    )


def test_no_file_is_longer_than_somebody_reads() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert len(lengths) > 300
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_decision_takes_more_than_fifteen_lines_to_read() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(pages) > 40
    lengths = {page.name: len(page.read_text(encoding="utf-8").splitlines()) for page in pages}
    assert {page: length for page, length in lengths.items() if length > LONGEST_DECISION} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {}
    for path in files():
        if path.suffix == ".py":
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    length = (node.end_lineno or node.lineno) - node.lineno + 1
                    if length > LONGEST_FUNCTION:
                        long[f"{name(path)}: {node.name}"] = length
    assert long == {}


def test_what_calls_itself_pure_reaches_for_nothing_outside() -> None:
    pure = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if is_pure(path)]
    assert len(pure) > 80
    reaching = {name(path): sorted(IMPURE & set(imports(tree_of(path)))) for path in pure}
    assert {path: modules for path, modules in reaching.items() if modules} == {}


def test_every_module_says_what_it_decides() -> None:
    silent = [
        name(path)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(tree_of(path))
    ]
    assert silent == []


def test_an_import_inside_a_function_has_its_reason_beside_it() -> None:
    """A cycle is no reason; what is heavy and seldom used is, and says so at the import or just above it."""
    found = subprocess.run(
        ["git", "grep", "-n", "--untracked", "PLC0415", "--", *PACKAGES], cwd=ROOT, capture_output=True, text=True
    )
    if found.returncode > 1:
        pytest.skip("this is no git checkout")
    places = {line.partition(":")[0] for line in found.stdout.splitlines()}
    assert places == {
        "ledger/upgrade.py",  # Alembic: when the schema is old
        "pixel_server/dashboard/rendering.py",  # Jinja: when somebody opens a page
        "pixel_server/dashboard/metrics.py",  # Prometheus: when somebody asks for /metrics
        "pixel_server/notify/services.py",  # Apprise: when a notification goes that way
        "relay/resends.py",  # cryptography: when a large message is relayed, or the same comes again
        "relay/rewriting/dkim_signing.py",  # dkimpy and its DNS library: when a message is signed again
        "relay/rewriting/worker.py",  # multiprocessing and BeautifulSoup: when a message needs a second opinion
    }


def test_everything_imported_is_installed_by_make_run() -> None:
    """What only the tests bring along is missing on a machine where nobody tests."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    needed = {normal(re.split(r"[^A-Za-z0-9._-]", entry)[0]) for entry in declared}
    locked = {normal(found) for found in re.findall(r"^(\S+?)==", RUN_LOCK.read_text(), re.MULTILINE)}
    assert needed <= locked
    distributions = packages_distributions()
    missing = {
        f"{name(path)}: {module}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for module in imports(tree_of(path))
        if module not in PACKAGES and module not in sys.stdlib_module_names
        if not needed & {normal(one) for one in distributions.get(module, ())}
    }
    assert missing == set()


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
