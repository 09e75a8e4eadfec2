"""A real Postfix on loopback whose verdicts are scripted, one by one, through its policy delegation protocol.

Postfix asks a small server of ours about each recipient at RCPT, at DATA and at the end of the message; the answers
stand in ``Verdicts.script``. What it takes it passes on to wherever ``next_hop`` says.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.free_ports import free_ports

PERMITS = "DUNNO"
RCPT, DATA, DOT = "RCPT", "DATA", "END-OF-MESSAGE"


def missing() -> str:
    """Why it cannot be had here; empty when it can."""
    if shutil.which("postfix") is None:
        return "Postfix is not installed"
    return "" if os.geteuid() == 0 else "starting Postfix needs root"


@dataclass
class Verdicts:
    """``script[stage, address]`` are the verdicts in order; the last one stays."""

    script: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attributes: dict[str, str] = {}
        try:
            while line := await reader.readline():
                name, _, value = line.decode().rstrip("\n").partition("=")
                if name:
                    attributes[name] = value
                    continue
                actions = self.script.get((attributes["protocol_state"], attributes["recipient"]), [PERMITS])
                writer.write(f"action={actions.pop(0) if len(actions) > 1 else actions[0]}\n\n".encode())
                attributes = {}
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class ScriptedPostfix:
    port: int
    verdicts: Verdicts


def _configure(folder: Path, port: int, next_hop: int, policy: int) -> None:
    for part in ("queue", "data"):
        (folder / part).mkdir(parents=True)
    folder.chmod(0o755)
    shutil.chown(folder / "data", "postfix")
    asks = f"check_policy_service inet:127.0.0.1:{policy}"
    (folder / "main.cf").write_text(
        f"queue_directory = {folder}/queue\ndata_directory = {folder}/data\ncompatibility_level = 3.6\n"
        "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nmydestination =\n"
        f"myhostname = mx.example.com\nrelayhost = [127.0.0.1]:{next_hop}\n"
        f"smtpd_recipient_restrictions = {asks}, permit_mynetworks, reject\n"
        f"smtpd_data_restrictions = {asks}\nsmtpd_end_of_data_restrictions = {asks}\n"
        f"maillog_file = {folder}/log\nmaillog_file_prefixes = {folder}\nalias_maps =\nalias_database =\n"
        "smtpd_peername_lookup = no\nsmtpd_delay_open_until_valid_rcpt = yes\n"
    )
    (folder / "master.cf").write_text(
        f"127.0.0.1:{port} inet n - n - - smtpd\n"
        "rewrite unix - - n - - trivial-rewrite\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
        "smtp unix - - n - - smtp\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n"
        "tlsmgr unix - - n 1000? 1 tlsmgr\npostlog unix-dgram n - n - 1 postlogd\nerror unix - - n - - error\n"
        "retry unix - - n - - error\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n"
        "trace unix - - n - 0 bounce\nscache unix - - n - 1 scache\n"
    )


@asynccontextmanager
async def scripted_postfix(next_hop: int) -> AsyncIterator[ScriptedPostfix]:
    folder = Path(tempfile.mkdtemp())  # not under pytest's own folder, which Postfix's user may not enter
    verdicts, port = Verdicts(), free_ports(1)[0]
    server = await asyncio.start_server(verdicts.answer, "127.0.0.1", 0)
    try:
        _configure(folder, port, next_hop, server.sockets[0].getsockname()[1])
        await _postfix(folder, "start")
        async with asyncio.timeout(30):
            await _until_open(port)
        yield ScriptedPostfix(port, verdicts)
    finally:
        await _postfix(folder, "stop")
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


async def _postfix(folder: Path, command: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run, ("postfix", "-c", str(folder), command), capture_output=True, timeout=60, check=False
    )
    assert command == "stop" or done.returncode == 0, done.stderr.decode("utf-8", "replace")


async def _until_open(port: int) -> None:
    while True:
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            return
        except OSError:
            await asyncio.sleep(0.05)
