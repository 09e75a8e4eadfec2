"""Individual copies against a real Postfix whose verdicts are scripted by access maps.

RCPT is judged live by one map; each copy is judged at its final dot by another. What Postfix took it passes on to a
small server of ours, where it is counted.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.relay.running_relay import Client
from tests.spool.scripted_upstream import ScriptedUpstream, scripted_upstream
from tests.spool.test_kill import relay_process, until
from tests.spool.test_through_the_relay import MESSAGE, PLAIN, TOKEN

POSTFIX = shutil.which("postfix")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(POSTFIX is None or os.geteuid() != 0, reason="needs Postfix, and root to start it"),
]

AT_RCPT = "/^gone@/ 550 5.1.1 No such user here\n"
AT_DOT = "/^later@/ 451 4.7.1 Greylisted\n/^never@/ 550 5.7.1 Not wanted\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Postfix:
    def __init__(self, folder: Path, next_hop: int) -> None:
        self.folder, self.port = folder, free_port()
        for part in ("queue", "data"):
            (folder / part).mkdir(parents=True)
        folder.parent.chmod(0o755)
        shutil.chown(folder / "data", "postfix")
        (folder / "at_rcpt").write_text(AT_RCPT)
        (folder / "at_dot").write_text(AT_DOT)
        (folder / "main.cf").write_text(
            f"queue_directory = {folder}/queue\ndata_directory = {folder}/data\ncompatibility_level = 3.6\n"
            "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nmydestination =\n"
            f"myhostname = mx.example.com\nrelayhost = [127.0.0.1]:{next_hop}\n"
            f"smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/at_rcpt,\n"
            "  permit_mynetworks, reject\n"
            f"smtpd_end_of_data_restrictions = check_recipient_access regexp:{folder}/at_dot\n"
            f"maillog_file = {folder}/log\nmaillog_file_prefixes = {folder}\nalias_maps =\nalias_database =\n"
            "smtpd_peername_lookup = no\n"
        )
        (folder / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\n"
            "rewrite unix - - n - - trivial-rewrite\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
            "smtp unix - - n - - smtp\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n"
            "tlsmgr unix - - n 1000? 1 tlsmgr\npostlog unix-dgram n - n - 1 postlogd\nerror unix - - n - - error\n"
            "retry unix - - n - - error\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n"
            "trace unix - - n - 0 bounce\nscache unix - - n - 1 scache\n"
        )

    def __call__(self, command: str) -> None:
        done = subprocess.run(["postfix", "-c", str(self.folder), command], capture_output=True, check=False)
        if command == "start" and done.returncode:
            pytest.skip(f"Postfix does not start here: {done.stderr.decode('utf-8', 'replace')[-200:]}")

    def greylisting_ends(self) -> None:
        (self.folder / "at_dot").write_text(AT_DOT.splitlines(keepends=True)[1])
        self("reload")


@contextmanager
def running_postfix(folder: Path, next_hop: int) -> Iterator[Postfix]:
    postfix = Postfix(folder, next_hop)
    postfix("start")
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", postfix.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "Postfix does not answer"
        yield postfix
    finally:
        postfix("stop")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under pytest's own folder, which Postfix's user may not enter."""
    made = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    yield made
    shutil.rmtree(made, ignore_errors=True)


def without_trace(content: bytes) -> bytes:
    """The message less the Received header that Postfix put before it."""
    head, _, rest = content.partition(b"Subject: ")
    assert head.startswith(b"Received: ")
    return b"Subject: " + rest


async def test_mixed_verdicts_of_a_real_server_are_each_settled_as_they_must(tmp_path: Path, folder: Path) -> None:
    async with scripted_upstream() as beyond:
        with running_postfix(folder / "postfix", beyond.port) as postfix:
            verdicts = ScriptedUpstream(port=postfix.port)
            async with relay_process(tmp_path / "data", verdicts, ledger="forgetful") as relay:
                client = await Client.connect(relay.port)
                await client.reply()
                await client.ask(b"EHLO client.example.com")
                await client.begin(b"ok@example.net", b"later@example.net", b"never@example.net")
                assert b"550 5.1.1" in await client.ask(b"RCPT TO:<gone@example.net>")
                assert (await client.ask(b"DATA")).startswith(b"354")
                await client.send(MESSAGE + b".\r\n")
                reply = await client.reply()
                assert reply.startswith(b"250 2.0.0 Ok: queued as")
                assert b"1 of 3 copies sent, 1 waiting, 1 refused" in reply
                assert (await client.ask(b"QUIT")).startswith(b"221")
                client.close()
                await beyond.wait_for(2)
                postfix.greylisting_ends()
                await beyond.wait_for(3, seconds=25)
                spool = tmp_path / "data" / "spool"
                await until(lambda: not [*spool.glob("*.mail")], "the spool never became empty")
    assert sorted(beyond.addresses()) == ["a@example.com", "later@example.net", "ok@example.net"]
    for address in ("ok@example.net", "later@example.net"):
        content = without_trace(beyond.to(address)[0].content)
        assert TOKEN.search(content)
        head, _, body = content.partition(b"\r\n\r\n")
        assert head.startswith(PLAIN.partition(b"\r\n\r\n")[0])  # Postfix adds Message-Id, Date and From behind
        assert body.startswith(b'<html><body><p>See <a href="http://127.0.0.1:8025/c/')
    report = message_from_bytes(beyond.to("a@example.com")[0].content, policy=policy.default)
    assert report.get_content_type() == "multipart/report"
    assert "never@example.net" in report.get_payload(0).get_content()  # type: ignore[union-attr]
