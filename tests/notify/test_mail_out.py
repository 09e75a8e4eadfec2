"""Mail of ours goes out by a real SMTP server: the one that is named, with its account, and by no other."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ledger.accounts import set_preferences
from ledger.queries.notices import list_deliveries
from ledger.records import HitClass, MessageRecord
from tests.dashboard.house import House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor
from tests.free_ports import free_ports
from tests.notify.first_look import wait_for_the_first_look


@dataclass
class Received:
    port: int = 0
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    mail: list[Envelope] = field(default_factory=list)
    says: bytes = b"250 taken"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> bytes:
        self.mail.append(envelope)
        return self.says

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right")


@pytest.fixture
def server() -> Iterator[Received]:
    received = Received(free_ports(1)[0])
    controller = Controller(
        received, "127.0.0.1", received.port, authenticator=received.authenticate, auth_require_tls=False
    )
    controller.start()
    yield received
    controller.stop()


def upstreams(port: int) -> dict[str, Any]:
    server = {"host": "127.0.0.1", "port": port, "security": "none"}
    account = {"login": "account", "username": "mailglass", "password": "right"}
    return {"default": server, "letters": server | account}


def until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.02)


def deliveries(house: House, account: int) -> list[tuple[str, str]]:
    async def ask() -> list[tuple[str, str]]:
        async with house.ledger.read() as connection:
            return [(one.state, one.answer) for one in await list_deliveries(connection, account)]

    return house.run(ask())


def opened(house: House, *more: MessageRecord) -> int:
    """An open, behind those of ``more``, and the time in which a burst would have shown itself; the account that wants
    to be told by mail."""
    wait_for_the_first_look(house)
    account = house.add_account("hanna", admin=True)
    house.run(house.ledger.write(set_preferences, account, {"email": True}))
    for record in (*more, letter(subject="Offer")):
        house.register(record)
        house.add_hits(hit(record.id))
    until(lambda: len(deliveries(house, account)) > len(more), "the decision")
    house.now += timedelta(seconds=30)
    house.add_hits(hit(letter().id, hit_class=HitClass.BOT))  # wakes the teller
    return account


def test_a_notice_goes_by_the_upstream_that_is_named_with_its_account(tmp_path: Path, server: Received):
    notifications = {"upstream": "letters", "sender": "mailglass@example.com"}
    house = House(tmp_path / "var", upstream=upstreams(server.port), notifications=notifications)
    account = opened(house)
    until(lambda: server.mail, "the mail")
    until(lambda: deliveries(house, account)[0][0] == "done", "the end")
    house.close()
    assert server.logins == [(b"mailglass", b"right")]
    (envelope,) = server.mail
    assert (envelope.mail_from, envelope.rcpt_tos) == ("mailglass@example.com", ["hanna@example.com"])
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert (mail["From"], mail["To"]) == ("mailglass@example.com", "hanna@example.com")
    assert mail["Subject"] == "Re: Offer"
    assert str(mail["In-Reply-To"]).endswith("@example.com>")


def test_a_server_that_speaks_latin_1_gets_a_notice_once(tmp_path: Path, server: Received):
    """What it says is kept; words that cannot be would have the notice sent again without end."""
    server.says = "250 f\u00fcr die Zustellung \x1b[31m angenommen".encode("latin-1")
    house = House(tmp_path / "var", upstream=upstreams(server.port), notifications={"upstream": "letters"})
    account = opened(house)
    until(lambda: deliveries(house, account)[0][0] == "done", "the end")
    assert "r die Zustellung \ufffd[31m angenommen" in deliveries(house, account)[0][1]
    house.close()
    assert len(server.mail) == 1


def test_a_notice_whose_end_cannot_be_noted_is_not_sent_again(
    tmp_path: Path, server: Received, caplog: pytest.LogCaptureFixture
):
    """A disk that is full for a night must not fill a mailbox."""
    house = House(tmp_path / "var", upstream=upstreams(server.port), notifications={"upstream": "letters"})
    with closing(sqlite3.connect(tmp_path / "var" / "mailglass.db", isolation_level=None)) as other:
        other.execute("CREATE TRIGGER no_room BEFORE UPDATE ON notice BEGIN SELECT RAISE(FAIL, 'full'); END")
        account = opened(house)
        until(lambda: caplog.text.count("notices could not be decided or sent") > 2, "several attempts")
        other.execute("DROP TRIGGER no_room")
    until(lambda: deliveries(house, account)[0][0] == "done", "the end")
    house.close()
    assert len(server.mail) == 1


def test_a_sender_to_whom_no_letter_can_be_made_keeps_no_notice_from_others(tmp_path: Path, server: Received):
    house = House(tmp_path / "var", upstream=upstreams(server.port), notifications={"upstream": "letters"})
    account = opened(house, letter(sender="undisclosed:;@example.com"))
    until(lambda: server.mail, "the other notice")
    until(lambda: ("waiting", "it could not be made") in deliveries(house, account), "the failure")
    house.close()


async def test_without_an_account_nothing_goes_out_and_the_page_says_why(tmp_path: Path, server: Received):
    house = House(tmp_path / "var", upstream=upstreams(server.port))
    account = opened(house)
    until(lambda: deliveries(house, account)[0][1], "the failure")
    assert deliveries(house, account)[0][0] == "waiting"
    assert 'login = "client"' in deliveries(house, account)[0][1]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        visitor = Visitor(house.url, session)
        await visitor.log_in()
        page = await visitor.get("/settings")
    assert "cannot go out at present" in page.words
    assert "[notifications] upstream" in page.words
    house.close()
    assert server.mail == []
