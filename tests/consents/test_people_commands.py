"""The commands on people, run as a person runs them, on a real ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailglass.app import app

runner = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "relay.toml"
    file.write_text('data_dir = "var"\n[[listener]]\n[upstream.default]\nsandbox = true\n')
    return str(file)


def run(config: str, *words: str) -> tuple[int, str]:
    result = runner.invoke(app, [*words, "--config", config])
    failure = "" if result.exception is None or isinstance(result.exception, SystemExit) else str(result.exception)
    return result.exit_code, result.output + failure


def test_a_consent_is_added_listed_exported_and_erased(config: str, tmp_path: Path) -> None:
    assert run(config, "consent", "add", "Ann@Example.com", "--evidence", "form 7")[0] == 0
    people = json.loads(run(config, "consent", "list", "--json")[1])
    assert [(one["address"], one["opens"], one["links"]) for one in people] == [
        ("ann@example.com", "confirmed", "confirmed")
    ]
    page = tmp_path / "ann.html"
    exported = json.loads(run(config, "subject-export", "ann@example.com", "--html", str(page))[1])
    assert [one["evidence"] for one in exported["consents"]] == [{"reference": "form 7"}] * 2
    assert "form 7" in page.read_text()
    assert run(config, "erase", "ann@example.com", "--yes")[0] == 0
    assert json.loads(run(config, "consent", "list", "--json")[1]) == []
    left = [path for path in (tmp_path / "var").rglob("*") if path.is_file() and b"ann@" in path.read_bytes().lower()]
    assert left == []
    assert run(config, "consent", "verify")[0] == 0


def test_rows_without_proof_count_as_asked(config: str, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("address,method,evidence,purposes\nbob@example.net,form,scan 8,opens\ncarl@example.org,,,\n")
    assert "1 consents with proof, 1 without" in run(config, "consent", "import", str(table))[1]
    people = json.loads(run(config, "consent", "list", "--json")[1])
    assert [(one["address"], one["opens"], one["links"]) for one in people] == [
        ("bob@example.net", "confirmed", "unknown"),
        ("carl@example.org", "asked", "asked"),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("address\nann@example.com\n", "lacks the column method, evidence"),
        ("address,method,evidence\nnobody,form,x\n", 'line 2: "nobody" is no address'),
        ("address,method,evidence,purposes\nann@example.com,form,x,everything\n", "purposes are opens and links"),
    ],
)
def test_a_bad_table_imports_nothing(config: str, tmp_path: Path, content: str, complaint: str) -> None:
    table = tmp_path / "people.csv"
    table.write_text(content)
    status, output = run(config, "consent", "import", str(table))
    assert status != 0
    assert complaint in output


def test_a_consent_needs_evidence_and_an_address(config: str) -> None:
    assert "needs evidence" in run(config, "consent", "add", "ann@example.com", "--evidence", " ")[1]
    assert "is no address" in run(config, "consent", "add", "ann", "--evidence", "x")[1]
