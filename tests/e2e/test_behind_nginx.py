"""The nginx configuration of docs/deployment.md, run as it stands there but for names, ports and certificates."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.keys import load_keys
from ledger.message_id import MessageId
from ledger.tokens import Purpose, Target, mint
from tests.e2e.installation import ROOT, Installation
from tests.free_ports import free_ports

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")

pytestmark = [pytest.mark.clients, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


def documented() -> str:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    found = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


class Proxy:
    def __init__(self, folder: Path, mailglass: Installation) -> None:
        self.public, self.private = free_ports(2)
        servers = documented().replace("# ssl_certificate …", "")
        servers = servers.replace("127.0.0.1:8025", f"127.0.0.1:{mailglass.public}")
        servers = servers.replace("127.0.0.1:8026", f"127.0.0.1:{mailglass.private}")
        for port in (self.public, self.private):
            servers = servers.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};", 1)
        self.access_log, self.error_log = folder / "access.log", folder / "error.log"
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log {self.access_log}; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;\n"
            f"fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;\n{servers}}}\n"
        )
        self._process = subprocess.Popen(
            [str(NGINX), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def get(self, port: int, path: str, source: str = "127.0.0.1", host: str = "t.example.com") -> tuple[int, bytes]:
        """One request as if from that address, once the proxy listens."""
        deadline = time.monotonic() + 60
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
            try:
                connection.request("GET", path, headers={"Host": host, "User-Agent": "Mozilla/5.0 Firefox/140.0"})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                assert self._process.poll() is None
            finally:
                connection.close()


@pytest.fixture
def mailglass(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "installation")
    installation.settings = {
        "MAILGLASS_TRACKING__PUBLIC_URL": "https://t.example.com",
        "MAILGLASS_PIXEL_SERVER__TRUSTED_PROXIES": "127.0.0.1/32, ::1/128",
        "MAILGLASS_DASHBOARD__ALLOWED_HOSTS": "mail.example.com",
        "MAILGLASS_PRIVACY__IP_ADDRESS": "full",
    }
    installation.start()
    yield installation
    installation.stop()


@pytest.fixture
def proxy(tmp_path: Path, mailglass: Installation) -> Iterator[Proxy]:
    running = Proxy(tmp_path, mailglass)
    yield running
    running.stop()


def test_the_documented_proxy_passes_on_who_asked_and_logs_no_token(mailglass: Installation, proxy: Proxy) -> None:
    ring = load_keys(mailglass.folder / "var" / "keys")
    token = mint(ring, Purpose.PIXEL, Target(MessageId(bytes(16))))
    link = mint(ring, Purpose.LINK, Target(MessageId(bytes(16)), 0, 1), "https://example.com/")
    assert proxy.get(proxy.public, "/robots.txt")[0] == 200
    assert proxy.get(proxy.public, f"/o/{token}.gif", source="127.0.0.77")[1][:3] == b"GIF"
    assert proxy.get(proxy.public, f"/c/{link}?u=https://example.com/")[0] == 302
    assert proxy.get(proxy.public, "/login")[0] == 404
    hits = json.loads(mailglass.command("hits", "--json").stdout)
    assert {hit["ip"] for hit in hits if hit["kind"] == "open"} == {"127.0.0.77"}
    logged = proxy.access_log.read_text()
    assert "/robots.txt" in logged
    assert token not in logged
    assert link not in logged


def test_the_documented_proxy_logs_no_token_either_when_nobody_answers(mailglass: Installation, proxy: Proxy) -> None:
    mailglass.stop()
    assert proxy.get(proxy.public, "/healthz")[0] == 502
    assert proxy.get(proxy.public, "/o/a-token-of-ours.gif")[0] == 502
    logged = proxy.error_log.read_text() + proxy.access_log.read_text()
    assert "/healthz" in logged
    assert "a-token-of-ours" not in logged


def test_a_recipient_finds_the_page_on_privacy_and_set_up_the_public_port(proxy: Proxy) -> None:
    assert b"</html>" in proxy.get(proxy.public, "/privacy?lang=en")[1]
    assert json.loads(proxy.get(proxy.public, "/healthz")[1]) == {"status": "ok"}


def test_the_dashboard_answers_behind_it_to_its_own_name_only(proxy: Proxy) -> None:
    assert proxy.get(proxy.private, "/login", host="mail.example.com")[0] == 200
    assert proxy.get(proxy.private, "/login", host="elsewhere.example.net")[0] >= 400


def test_no_stranger_reads_the_whole_installations_numbers_through_it(mailglass: Installation, proxy: Proxy) -> None:
    assert proxy.get(proxy.private, "/metrics", host="mail.example.com")[0] == 404
    with urllib.request.urlopen(f"{mailglass.page}/metrics", timeout=60) as answer:
        assert b"mailglass_messages_total" in answer.read()
