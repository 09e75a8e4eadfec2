"""What a first message, a probe and a list of commands say when all is not as somebody hoped."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailglass.commands.sending import why_untracked
from tests.command_line.conftest import Outcome
from tests.e2e.installation import Installation


@pytest.fixture
def where_consent_is_required(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    installation.settings = {"MAILGLASS_PRIVACY__CONSENT": "required"}
    installation.start()
    yield installation
    installation.stop()


def test_a_first_message_and_a_probe_say_why_they_are_not_tracked(where_consent_is_required: Installation) -> None:
    sent = where_consent_is_required.command("send-test", "--to", "ann@example.com")
    assert sent.returncode == 0
    assert "not tracked: a recipient has not consented (no-consent" in sent.stdout
    assert "Open it" not in sent.stdout
    probed = where_consent_is_required.command("doctor", "--to", "ann@example.com")
    assert probed.returncode == 1
    assert "without tracking it: a recipient has not consented (no-consent" in probed.stdout


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("250 Ok [mailglass 01M8EF1DRBXZ1KT37WZRM5479H: opens, 2 of 2 links]", None),
        ("250 Ok [mailglass: not tracked, signed]", "it is signed (signed, docs/why-unchanged.md)"),
        (
            "250 Ok [mailglass: not tracked, no-consent; numbers only from 20 recipients on, this has 1]",
            "numbers only from 20 recipients on, this has 1 (no-consent, docs/why-unchanged.md)",
        ),
        ("250 Ok [mailglass: not tracked, a-reason-to-come]", "a-reason-to-come"),
        ("250 Ok", "the reply says nothing of tracking"),
    ],
)
def test_why_a_message_is_not_tracked_is_read_from_the_reply(reply: str, why: str | None) -> None:
    assert why_untracked(reply) == why


@contextmanager
def _a_server_that_says(last_words: bytes) -> Iterator[str]:
    """Takes one message, and answers its end so; gives the address it listens at."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 example.com\r\n")
            for line in lines:
                if line.upper().startswith(b"DATA"):
                    connection.sendall(b"354 go on\r\n")
                    while next(lines) != b".\r\n":
                        pass
                    connection.sendall(last_words)
                else:
                    connection.sendall(b"221 Bye\r\n" if line.upper().startswith(b"QUIT") else b"250 Ok\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield "{}:{}".format(*listening.getsockname())
    thread.join(10)
    listening.close()


@pytest.mark.parametrize("code", [b"250", b"550"])
def test_a_reply_that_a_terminal_would_obey_is_shown_without_that(
    mailglass: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, code: bytes
) -> None:
    words = b"%b-a \x1b]0;title\x07 b\r\n%b \xc2\x9b2J c [mailglass: not tracked, signed]\r\n" % (code, code)
    with _a_server_that_says(words) as address:
        monkeypatch.setenv("MAILGLASS_LISTENER__0__BIND", address)
        shown = mailglass("send-test", "--to", "ann@example.com")
    assert "a ]0;title b 2J c [mailglass: not tracked, signed]" in shown.out + shown.err


@pytest.mark.parametrize("group", ["consent", "keys", "ledger", "spool", "token", "user"])
def test_a_list_of_commands_cuts_no_sentence_off(mailglass: Callable[..., Outcome], group: str) -> None:
    shown = mailglass(group, "--help")
    assert shown.status == 0
    assert [line for line in shown.out.partition("Commands:")[2].splitlines() if line.endswith("...")] == []


def test_what_a_list_of_consents_is_held_against_has_to_be_there(
    mailglass: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "relay.toml").write_text("")
    shown = mailglass("consent", "verify", "--against", "kept.json")
    assert shown.status == 1
    assert "kept.json cannot be read: there is no such file" in shown.err


def test_a_network_list_that_is_missing_is_named_once(mailglass: Callable[..., Outcome]) -> None:
    shown = mailglass("classify", "--networks", "nowhere.txt")
    assert shown.status == 2
    assert shown.err == "mailglass classify: nowhere.txt: No such file or directory\n"
