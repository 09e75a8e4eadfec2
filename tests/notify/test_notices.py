"""Notices reach a real webhook receiver, the sandbox's outbox and an ntfy-like service, and nobody inside."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from standardwebhooks import Webhook

from ledger.accounts import set_preferences
from ledger.outbox import Outbox
from ledger.queries.notices import Delivery, list_deliveries
from ledger.records import HitClass, HitKind
from pixel_server.notify.decisions import reminder_after, retry_after, wants
from pixel_server.notify.webhook import is_public, send_webhook
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter
from tests.notify.first_look import wait_for_the_first_look

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LATER = timedelta(seconds=30)


@dataclass
class Receiver:
    url: str = ""
    port: int = 0
    statuses: list[int] = field(default_factory=list)  # what to answer, one by one; then 200
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A small real web server that keeps what is sent to it."""
    kept = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.statuses.pop(0) if kept.statuses else 200)
            self.send_header("Location", kept.url + "/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_port
        kept.url = f"http://127.0.0.1:{kept.port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def house(house: House) -> House:
    wait_for_the_first_look(house)
    return house


def prefer(house: House, account: int, **preferences: Any) -> None:
    house.run(house.ledger.write(set_preferences, account, preferences))


def until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.02)


def let_time_pass(house: House, account: int) -> None:
    """Once the teller has decided; a machine's hit wakes it again."""
    until(lambda: states(house, account), "the decision")
    house.now += LATER
    other = letter(sender="nobody@example.net")
    house.register(other)
    house.add_hits(hit(other.id, hit_class=HitClass.BOT))


def states(house: House, account: int) -> list[tuple[str, str]]:
    return [(one.way, one.state) for one in deliveries(house, account)]


def attempts(house: House, account: int) -> list[int]:
    return [one.attempts for one in deliveries(house, account)]


def deliveries(house: House, account: int) -> Sequence[Delivery]:
    async def ask() -> Sequence[Delivery]:
        async with house.ledger.read() as connection:
            return await list_deliveries(connection, account)

    return house.run(ask())


def test_an_open_reaches_a_webhook_with_a_signature_that_holds(house: House):
    with receiver() as kept:
        account = house.add_account("hanna", admin=True)
        prefer(house, account, webhook=kept.url + "/hook", webhook_secret=SECRET)
        record = letter(subject="Offer")
        house.register(record)
        one = hit(record.id)
        house.add_hits(one)
        let_time_pass(house, account)
        until(lambda: kept.heard, "the webhook")
        path, headers, body = kept.heard[0]
        assert path == "/hook"
        told = json.loads(body)
        assert told["type"] == "message.opened"
        assert told["data"]["message"]["subject"] == "Offer"
        assert told["data"]["hit"]["id"] == one.id
        assert (told["data"]["hit"]["kind"], told["data"]["hit"]["class"]) == ("open", "human")
        assert told["data"]["hit"]["recipient"] == "mia@example.net"
        stamped = {**headers, "webhook-timestamp": str(int(time.time()))}
        with pytest.raises(Exception, match=r".*"):  # the clock of the house is not that of the library
            Webhook(SECRET).verify(body, stamped)
        expected = Webhook(SECRET).sign(headers["webhook-id"], house.now, body.decode())
        assert headers["webhook-signature"] == expected


def test_machines_are_never_told_of_and_people_once(house: House):
    with receiver() as kept:
        account = house.add_account("hanna", admin=True)
        prefer(house, account, webhook=kept.url, webhook_secret=SECRET)
        record = letter()
        house.register(record)
        machines = [one for one in HitClass if one.column != "confirmed"]
        house.add_hits(*(hit(record.id, hit_class=one) for one in machines))
        house.add_hits(
            hit(record.id, at=NOW - timedelta(minutes=60)), hit(record.id, at=NOW - timedelta(minutes=30)),
            hit(record.id, at=NOW - timedelta(minutes=1)), hit(record.id, HitKind.CLICK),
        )  # fmt: skip
        let_time_pass(house, account)
        until(lambda: len(kept.heard) >= 2, "both notices")
        until(lambda: {state for _, state in states(house, account)} == {"done"}, "the end")
        assert sorted(json.loads(body)["type"] for _, _, body in kept.heard) == ["message.clicked", "message.opened"]


def test_a_hit_that_turns_out_to_be_a_machines_is_not_told(house: House):
    from ledger.records import Confidence, Verdict  # noqa: PLC0415

    with receiver() as kept:
        account = house.add_account("hanna", admin=True)
        prefer(house, account, webhook=kept.url, webhook_secret=SECRET)
        record = letter()
        house.register(record)
        one = hit(record.id, HitKind.CLICK)
        house.add_hits(one)
        until(lambda: states(house, account) == [("webhook", "waiting")], "the waiting notice")
        verdict = Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R16")
        house.run(house.ledger.change_verdicts([(one.id, verdict)]))
        let_time_pass(house, account)
        until(lambda: states(house, account) == [("webhook", "dropped")], "dropping it")
        assert kept.heard == []


def test_a_refused_webhook_is_tried_again_and_a_redirect_is_not_followed(house: House):
    with receiver() as kept:
        kept.statuses = [500, 302]
        account = house.add_account("hanna", admin=True)
        prefer(house, account, webhook=kept.url + "/hook", webhook_secret=SECRET)
        record = letter()
        house.register(record)
        house.add_hits(hit(record.id))
        for attempt in range(1, 4):
            # Only when the last answer is on record the next attempt has its time.
            until(lambda: attempts(house, account) == [attempt - 1], f"the record of attempt {attempt - 1}")  # noqa: B023
            house.now += timedelta(minutes=5)
            let_time_pass(house, account)
            until(lambda: len(kept.heard) == attempt, f"attempt {attempt}")  # noqa: B023
        until(lambda: states(house, account) == [("webhook", "done")], "the end")
        assert [path for path, _, _ in kept.heard] == ["/hook"] * 3
        assert len({headers["webhook-id"] for _, headers, _ in kept.heard}) == 1


def test_a_mail_is_threaded_under_the_message_it_is_about(house: House):
    account = house.add_account("hanna", admin=True)
    prefer(house, account, email=True, language="ja")
    record = letter(subject="お見積り")
    house.register(record)
    house.add_hits(hit(record.id))
    let_time_pass(house, account)
    outbox = Outbox(house.settings.outbox_dir)
    until(outbox.list, "the mail")
    (delivery,) = outbox.list()
    raw = outbox.read(delivery.id)
    assert raw is not None
    mail = message_from_bytes(raw, policy=policy.default)
    assert delivery.recipients == ("hanna@example.com",)
    assert mail["In-Reply-To"] == mail["References"] == record.header_id
    assert mail["Subject"] == "Re: お見積り"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "開封しました" in mail.get_content()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's own import, on Python 3.11 and 3.12
def test_a_service_of_apprise_is_told(house: House):
    with receiver() as kept:
        account = house.add_account("hanna", admin=True)
        prefer(house, account, apprise=[f"ntfy://127.0.0.1:{kept.port}/offers"])
        record = letter(subject="Offer")
        house.register(record)
        house.add_hits(hit(record.id))
        let_time_pass(house, account)
        until(lambda: kept.heard, "the service")
        assert "opened" in kept.heard[0][2].decode() + str(kept.heard[0][1])


def test_a_reminder_comes_for_what_was_not_opened_in_time_and_once(house: House):
    account = house.add_account("hanna", admin=True)
    late, opened, young = (
        letter(NOW - timedelta(days=4), notify="unopened=3d"), letter(NOW - timedelta(days=4), notify="unopened=3d"),
        letter(NOW - timedelta(days=2), notify="unopened=3d"),
    )  # fmt: skip
    house.now = NOW - timedelta(days=2)  # nothing is late yet
    for record in (late, opened, young):
        house.register(record)
    house.add_hits(hit(opened.id))
    house.now = NOW
    house.add_hits(hit(young.id, hit_class=HitClass.BOT))  # wakes the teller
    outbox = Outbox(house.settings.outbox_dir)
    until(outbox.list, "the reminder")
    house.add_hits(hit(young.id, hit_class=HitClass.BOT))
    until(lambda: states(house, account) == [("email", "done")], "the end")
    assert len(outbox.list()) == 1
    raw = outbox.read(outbox.list()[0].id)
    assert raw is not None
    assert "was not opened yet" in message_from_bytes(raw, policy=policy.default).get_content()


@pytest.mark.parametrize(
    ("header", "preferred", "first", "told"),
    [
        ("", {}, True, True),  # the first time is what is usual
        ("", {}, False, False),
        ("", {"notify": "every"}, False, True),
        ("", {"notify": "off"}, True, False),
        ("every", {"notify": "off"}, False, True),  # the message's own header goes first
        ("off", {"notify": "every"}, True, False),
        ("unopened=3d", {"notify": "every"}, True, False),  # told only when nothing happens
        ("nonsense", {"notify": "off"}, True, False),
    ],
)
def test_the_header_goes_before_the_preference(header: str, preferred: dict[str, str], first: bool, told: bool):
    assert wants(header, preferred, first) is told


def test_reminders_are_read_and_retries_end():
    assert reminder_after("unopened=3d") == timedelta(days=3)
    assert reminder_after("Unopened=12h") == timedelta(hours=12)
    assert reminder_after("first") is None
    pauses = [retry_after(attempt) for attempt in range(1, 12)]
    assert pauses[-1] is None
    assert sum((pause for pause in pauses if pause), timedelta()) > timedelta(days=1)


INSIDE = (
    "127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "224.0.0.1", "nonsense", "",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address: str):
    assert not is_public(address)


def test_what_is_outside_is_public():
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_a_webhook_cannot_knock_inside_however_it_is_spelt(host: str):
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.setblocking(False)
        for scheme in ("https", "http"):
            url = f"{scheme}://{host}:{inside.getsockname()[1]}/"
            taken, _ = await send_webhook(url, SECRET, "x", {}, NOW, private=False)
            assert not taken
        with pytest.raises(BlockingIOError):
            inside.accept()
