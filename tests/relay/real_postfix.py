"""A Postfix of our own on loopback: private configuration and queue, delivery into files, a small auth server.

What was delivered is read back from the mailbox without the header fields that Postfix itself puts on top.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from base64 import b64decode
from pathlib import Path

from tests.free_ports import free_ports

REFUSED = "refused.example.org"  # a domain whose recipients it does not take
USER, PASSWORD = "user@example.com", "correct-horse"
_OWN_FIELDS = (b"Return-Path:", b"X-Original-To:", b"Delivered-To:", b"Received:")


def missing() -> str:
    """Why it cannot be had here; empty when it can."""
    if shutil.which("postfix") is None:
        return "Postfix is not installed"
    return "" if os.geteuid() == 0 else "starting Postfix needs root"


async def answer_logins(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Dovecot's auth protocol (wiki: Design/AuthProtocol), as far as Postfix speaks it: PLAIN for one user."""
    writer.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
    try:
        while line := await reader.readline():
            fields = line.rstrip(b"\n").split(b"\t")
            response = next((field[5:] for field in fields if field.startswith(b"resp=")), b"")
            if fields[0] == b"CONT":
                response = fields[2]
            if response:
                name, password = b64decode(response).split(b"\0")[1:]
                is_right = (name.decode(), password.decode()) == (USER, PASSWORD)
                writer.write(b"%s\t%s\tuser=%s\n" % (b"OK" if is_right else b"FAIL", fields[1], name))
            elif fields[0] == b"AUTH":  # no initial response
                writer.write(b"CONT\t%s\t\n" % fields[1])
    except ConnectionError:
        pass
    finally:
        writer.close()


class RealPostfix:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._taken = 0

    def start(self, auth_port: int, pem: bytes) -> None:
        """``pem`` is its key and certificates, for STARTTLS."""
        (self.port,) = free_ports(1)
        for part in ("queue", "data", "mail"):
            (self.folder / part).mkdir(parents=True)
        for part in ("data", "mail"):
            shutil.chown(self.folder / part, "postfix", "postfix")
        chain = self.folder / "chain.pem"
        chain.write_bytes(pem)
        chain.chmod(0o600)
        main = {
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "compatibility_level": "3.6",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "mydestination": "",
            "myhostname": "mx.example.net",
            "virtual_mailbox_domains": "example.net",
            "virtual_mailbox_base": self.folder / "mail",
            "virtual_mailbox_maps": "static:inbox/",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{os.stat(self.folder / 'mail').st_uid}",
            "virtual_gid_maps": f"static:{os.stat(self.folder / 'mail').st_gid}",
            "alias_maps": "",
            "smtputf8_enable": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{auth_port}",
            "smtpd_recipient_restrictions": f"check_recipient_access inline:{{{REFUSED}=REJECT}}, permit_mynetworks",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": chain,
            "smtpd_peername_lookup": "no",
            "smtpd_error_sleep_time": "0",
            "smtpd_discard_ehlo_keywords": "chunking",
            "maillog_file": self.folder / "log",
            "maillog_file_prefixes": self.folder,
        }
        (self.folder / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        (self.folder / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\n"
            "rewrite unix - - n - - trivial-rewrite\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
            "virtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n"
            "pickup unix n - n 60 1 pickup\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n"
            "error unix - - n - - error\nretry unix - - n - - error\npostlog unix-dgram n - n - 1 postlogd\n"
            "tlsmgr unix - - n 1000? 1 tlsmgr\n"
        )
        subprocess.run(("postfix", "-c", str(self.folder), "start"), check=True, capture_output=True, timeout=60)

    def stop(self) -> None:
        subprocess.run(("postfix", "-c", str(self.folder), "stop"), check=False, capture_output=True, timeout=60)

    async def next_message(self, seconds: float = 20) -> tuple[bytes, bytes]:
        """The message delivered next: what Postfix's Received field says of the session, and the client's bytes."""
        new = self.folder / "mail/inbox/new"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = list(new.iterdir()) if new.exists() else []
            if found:
                raw = found[0].read_bytes()
                found[0].unlink()
                return _split(raw)
            await asyncio.sleep(0.05)
        raise TimeoutError((self.folder / "log").read_text("utf-8", "replace")[-2000:])

    def envelopes(self) -> list[tuple[str, str]]:
        """Sender and recipient of each message delivered so far."""
        log = (self.folder / "log").read_text("utf-8", "replace")
        senders = dict(re.findall(r"qmgr\[\d+\]: (\w+): from=<(.*?)>", log))
        delivered = re.findall(r"virtual\[\d+\]: (\w+): to=<(.*?)>.*status=sent", log)
        return [(senders[queue_id], recipient) for queue_id, recipient in delivered]


def _split(raw: bytes) -> tuple[bytes, bytes]:
    received, rest = b"", raw
    while rest.startswith(_OWN_FIELDS):
        match = re.match(rb"[^\n]*\n(?:[ \t][^\n]*\n)*", rest)
        assert match is not None
        if rest.startswith(b"Received:"):
            if received:
                break
            received = b" ".join(match[0].split())
        rest = rest[match.end() :]
    # The id and the time differ from one delivery to the next.
    return re.sub(rb" id \S+| for <[^>]*>|; .*", b"", received), rest
