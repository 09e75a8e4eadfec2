"""A whole mailglass of its own in a temporary folder: real processes, ports from the operating system."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from copy import copy
from pathlib import Path

from ledger.outbox import Delivery, Outbox
from tests.free_ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
# None of these is a measurement: they only end a test that hangs, on a machine that others use too.
START_SECONDS = 120.0
STOP_SECONDS = 90.0
COMMAND_SECONDS = 150.0


class Installation:
    """``relay.toml`` and everything that is kept lie in ``folder``."""

    def __init__(self, folder: Path, upstream: str = "sandbox = true\n", workers: int = 1) -> None:
        self.folder = folder
        self.wrapper: tuple[str, ...] = ()  # a program that runs it, such as strace
        self.settings: dict[str, str] = {}  # MAILGLASS_…, over what relay.toml says
        self.smtp, self.public, self.private = free_ports(3)
        self.public_url = f"http://127.0.0.1:{self.public}"
        self.page = f"http://127.0.0.1:{self.private}"
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        folder.mkdir(parents=True, exist_ok=True)
        self._workers = workers
        self.write(upstream)

    def write(self, upstream: str) -> None:
        """Writes relay.toml, with these lines for the upstream."""
        (self.folder / "relay.toml").write_text(
            f'[[listener]]\nbind = "127.0.0.1:{self.smtp}"\n[upstream.default]\n{upstream}'
            f'[tracking]\npublic_url = "{self.public_url}"\n[pixel_server]\nbind = "127.0.0.1:{self.public}"\n'
            f'workers = {self._workers}\n[dashboard]\nbind = "127.0.0.1:{self.private}"\n'
        )

    def beside(self) -> Installation:
        """Another process of the same installation, not started."""
        other = copy(self)
        other._process = None
        return other

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One mailglass command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mailglass", *arguments],
            input=stdin, capture_output=True, text=True, cwd=self.folder, env=self._environment(),
            timeout=COMMAND_SECONDS,
        )  # fmt: skip

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """One mailglass command that goes on; its output can be read while it does."""
        return subprocess.Popen(
            [sys.executable, "-m", "mailglass", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=self.folder, env=self._environment(),
        )  # fmt: skip

    def start(self, part: str = "run") -> list[str]:
        """Starts it and waits until it says that it is ready; what it printed."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, sys.executable, "-m", "mailglass", part],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder,
                env=self._environment(),
            )  # fmt: skip
        assert self._process.stdout is not None
        self._lines = queue.Queue()
        threading.Thread(target=self._read, args=(self._process.stdout, self._lines), daemon=True).start()
        return self._until_ready()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> int:
        """Asks it to stop and waits; its exit status."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_SECONDS)
        self._close()
        return status

    def kill(self) -> None:
        """kill -9: no goodbye."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._close()

    def deliveries(self) -> list[Delivery]:
        return Outbox(self.folder / "var" / "outbox").list(limit=10_000)

    def delivered(self, delivery: Delivery) -> bytes:
        raw = Outbox(self.folder / "var" / "outbox").read(delivery.id)
        assert raw is not None
        return raw

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILGLASS_")}
        return {**kept, **self.settings, "PYTHONPATH": str(ROOT)}

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    @staticmethod
    def _read(stream: object, lines: queue.Queue[str | None]) -> None:
        try:
            for line in stream:  # type: ignore[attr-defined]
                lines.put(line.rstrip("\n"))
        except ValueError:
            pass  # closed by stop()
        lines.put(None)

    def _until_ready(self) -> list[str]:
        seen: list[str] = []
        deadline = time.monotonic() + START_SECONDS
        while True:
            line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            if line is None:
                raise AssertionError(f"it ended instead of starting:\n{self.log}")
            seen.append(line)
            if line == "Ctrl-C stops.":
                return seen
