"""The processes that serve: started, found, kept apart, asked to stop, run as three, and diagnosed."""

from __future__ import annotations

import json
import queue
import re
import signal
import smtplib
import socket
import time
import urllib.error
import urllib.request
from email import message_from_bytes
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from ledger.tokens import read_unverified
from tests.e2e.installation import Installation


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_it_says_where_everything_is_and_stops_when_asked(mailglass: Installation) -> None:
    printed = "\n".join(mailglass.start())
    assert f"127.0.0.1:{mailglass.smtp}" in printed
    assert mailglass.public_url in printed
    assert f"{mailglass.page}/welcome/" in printed
    assert status_of(f"{mailglass.public_url}/healthz") == 200
    assert status_of(f"{mailglass.page}/healthz") == 200
    assert mailglass.stop() == 0


def test_the_set_up_address_is_printed_while_there_is_no_account_and_not_after(mailglass: Installation) -> None:
    assert "first account" in "\n".join(mailglass.start())
    mailglass.stop()
    mailglass.command("user", "add", "ann", "--password-stdin", stdin="a long enough password\n")
    assert "first account" not in "\n".join(mailglass.start())


def test_a_second_instance_is_told_that_there_is_one(mailglass: Installation) -> None:
    mailglass.start()
    for command in ("run", "relay", "pixel-server", "dashboard"):
        second = mailglass.command(command)
        assert second.returncode == 1
        assert f"already works in {mailglass.folder / 'var'} (process {mailglass.pid})" in second.stderr
        assert "Traceback" not in second.stderr


def test_the_sandbox_has_room_for_what_rewriting_adds_to_the_largest_message(mailglass: Installation) -> None:
    mailglass.settings = {"MAILGLASS_LIMITS__MESSAGE_SIZE": "100kB"}
    mailglass.start()
    links = "".join(f'<p><a href="https://example.com/{number}">{number}</a>\r\n' for number in range(1000))
    head = "Subject: many links\r\nX-Track: all\r\nContent-Type: text/html\r\n\r\n"
    letter = (head + links + "<p>" + "x y\r\n" * 20_000)[:99_998] + "\r\n"
    with smtplib.SMTP("127.0.0.1", mailglass.smtp, timeout=60) as client:
        client.ehlo("client.example.com")
        assert client.esmtp_features["size"] == "100000"
        client.mail("ann@example.com", ["SIZE=100000"])
        client.rcpt("bob@example.net")
        code, told = client.data(letter.encode())
    assert (code, b"1000 of 1000 links" in told) == (250, True), told


def test_an_address_that_is_taken_is_named(mailglass: Installation, tmp_path: Path) -> None:
    mailglass.start()
    other = Installation(tmp_path / "other")
    other.smtp = mailglass.smtp
    text = (other.folder / "relay.toml").read_text()
    (other.folder / "relay.toml").write_text(text.replace(text.splitlines()[1], f'bind = "127.0.0.1:{mailglass.smtp}"'))
    refused = other.command("run")
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{mailglass.smtp}: the address is in use" in refused.stderr


def test_one_can_be_killed_and_the_next_one_starts(mailglass: Installation) -> None:
    mailglass.start()
    mailglass.kill()
    assert mailglass.start()
    assert mailglass.stop() == 0


def test_the_parts_run_apart_on_one_ledger(mailglass: Installation) -> None:
    pixel_server, dashboard = mailglass.beside(), mailglass.beside()
    try:
        mailglass.start("relay")
        pixel_server.start("pixel-server")
        dashboard.start("dashboard")
        probed = mailglass.command("doctor", "--to", "ann@example.com", "--json")
        assert probed.returncode == 0, probed.stdout + probed.stderr + mailglass.log
        assert json.loads(mailglass.command("hits", "--json").stdout)[0]["kind"] == "open"
        assert status_of(f"{mailglass.page}/healthz") == 200
    finally:
        assert (dashboard.stop(), pixel_server.stop(), mailglass.stop()) == (0, 0, 0)


def test_doctor_finds_the_whole_chain_sound(mailglass: Installation) -> None:
    mailglass.start()
    probed = mailglass.command("doctor")
    assert probed.returncode == 0, probed.stdout + probed.stderr
    assert "The whole chain holds." in probed.stdout
    for link in ("keys", "ledger", "upstream", "pixel", "relay", "tracking", "record", "delivery", "hit"):
        assert f"fine    {link}" in probed.stdout
    assert "state sent" in probed.stdout


def test_people_whose_addresses_are_not_in_ascii_can_be_written_to(mailglass: Installation) -> None:
    mailglass.start()
    for words in (("send-test", "--to", "jörg@example.com"), ("doctor", "--to", "ann@bücher.example")):
        sent = mailglass.command(*words)
        assert (sent.returncode, sent.stderr) == (0, "")
    asked = mailglass.command("consent", "ask", "jörg@example.com", "--from", "me@example.com")
    assert (asked.returncode, asked.stderr) == (0, "")
    raws = [mailglass.delivered(one) for one in mailglass.deliveries()]
    assert sum("To: jörg@example.com\r\n".encode() in raw for raw in raws) == 2


def test_doctor_names_the_link_that_is_broken(mailglass: Installation) -> None:
    mailglass.start("relay")
    probed = mailglass.command("doctor", "--to", "ann@example.com", "--json")
    assert probed.returncode == 1
    assert [finding["what"] for finding in json.loads(probed.stdout) if not finding["fine"]] == ["pixel"]
    assert "the chain breaks at: pixel" in probed.stderr


def test_doctor_ends_with_one_line_when_another_installation_answers(mailglass: Installation, tmp_path: Path) -> None:
    """Its ledger knows nothing of the probe; what was opened to look there is closed again."""
    mailglass.start()
    other = tmp_path / "other"
    other.mkdir()
    (other / "relay.toml").write_text((mailglass.folder / "relay.toml").read_text())
    assert mailglass.command("user", "list", "--config", str(other / "relay.toml")).returncode == 0
    probed = mailglass.command("doctor", "--config", str(other / "relay.toml"))
    assert probed.returncode == 1
    assert probed.stdout.splitlines()[-1].startswith("BROKEN  record")
    assert probed.stderr == "mailglass: the chain breaks at: record\n"


def test_several_workers_share_the_public_port(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "installation", workers=3)
    try:
        installation.start()
        probed = installation.command("doctor", "--to", "ann@example.com")
        assert probed.returncode == 0, probed.stdout + probed.stderr + installation.log
    finally:
        assert installation.stop() == 0, installation.log
    with pytest.raises(urllib.error.URLError):
        status_of(f"{installation.public_url}/healthz")


def test_a_rotated_key_signs_before_long_without_a_restart(mailglass: Installation) -> None:
    mailglass.start()
    before = signing_key_of_a_test_message(mailglass)
    assert mailglass.command("keys", "rotate").returncode == 0
    deadline = time.monotonic() + 60
    while (key := signing_key_of_a_test_message(mailglass)) == before:
        assert time.monotonic() < deadline, "the relay goes on signing with the old key"
    assert (before, key) == (1, 2)


def test_doctor_recognises_its_pixel_whichever_key_signed_it(mailglass: Installation) -> None:
    mailglass.start()
    # Right after the rotation the relay still signs with the key before; a moment later no longer.
    for _ in range(2):
        assert mailglass.command("keys", "rotate").returncode == 0
        probed = mailglass.command("doctor", "--to", "ann@example.com", "--json")
        assert probed.returncode == 0, probed.stdout + probed.stderr


def signing_key_of_a_test_message(mailglass: Installation) -> int:
    """Sends a message and reads from the delivered copy's pixel which key signed it."""
    known = {delivery.id for delivery in mailglass.deliveries()}
    sent = mailglass.command("send-test", "--to", "ann@example.com")
    assert sent.returncode == 0, sent.stderr
    (new,) = [delivery for delivery in mailglass.deliveries() if delivery.id not in known]
    html = message_from_bytes(mailglass.delivered(new)).get_payload()[-1].get_payload(decode=True).decode()
    pixel = re.search(r"/o/([\w-]+)\.gif", html)
    assert pixel is not None
    claimed = read_unverified(pixel[1])
    assert claimed is not None
    return claimed[0]


def test_backup_and_check_work_beside_a_running_installation(mailglass: Installation, tmp_path: Path) -> None:
    mailglass.start()
    mailglass.command("send-test", "--to", "ann@example.com")
    assert mailglass.command("ledger", "backup", str(tmp_path / "copy.db")).returncode == 0
    assert mailglass.command("ledger", "check").stdout == "The ledger is sound.\n"
    copied = mailglass.command("ledger", "copy", f"sqlite:///{tmp_path / 'moved.db'}")
    assert "rows copied" in copied.stdout, copied.stderr
    again = mailglass.command("ledger", "backup", str(tmp_path / "copy.db"))
    assert again.returncode == 1
    assert "nothing was overwritten" in again.stderr


def test_hits_are_followed_as_they_come_until_interrupted(mailglass: Installation) -> None:
    mailglass.start()
    following = mailglass.begin("hits", "--follow", "--json")
    try:
        # What came before it began to look is not printed: probes are sent until one comes after that.
        lines: queue.Queue[str] = queue.Queue()
        assert following.stdout is not None
        Thread(target=lambda: lines.put(following.stdout.readline()), daemon=True).start()
        while lines.empty() and following.poll() is None:
            assert mailglass.command("doctor", "--to", "ann@example.com").returncode == 0
        assert json.loads(lines.get(timeout=60))["kind"] == "open"
    finally:
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=60)
    assert following.returncode == 0


def test_connections_to_the_page_that_say_nothing_keep_no_mail_and_no_hit_out(mailglass: Installation) -> None:
    mailglass.wrapper = ("sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
    mailglass.start()
    held = [socket.create_connection(("127.0.0.1", urlsplit(mailglass.page).port or 0), 60) for _ in range(400)]
    with smtplib.SMTP("127.0.0.1", mailglass.smtp, timeout=60) as client:
        assert client.noop()[0] == 250
    assert status_of(f"{mailglass.public_url}/healthz") == 200
    for connection in held:
        connection.close()
    assert mailglass.stop() == 0
