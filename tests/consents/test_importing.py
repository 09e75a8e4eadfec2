"""``consent import``: lists as spreadsheets write them, and how far an import came that something stopped."""

from __future__ import annotations

import codecs
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger.consent_events import ConsentPurpose
from ledger.consents import ALL_PURPOSES
from mailglass.app import app
from mailglass.commands.consent_table import ConsentRow, TableFault, rows_of
from mailglass.failures import Failed

ROW = ConsentRow(2, "ann@example.com", ALL_PURPOSES, "form: Prüfung 7")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("address,method,evidence\nann@example.com,form,Prüfung 7\n".encode(), "as RFC 4180 has it"),
        ("\ufeffaddress,method,evidence\r\nann@example.com,form,Prüfung 7\r\n".encode(), "Excel's CSV UTF-8"),
        ("address;method;evidence\r\nann@example.com;form;Prüfung 7\r\n".encode(), "Excel where a comma is decimal"),
        ("address\tmethod\tevidence\r\nann@example.com\tform\tPrüfung 7\r\n".encode("utf-16"), "Excel's Unicode text"),
        ("Address, Method, Evidence\nann@example.com, form, Prüfung 7\n".encode(), "typed by hand"),
        ('"address","method","evidence"\n"ann@example.com","form","Prüfung 7"\n'.encode(), "all in quotes"),
        ("address;method;evidence\nann@example.com;form;Prüfung 7\n;;\n\n".encode(), "empty rows below the sheet"),
        ("evidence,method,address,note\nPrüfung 7,form,ann@example.com,tall\n".encode(), "other columns, other order"),
    ],
)
def test_a_list_is_read_as_spreadsheets_write_it(raw: bytes, why: str) -> None:
    assert rows_of(raw) == [ROW], why


def test_what_stands_in_quotes_is_evidence_as_it_is() -> None:
    [row] = rows_of(b'address,method,evidence,purposes\nann@example.com,form,"folder 2, ""A""\nleft","Opens; Links"\n')
    assert (row.proof, row.purposes) == ('form: folder 2, "A"\nleft', [ConsentPurpose.OPENS, ConsentPurpose.LINKS])


def test_proof_is_without_nul_which_no_database_takes() -> None:
    rows = rows_of(b"address,method,evidence\nann@example.com,fo\0rm,\0scan\0 7\nbob@example.net,form,\0 \0\n")
    assert [row.proof for row in rows] == ["form: scan 7", ""]
    with pytest.raises(TableFault, match="is no address"):
        rows_of(b"address,method,evidence\na\0nn@example.com,form,scan 7\n")


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "line 1 lacks the column address, method, evidence"),
        (b"address,method,evidence\nann@example.com,form,folder 2, left\n", "line 2 has more fields than the header"),
        (b'address,method,evidence\nann@example.com,form,"x\nbob@example.net,form,y\n', "the row begun in line 2"),
        (b"address,method,evidence\nann@example.com,form,x\nbob@example.net,,Pr\xfcfung\n", "line 3 is not in UTF-8"),
        (codecs.BOM_UTF16_LE + b"a", "line 1 is not in UTF-8"),
        (b'address,method,evidence\nann@example.com,form,"two\nlines"\n\nbob\n', 'line 5: "bob" is no address'),
        (b"address,method,evidence,purposes\nann@example.com,form,x,all\n", "line 2: purposes are opens and links"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_line_and_nothing_is_cut(raw: bytes, complaint: str) -> None:
    with pytest.raises(TableFault) as told:
        rows_of(raw)
    assert str(told.value).startswith(complaint)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "relay.toml"
    file.write_text('data_dir = "var"\n[[listener]]\n[upstream.default]\nsandbox = true\n')
    return str(file)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    people = "".join(f"{name}@example.com,form,scan {name}\n" for name in ("ann", "bob", "carl"))
    file.write_text(f"address,method,evidence\n{people}")
    return file


def events_in(tmp_path: Path) -> int:
    with closing(sqlite3.connect(tmp_path / "var" / "mailglass.db")) as ledger:
        count: int = ledger.execute("SELECT count(*) FROM consent_event").fetchone()[0]
    return count


def test_a_list_that_is_imported_again_makes_no_consent_last_longer(config: str, table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text() + "dora@example.com,,\n")
    runner = CliRunner()
    runner.invoke(app, ["consent", "import", str(table), "--config", config], catch_exceptions=False)
    before = events_in(tmp_path)
    again = runner.invoke(app, ["consent", "import", str(table), "--config", config], catch_exceptions=False)
    assert "0 consents with proof, 0 without" in again.output
    assert "4 rows stood in the register already and are as before" in again.output
    assert events_in(tmp_path) == before == 2 * 4


def test_rows_that_say_the_same_count_once_wherever_they_stand(config: str, table: Path, tmp_path: Path) -> None:
    table.write_text(
        "address,method,evidence,purposes\n"
        "ann@example.com,form,scan ann,\n<Ann@Example.com>,form,scan ann,links opens\n"
        "ann@example.com,form,scan ann,opens\nann@example.com,form,another,\nbob@example.net,,,\nbob@example.net,,,\n"
    )
    done = CliRunner().invoke(app, ["consent", "import", str(table), "--config", config], catch_exceptions=False)
    assert done.output.splitlines() == [
        "2 consents with proof, 1 without: these count as asked.",
        "3 rows stood in the register already and are as before.",
    ]
    assert events_in(tmp_path) == 2 * 3


Stop = Callable[[], object]


@contextmanager
def stopped_after_the_first(monkeypatch: pytest.MonkeyPatch, stop: Stop) -> Iterator[None]:
    """As if something happened between the first row and the second."""

    @contextmanager
    def progress(_total: int, _label: str) -> Iterator[Callable[[int], object]]:
        yield lambda _count: stop()

    with monkeypatch.context() as patch:
        patch.setattr("mailglass.commands.importing.TOGETHER", 1)
        patch.setattr("mailglass.commands.importing.progress", progress)
        yield


def test_an_import_that_meets_a_lock_says_how_far_it_came_and_goes_on_from_there(
    config: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    words = ["consent", "import", str(table), "--config", config]
    assert runner.invoke(app, ["consent", "list", "--config", config]).exit_code == 0
    assert runner.invoke(app, ["ledger", "upgrade", "--config", config]).exit_code == 0
    monkeypatch.setattr("ledger.store.LOCK_PATIENCE_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "var" / "mailglass.db", isolation_level=None)) as other:
        with stopped_after_the_first(monkeypatch, lambda: other.execute("BEGIN IMMEDIATE")):
            stopped = runner.invoke(app, words)
        other.execute("ROLLBACK")
    assert isinstance(stopped.exception, Failed)
    assert "is locked by another process; 1 of 3 rows are recorded, those before line 3 of" in str(stopped.exception)
    again = runner.invoke(app, words)
    assert again.output.splitlines() == [
        "2 consents with proof, 0 without: these count as asked.",
        "1 row stood in the register already and is as before.",
    ]
    assert len(json.loads(runner.invoke(app, ["consent", "list", "--json", "--config", config]).output)) == 3


def test_an_import_that_is_interrupted_says_how_far_it_came(
    config: str, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with stopped_after_the_first(monkeypatch, interrupt):
        stopped = CliRunner().invoke(app, ["consent", "import", str(table), "--config", config])
    assert isinstance(stopped.exception, Failed)
    assert "interrupted; 1 of 3 rows are recorded" in str(stopped.exception)
