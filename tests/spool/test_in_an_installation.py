"""Individual copies in a whole mailglass: as the sandbox of ``make run`` has it, with the real rewriting and ledger."""

from __future__ import annotations

import json
import re
import smtplib
from collections.abc import Iterator

import pytest

from ledger.message_id import parse_message_id
from ledger.tokens import Target, read_unverified
from tests.e2e.installation import Installation

RECIPIENTS = ["r1@example.net", "r2@example.net", "r3@example.net"]
MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: r1@example.net, r2@example.net\r\nCc: r3@example.net\r\nSubject: Plans\r\n"
    b"X-Track: all\r\nX-Track-Individually: yes\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<html><body><p>See <a href=3D"https://example.org/plans?a=3D1">the plans</a></p>\r\n</body></html>\r\n'
)
UNTRACKED = MESSAGE.replace(b"X-Track: all\r\nX-Track-Individually: yes\r\n", b"")
TOKEN = re.compile(rb"/[oc]/((?:[\w-]|=\r\n){51,56})")


@pytest.fixture(scope="module")
def mailglass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("installation"))
    installation.start()
    yield installation
    assert installation.stop() == 0, installation.log


@pytest.fixture(scope="module")
def reply(mailglass: Installation) -> str:
    """The final reply to a message for three, each to get a copy."""
    with smtplib.SMTP("127.0.0.1", mailglass.smtp) as client:
        client.ehlo()
        client.mail("ann@example.org")
        for address in RECIPIENTS:
            client.rcpt(address)
        code, text = client.data(MESSAGE)
    assert code == 250
    return text.decode()


def targets(content: bytes) -> set[Target]:
    found = {read_unverified(match[1].replace(b"=\r\n", b"").decode()[:51]) for match in TOKEN.finditer(content)}
    return {named[1] for named in found if named is not None}


def test_the_reply_names_the_message_and_what_was_done(reply: str) -> None:
    assert re.search(r"\[mailglass [0-9A-Z]{26}: opens, 1 of 1 links; 3 of 3 copies sent\]$", reply)


def test_each_recipient_has_a_message_with_tokens_of_their_own(mailglass: Installation, reply: str) -> None:
    match = re.search(r"mailglass ([0-9A-Z]{26})", reply)
    assert match is not None
    message_id = parse_message_id(match[1])
    assert message_id is not None
    by_recipient = {delivery.recipients: mailglass.delivered(delivery) for delivery in mailglass.deliveries()}
    assert set(by_recipient) == {(address,) for address in RECIPIENTS}
    for number, address in enumerate(RECIPIENTS, 1):
        content = by_recipient[(address,)]
        assert targets(content) == {Target(message_id, number), Target(message_id, number, 1)}
        assert content.startswith(UNTRACKED[: UNTRACKED.index(b"\r\n\r\n")])


def test_the_ledger_knows_what_became_of_each_copy(mailglass: Installation, reply: str) -> None:
    listed = mailglass.command("messages", "--json")
    (message,) = json.loads(listed.stdout)
    assert message["state"] == "sent"
    assert message["individually"] is True


def test_a_second_relay_on_the_same_data_is_refused_in_one_line(mailglass: Installation, reply: str) -> None:
    second = mailglass.command("relay")
    assert second.returncode != 0
    (line,) = second.stderr.splitlines()
    assert "another relay already works in" in line


def test_the_spool_is_empty_afterwards(mailglass: Installation, reply: str) -> None:
    assert json.loads(mailglass.command("spool", "list", "--json").stdout) == []
    assert not [*(mailglass.folder / "var" / "spool").glob("*.mail")]
    assert not (mailglass.folder / "var" / "spool" / "quarantine").exists()
