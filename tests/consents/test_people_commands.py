"""The commands on people, run as a person runs them, on a real ledger."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailglass.app import app
from mailglass.failures import Failed

runner = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "relay.toml"
    file.write_text('data_dir = "var"\n[[listener]]\n[upstream.default]\nsandbox = true\n')
    return str(file)


def run(config: str, *words: str) -> tuple[int, str]:
    result = runner.invoke(app, [*words, "--config", config])
    failure = "" if result.exception is None or isinstance(result.exception, SystemExit) else str(result.exception)
    status = result.exception.status if isinstance(result.exception, Failed) else result.exit_code
    return status, result.output + failure


def test_a_consent_is_added_listed_exported_and_erased(config: str, tmp_path: Path) -> None:
    assert run(config, "consent", "add", "Ann@Example.com", "--evidence", "form 7")[0] == 0
    people = json.loads(run(config, "consent", "list", "--json")[1])
    assert [(one["address"], one["opens"], one["links"]) for one in people] == [
        ("ann@example.com", "confirmed", "confirmed")
    ]
    page = tmp_path / "ann.html"
    page.touch(0o644)
    exported = json.loads(run(config, "subject-export", "ann@example.com", "--html", str(page))[1])
    assert [one["evidence"] for one in exported["consents"]] == [{"reference": "form 7"}] * 2
    assert "form 7" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    assert run(config, "erase", "ann@example.com", "--yes")[0] == 0
    assert json.loads(run(config, "consent", "list", "--json")[1]) == []
    left = [path for path in (tmp_path / "var").rglob("*") if path.is_file() and b"ann@" in path.read_bytes().lower()]
    assert left == []
    assert run(config, "consent", "verify")[0] == 0


LOOKS = """
import os, sys
from mailglass.app import main

def tell(event, arguments):
    if event == "open" and str(arguments[0]).endswith("mailglass.db") and arguments[1]:
        names = [os.path.realpath(f"/proc/self/fd/{one}") for one in range(3, 100)]
        print("OPEN" if str(arguments[0]) in names else "CLOSED")

sys.addaudithook(tell)
main()
"""


def test_nobody_reads_the_ledgers_file_while_it_is_open(config: str, tmp_path: Path) -> None:
    """Closing it would give up SQLite's locks on it."""
    assert run(config, "consent", "add", "ann@example.com", "--evidence", "form 7")[0] == 0
    command = [sys.executable, "-c", LOOKS, "erase", "ann@example.com", "--yes", "--config", config]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "CLOSED" in shown.stdout
    assert "OPEN" not in shown.stdout


def test_nobody_counts_as_asked_whom_no_request_could_reach(config: str) -> None:
    with Path(config).open("a") as file:
        file.write('\n[[listener]]\nbind = "127.0.0.1:1"\n')
    asked = run(config, "consent", "ask", "ann@example.com", "--from", "me@example.com", "--listener", "127.0.0.1:1")
    assert (asked[0], "nothing listens" in asked[1]) == (1, True)
    assert json.loads(run(config, "consent", "list", "--json")[1]) == []


@pytest.mark.parametrize("words", [(), ("-",)])
def test_a_list_comes_from_standard_input_unless_a_file_is_named(config: str, words: tuple[str, ...]) -> None:
    table = "address,method,evidence\nbob@example.net,form,scan 8\n"
    imported = runner.invoke(app, ["consent", "import", *words, "--config", config], input=table)
    assert imported.output == "1 consent with proof, 0 without: these count as asked.\n"


def test_rows_without_proof_count_as_asked(config: str, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("address,method,evidence,purposes\nbob@example.net,form,scan 8,opens\ncarl@example.org,,,\n")
    assert "1 consent with proof, 1 without" in run(config, "consent", "import", str(table))[1]
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
        ("address,method,evidence\nAnn <ann@example.com>,form,x\n", 'line 2: "Ann <ann@example.com>" is no address'),
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


def test_a_withdrawal_by_phone_or_letter_says_how_it_came(config: str) -> None:
    assert run(config, "consent", "add", "ann@example.com", "--evidence", "form 7")[0] == 0
    said = run(config, "consent", "withdraw", "ann@example.com", "--purpose", "links", "--how", "phone")
    assert said[0] == 0
    people = json.loads(run(config, "consent", "list", "--json")[1])
    assert [(one["opens"], one["links"]) for one in people] == [("confirmed", "withdrawn")]
    exported = json.loads(run(config, "subject-export", "ann@example.com")[1])
    assert [(one["action"], one["method"]) for one in exported["consents"]][-1] == ("withdraw", "phone")


def test_a_no_to_one_sender_outlasts_a_consent_in_general_and_is_shown(config: str) -> None:
    shop = ["--sender", "shop@example.org"]
    assert run(config, "consent", "withdraw", "ann@example.com", *shop)[0] == 0
    status, output = run(config, "consent", "add", "ann@example.com", "--evidence", "form 7")
    assert status == 0
    assert "said no to opens and links in mail from shop@example.org; that stays" in output
    assert said_alone(config, "not_from") == {"opens": ["shop@example.org"], "links": ["shop@example.org"]}
    assert "that stays" not in run(config, "consent", "add", "ann@example.com", "--evidence", "form 8", *shop)[1]
    assert said_alone(config, "not_from") == {"opens": [], "links": []}


def said_alone(config: str, name: str) -> object:
    """Of the only person there is."""
    (person,) = json.loads(run(config, "consent", "list", "--json")[1])
    return person[name]


def test_a_consent_for_one_sender_after_a_no_to_all_is_shown(config: str) -> None:
    assert run(config, "consent", "withdraw", "ann@example.com")[0] == 0
    given = ["--evidence", "form 7", "--sender", "shop@example.org", "--purpose", "links"]
    assert run(config, "consent", "add", "ann@example.com", *given)[0] == 0
    (ann,) = json.loads(run(config, "consent", "list", "--json")[1])
    assert (ann["links"], ann["not_from"]) == ("withdrawn", {"opens": [], "links": []})
    assert ann["only_from"] == {"opens": [], "links": ["shop@example.org"]}
    assert "links: shop@example.org" in run(config, "consent", "list")[1], "people are told what it is about"


def test_a_sender_who_was_erased_is_shown_as_such(config: str) -> None:
    for sender in ("shop@example.org", "news@example.org"):
        assert run(config, "consent", "withdraw", "ann@example.com", "--sender", sender)[0] == 0
        assert run(config, "erase", sender, "--yes")[0] == 0
    output = run(config, "consent", "add", "ann@example.com", "--evidence", "form 7")[1]
    assert output.splitlines()[1:] == ["They said no to opens and links in mail from [erased]; that stays"]
    assert said_alone(config, "not_from") == {"opens": ["[erased]"], "links": ["[erased]"]}


def test_a_persons_export_says_in_words_which_senders_were_erased(config: str, tmp_path: Path) -> None:
    assert run(config, "consent", "withdraw", "ann@example.com", "--sender", "shop@example.org")[0] == 0
    assert run(config, "erase", "shop@example.org", "--yes")[0] == 0
    page = tmp_path / "ann.html"
    exported = json.loads(run(config, "subject-export", "ann@example.com", "--html", str(page))[1])
    assert [one["sender"] for one in exported["consents"]] == ["[erased]"]
    assert "a sender who was erased" in page.read_text()
    assert "key:" not in page.read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("consent", "add", "--evidence", "form 7"),
        ("consent", "withdraw"),
        ("consent", "ask", "--from", "me@example.com"),
        ("restrict",),
        ("erase", "--yes"),
        ("subject-export",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("written", ["Ann <ann@example.com>", "ann", "ann@", "@example.com", "ann@example.com, x@y.z"])
def test_what_is_done_for_a_person_needs_their_address_alone(config: str, words: tuple[str, ...], written: str) -> None:
    status, output = run(config, *words, written)
    assert status == 2
    assert "is no address" in output
    assert json.loads(run(config, "consent", "list", "--json")[1]) == []


@pytest.mark.parametrize(
    "sender", ["Shop <shop@example.org>", "shop", "shop@", "@example.org", "shop@example.org, x@example.org", " "]
)
@pytest.mark.parametrize(
    "words",
    [("add", "--evidence", "form 7", "--sender"), ("withdraw", "--sender"), ("ask", "--from")],
    ids=lambda words: words[0],
)
def test_what_is_about_a_senders_mail_needs_that_senders_address(
    config: str, words: tuple[str, ...], sender: str
) -> None:
    status, output = run(config, "consent", *words, sender, "ann@example.com")
    assert status == 2
    assert "is no address" in output
    assert json.loads(run(config, "consent", "list", "--json")[1]) == []


@pytest.mark.parametrize("sender", ["<shop@example.org>", '"the shop"@example.org', "info@b\u00fccher.example"])
def test_a_senders_address_may_be_written_in_any_form(config: str, sender: str) -> None:
    given = ["--evidence", "form 7", "--sender", sender]
    assert run(config, "consent", "add", "ann@example.com", *given)[0] == 0


def test_every_deed_on_people_leaves_a_line_that_names_nobody(config: str, tmp_path: Path) -> None:
    deeds: list[tuple[list[str], str]] = [
        (["consent", "add", "ann@example.com", "--evidence", "form 7"], "consent-add"),
        (["consent", "withdraw", "ann@example.com"], "withdraw"),
        (["subject-export", "ann@example.com"], "subject-export"),
        (["restrict", "ann@example.com"], "restrict"),
        (["restrict", "ann@example.com", "--lift"], "unrestrict"),
        (["erase", "ann@example.com", "--yes"], "erase"),
    ]
    for words, _ in deeds:
        assert run(config, *words)[0] == 0, words
    with closing(sqlite3.connect(tmp_path / "var" / "mailglass.db")) as connection:
        lines = connection.execute("SELECT action, actor, subject, at FROM audit ORDER BY seq").fetchall()
    assert [line[0] for line in lines] == [deed for _, deed in deeds]
    assert all(actor.startswith("command:") and "@" not in subject and at for _, actor, subject, at in lines)


def test_what_verify_prints_is_what_it_is_later_held_against(config: str, tmp_path: Path) -> None:
    assert run(config, "consent", "add", "ann@example.com", "--evidence", "form 7")[0] == 0
    kept = tmp_path / "kept.json"
    kept.write_text(run(config, "consent", "verify", "--json")[1])
    assert run(config, "consent", "add", "bob@example.net", "--evidence", "form 8")[0] == 0
    assert run(config, "consent", "verify", "--against", str(kept))[0] == 0
    with closing(sqlite3.connect(tmp_path / "var" / "mailglass.db")) as connection, connection:
        connection.execute("DELETE FROM consent_event WHERE seq > 1")
    assert run(config, "consent", "verify", "--against", str(kept))[0] != 0


def test_a_list_does_not_undo_a_no(config: str, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("address,method,evidence\nann@example.com,form,scan 7\nbob@example.net,form,scan 8\n")
    assert run(config, "consent", "import", str(table))[0] == 0
    assert run(config, "consent", "withdraw", "ann@example.com", "--how", "reply")[0] == 0
    assert "1 said no before and was left out" in run(config, "consent", "import", str(table))[1]
    people = json.loads(run(config, "consent", "list", "--json")[1])
    assert [(one["address"], one["opens"]) for one in people] == [
        ("ann@example.com", "withdrawn"),
        ("bob@example.net", "confirmed"),
    ]
    assert run(config, "erase", "bob@example.net", "--yes")[0] == 0
    assert "2 said no before" in run(config, "consent", "import", str(table))[1]
    assert run(config, "consent", "add", "ann@example.com", "--evidence", "form 9, given since")[0] == 0
    assert json.loads(run(config, "consent", "list", "--json")[1])[0]["opens"] == "confirmed"
