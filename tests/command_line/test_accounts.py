"""`mailglass user` and `mailglass token`: what is told, what is refused, and that no password is asked for in vain."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.command_line.conftest import Outcome

LONG_ENOUGH = "correct horse\n"


def test_an_account_is_added_listed_given_another_password_and_removed(mailglass: Callable[..., Outcome]) -> None:
    added = mailglass(
        "user", "add", "ann", "--admin", "--address", "Ann@example.com", "--password-stdin", stdin=LONG_ENOUGH
    )
    assert added.status == 0
    assert LONG_ENOUGH.strip() not in added.out
    (account,) = json.loads(mailglass("user", "list", "--json").out)
    assert (account["name"], account["admin"], account["addresses"]) == ("ann", True, ["ann@example.com"])
    assert mailglass("user", "passwd", "ann", "--password-stdin", stdin="other horse battery\n").status == 0
    last = mailglass("user", "remove", "ann")
    assert last.status == 1
    assert "last administrator" in last.err
    assert mailglass("user", "remove", "ann", "--force").status == 0
    assert json.loads(mailglass("user", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        pytest.param(("user", "add", "ann", "--password-stdin"), LONG_ENOUGH, "already", id="the name is taken"),
        pytest.param(("user", "add", "bob", "--password-stdin"), "\n", "at least 10 char", id="no password"),
        pytest.param(("user", "add", "bob", "--password-stdin"), "123456789\n", "at least 10", id="a short password"),
        pytest.param(("user", "add", "bob", "--password-stdin"), "s" * 1001, "at most 1000", id="a long password"),
        pytest.param(("user", "passwd", "ann", "--password-stdin"), "123456789\n", "at least 10", id="another one"),
        pytest.param(("user", "add", "b" * 101), "", "at most 100", id="a name that no form takes"),
        pytest.param(("user", "add", "b\tb", "--password-stdin"), LONG_ENOUGH, "control", id="a name nobody can type"),
        pytest.param(
            ("user", "passwd", "bob", "--password-stdin"), LONG_ENOUGH, "no account bob", id="no such account"
        ),
        pytest.param(("user", "remove", "bob"), "", "no account bob", id="nothing to remove"),
        pytest.param(("token", "create", "--user", "bob"), "", "no account bob", id="a token for nobody"),
        pytest.param(("token", "revoke", "7"), "", "no token 7", id="no such token"),
        pytest.param(("stop", "01ARZ3NDEKTSV4RRFFQ69G5FAV"), "", "knows no message", id="no such message"),
    ],
)
def test_what_cannot_be_done_is_one_plain_line_and_status_1(
    mailglass: Callable[..., Outcome], arguments: tuple[str, ...], stdin: str, told: str
) -> None:
    mailglass("user", "add", "ann", "--password-stdin", stdin=LONG_ENOUGH)
    shown = mailglass(*arguments, stdin=stdin)
    assert shown.status == 1
    assert told in shown.err
    assert shown.err.count("\n") == 1


def test_a_token_is_printed_once_and_can_be_revoked(mailglass: Callable[..., Outcome]) -> None:
    mailglass("user", "add", "ann", "--password-stdin", stdin=LONG_ENOUGH)
    token = mailglass("token", "create", "--user", "ann", "--label", "backup").out.strip()
    listed = mailglass("token", "list", "--json").out
    assert len(token) > 40
    assert token not in listed
    (row,) = json.loads(listed)
    assert (row["label"], row["revoked_at"]) == ("backup", None)
    assert mailglass("token", "revoke", str(row["id"])).status == 0
    assert json.loads(mailglass("token", "list", "--json").out)[0]["revoked_at"] is not None


def test_a_token_that_may_only_read_is_listed_as_one(mailglass: Callable[..., Outcome]) -> None:
    mailglass("user", "add", "ann", "--password-stdin", stdin=LONG_ENOUGH)
    for more in ((), ("--read-only",)):
        assert mailglass("token", "create", "--user", "ann", *more).status == 0
    listed = json.loads(mailglass("token", "list", "--json").out)
    assert [row["scopes"] for row in listed] == [["read", "write"], ["read"]]
    assert "  read, write  " in mailglass("token", "list").out


@pytest.mark.parametrize(
    "arguments",
    [("user", "add", "bob"), ("user", "passwd", "ann"), ("send-test", "--to", "a@b.example", "--user", "x")],
)
def test_without_a_terminal_no_password_is_asked_for(
    mailglass: Callable[..., Outcome], arguments: tuple[str, ...]
) -> None:
    mailglass("user", "add", "ann", "--password-stdin", stdin=LONG_ENOUGH)
    shown = mailglass(*arguments)
    assert (shown.status, shown.out) == (2, "")
    assert "--password-stdin" in shown.err
    assert shown.err.count("\n") == 1


def test_a_password_that_is_no_text_is_wrong_use(mailglass: Callable[..., Outcome]) -> None:
    shown = mailglass("user", "add", "ann", "--password-stdin", stdin="\udcff" * 12 + "\n")
    assert (shown.status, shown.err.count("\n")) == (2, 1)
    assert "UTF-8" in shown.err


@pytest.mark.parametrize(("arguments", "told"), [(("add", "ann"), "already"), (("passwd", "bob"), "no account bob")])
def test_no_password_is_asked_for_in_vain(
    mailglass: Callable[..., Outcome], arguments: tuple[str, ...], told: str
) -> None:
    mailglass("user", "add", "ann", "--password-stdin", stdin=LONG_ENOUGH)
    shown = mailglass("user", *arguments)
    assert shown.status == 1
    assert told in shown.err
