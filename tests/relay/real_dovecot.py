"""A Dovecot of our own on loopback that checks Postfix's logins: one user, by password and by token."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

from tests.free_ports import free_ports
from tests.relay.real_postfix import PASSWORD, USER

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2")
_KEY = bytes(range(32))

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {folder}/oauth2
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


def missing() -> str:
    """Why it cannot be had here; empty when it can."""
    if shutil.which("dovecot") is None:
        return "Dovecot is not installed"
    return "" if os.geteuid() == 0 else "starting Dovecot needs root"


class RealDovecot:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes logins."""
        keys = self.folder / "keys/default/HS256"
        keys.mkdir(parents=True)
        (self.folder / "run").mkdir()
        (keys / "default").write_bytes(b64encode(_KEY))
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
        (self.folder / "oauth2").write_text(
            "introspection_mode = local\nusername_attribute = email\n"
            f"local_validation_key_dict = fs:posix:prefix={self.folder}/keys/\n"
        )
        for _ in range(5):  # a port that was free may be taken before Dovecot has it: then it ends at once
            (self.port,) = free_ports(1)
            if self._comes_up():
                return
        raise ChildProcessError((self.folder / "log").read_text("utf-8", "replace")[-2000:])

    def _comes_up(self) -> bool:
        """False when it has ended instead."""
        configuration = self.folder / "dovecot.conf"
        words = {"folder": self.folder, "port": self.port, "mechanisms": " ".join(MECHANISMS).lower()}
        configuration.write_text(_CONFIGURATION.format(**words))
        self._process = subprocess.Popen(("dovecot", "-F", "-c", str(configuration)), stdin=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self._process.poll() is not None:
                return False
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                    if probe.recv(100).startswith(b"VERSION"):
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        raise TimeoutError((self.folder / "log").read_text("utf-8", "replace")[-2000:])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


def token(lives_seconds: int = 3600) -> str:
    """A JSON Web Token (RFC 7519) that says who the user is, signed with the key that Dovecot knows."""
    now = int(time.time()) - 10
    claims = {"email": USER, "sub": USER, "iat": now, "nbf": now, "exp": now + 10 + lives_seconds}
    signed = b".".join(_url_safe(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (signed + b"." + _url_safe(hmac.new(_KEY, signed, hashlib.sha256).digest())).decode("ascii")


def _url_safe(octets: bytes) -> bytes:
    return urlsafe_b64encode(octets).rstrip(b"=")
