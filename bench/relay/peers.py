"""The relays that are measured side by side, each as processes of its own in front of the same sink.

A peer that is not installed says so and is left out. Nothing listens beyond loopback; everything lies in one folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.relay import processes
from bench.relay.cells import HARAKA, LIMIT, NGINX, OURS, POSTFIX, STOCK, STOCK_UVLOOP


class NotHere(Exception):
    """The peer cannot be had on this machine; the words say what is missing."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 20) -> None:
    """Until a greeting comes."""
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
                if probe.recv(3) == b"220":
                    return
        except OSError:
            pass
        if time.monotonic() > end:
            raise NotHere(f"nothing answers on port {port}")
        time.sleep(0.1)


@dataclass
class Peer:
    """``stop`` ends what ``start`` began, and only that."""

    folder: Path
    sink: int
    name: str = ""
    port: int = 0
    idle_megabytes: float = 0.0
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        for process in self.started:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def roots(self) -> list[int]:
        return [process.pid for process in self.started]

    def _run(self, *command: str, prints_port: bool = False, **more: object) -> None:
        output = subprocess.PIPE if prints_port else subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
        self.started.append(process)
        if prints_port:
            self.port = int(process.stdout.readline())

    def cpu_seconds(self) -> float:
        return processes.cpu_seconds(processes.family(self.roots()))

    def note_idle(self) -> None:
        self.idle_megabytes = processes.resident_megabytes(processes.family(self.roots()), peak=False)

    def forget_peak(self) -> None:
        processes.forget_peaks(processes.family(self.roots()))

    def peak_megabytes(self) -> float:
        """The highest since ``forget_peak``, of all its processes."""
        return processes.resident_megabytes(processes.family(self.roots()), peak=True)


class Sink(Peer):
    """smtp-sink of Postfix: accepts and forgets. The others stand in front of it; alone it is the limit."""

    def start(self) -> None:
        self.name, self.port = LIMIT, self.sink
        if shutil.which("smtp-sink") is None:
            raise NotHere("smtp-sink (Debian: postfix)")
        user = ("-u", "postfix") if os.geteuid() == 0 else ()
        self._run("smtp-sink", "-m", "2000", *user, f"127.0.0.1:{self.sink}", "512")
        wait_for(self.port)


class Ours(Peer):
    """The relay as it is installed: its own process, log at ``info``, ledger and spool on disk with fsync."""

    def start(self) -> None:
        self.name, self.port = OURS, free_port()
        config = self.folder / "relay.toml"
        config.write_text(
            f'data_dir = "ours"\n[[listener]]\nbind = "127.0.0.1:{self.port}"\nsecurity = "none"\n'
            f'[upstream.default]\nhost = "127.0.0.1"\nport = {self.sink}\nsecurity = "none"\n'
            '[limits]\nconnections = 1000\nconnections_per_address = 1000\nmessage_size = "300MB"\n'
        )
        self._run(sys.executable, "-m", "mailglass", "relay", "--config", str(config))
        wait_for(self.port, 40)


class Stock(Peer):
    def start(self) -> None:
        self.name = STOCK
        self._run(sys.executable, "-m", "bench.relay.stock", str(self.sink), prints_port=True)
        wait_for(self.port)


class StockOnUvloop(Peer):
    def start(self) -> None:
        self.name = STOCK_UVLOOP
        self._run(sys.executable, "-m", "bench.relay.stock", str(self.sink), "uvloop", prints_port=True)
        wait_for(self.port)


class Postfix(Peer):
    """Its smtpd as a before-queue proxy (SMTPD_PROXY_README), which relays live as we do."""

    def start(self) -> None:
        self.name = POSTFIX
        if shutil.which("postfix") is None or os.geteuid() != 0:
            raise NotHere("postfix, and root to start it")
        self.port, self.config = free_port(), self.folder / "postfix"
        for part in ("queue", "data"):
            (self.config / part).mkdir(parents=True)
        shutil.chown(self.config / "data", "postfix")
        (self.config / "main.cf").write_text(
            f"queue_directory = {self.config}/queue\ndata_directory = {self.config}/data\n"
            "compatibility_level = 3.6\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
            "mydestination =\nmyhostname = bench.example.com\ndefault_process_limit = 120\n"
            "smtpd_recipient_restrictions = permit_mynetworks, reject\nmessage_size_limit = 0\nmailbox_size_limit = 0\n"
            "maillog_file = /dev/null\nmaillog_file_prefixes = /dev\nalias_maps =\nalias_database =\n"
            "smtpd_peername_lookup = no\nsmtputf8_enable = no\n"
        )
        (self.config / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:{self.sink}\n"
            "rewrite unix - - n - - trivial-rewrite\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
            "anvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\ntlsmgr unix - - n 1000? 1 tlsmgr\n"
            "postlog unix-dgram n - n - 1 postlogd\nerror unix - - n - - error\nretry unix - - n - - error\n"
        )
        started = subprocess.run(("postfix", "-c", str(self.config), "start"), capture_output=True, check=False)
        if started.returncode:
            raise NotHere(started.stderr.decode("utf-8", "replace")[-300:])
        wait_for(self.port)

    def roots(self) -> list[int]:
        return [int((self.config / "queue/pid/master.pid").read_text())]

    def stop(self) -> None:
        if (self.config / "queue/pid/master.pid").exists():
            subprocess.run(("postfix", "-c", str(self.config), "stop"), capture_output=True, check=False)


class Nginx(Peer):
    """Its mail proxy without authentication; the "where to" is answered by itself."""

    def start(self) -> None:
        self.name = NGINX
        module = Path("/usr/lib/nginx/modules/ngx_mail_module.so")
        if shutil.which("nginx") is None or not module.exists():
            raise NotHere("nginx with its mail module")
        self.port, answers = free_port(), free_port()
        config = self.folder / "nginx.conf"
        config.write_text(
            f"load_module {module};\nworker_processes 1;\ndaemon off;\nerror_log /dev/null;\n"
            f"pid {self.folder}/nginx.pid;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{answers}; location / {{ add_header Auth-Status OK;"
            f" add_header Auth-Server 127.0.0.1; add_header Auth-Port {self.sink}; return 200; }} }} }}\n"
            f"mail {{ server_name bench.example.com; auth_http 127.0.0.1:{answers}/; proxy_pass_error_message on;\n"
            f' smtp_capabilities "PIPELINING" "SIZE 100000000" "8BITMIME"; smtp_auth none;\n'
            f" server {{ listen 127.0.0.1:{self.port}; protocol smtp; xclient off; }} }}\n"
        )
        self._run("nginx", "-c", str(config), "-p", str(self.folder))
        wait_for(self.port)

    def stop(self) -> None:
        for process in self.started:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


class Haraka(Peer):
    """Its smtp_proxy queue plugin, installed with npm into the bench's cache."""

    cache = Path(".cache/bench/haraka")

    def start(self) -> None:
        self.name = HARAKA
        program = self.cache / "node_modules/.bin/haraka"
        if shutil.which("npm") is None:
            raise NotHere("npm")
        if not program.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            install = ("npm", "install", "--no-audit", "--no-fund", "--prefix", str(self.cache), "Haraka")
            subprocess.run(install, capture_output=True, check=False, timeout=300)
        if not program.exists():
            raise NotHere("Haraka could not be installed with npm")
        self.port, config = free_port(), self.folder / "haraka/config"
        # Its own tool writes the configuration it ships with; without connection.ini it fails at every connection.
        subprocess.run((str(program), "-i", str(config.parent)), capture_output=True, check=True, timeout=60)
        settings = (config / "connection.ini").read_text()
        (config / "connection.ini").write_text(settings.replace("\nbytes=26214400", "\nbytes=100000000"))
        (config / "smtp.ini").write_text(f"listen=127.0.0.1:{self.port}\nnodes=0\n")
        (config / "plugins").write_text("everybody\nqueue/smtp_proxy\n")
        (config.parent / "plugins/everybody.js").write_text(
            "exports.hook_connect = (next, connection) => { connection.relaying = true; next(); };\n"
        )
        (config / "smtp_proxy.ini").write_text(f"host=127.0.0.1\nport={self.sink}\n")
        (config / "log.ini").write_text("[main]\nlevel=EMERG\n")
        self._run(str(program), "-c", str(config.parent))
        wait_for(self.port, 40)


PEERS = (Sink, Postfix, Nginx, Haraka, Stock, StockOnUvloop, Ours)
