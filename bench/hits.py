"""Durable hits per second beside servers that do less, interleaved in one run on one machine.

    nginx empty_gif, access log on    an event loop in C; writes a line, no fsync
    aiohttp, nothing stored           the same Python web server, answering the same pixel
    aiohttp, a commit per hit         one transaction and one fsync per hit, in one thread
    mailglass                         classified, counted in four summaries, committed with fsync, then answered
    mailglass, nothing stored         the same without the ledger: answered as soon as it is judged

Run ``python -m bench.hits``; needs wrk and nginx. Ratios are worth more than absolutes: generator and server share
the machine. Every server sees the same requests: pixels of 100 messages with ten usual user agents. Besides rates it
measures what a hit costs the server in CPU time, which a busy machine changes least, and how long the disk takes for
one fdatasync: with N clients there can be no more than N durable hits in that time, whoever stores them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from config.settings import PixelServer, Settings
from ledger.keys import load_keys
from ledger.message_id import mint_message_id
from ledger.records import MessageRecord, State
from ledger.shared import open_ledger
from ledger.tokens import Purpose, Target, mint
from pixel_server.public.answers import GIF
from pixel_server.public.app import PublicServer
from pixel_server.public.second_looks import SecondLooks

try:
    from uvloop import run
except ImportError:
    from asyncio import run

MESSAGES = 100
CLIENTS = (32, 256)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Thunderbird/130.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0 Mobile Safari/537.36",
)
SERVERS = ("nginx", "aiohttp", "commit", "unstored", "mailglass")
TITLES = {
    "nginx": "nginx empty_gif, access log",
    "aiohttp": "aiohttp, nothing stored",
    "commit": "aiohttp, a commit per hit",
    "unstored": "mailglass, nothing stored",
    "mailglass": "mailglass, classified, counted, fsync",
}
TICKS = os.sysconf("SC_CLK_TCK")


class Found(NamedTuple):
    """Of one measurement: requests a second, 99th percentile in milliseconds, microseconds of CPU a request."""

    rate: float
    p99: float
    cpu: float


def main() -> None:
    options = _options()
    if options.serve:
        SERVE[options.serve](options.port, Path(options.folder))
        return
    for program in ("wrk", "nginx"):
        if shutil.which(program) is None:
            sys.exit(f"bench.hits needs {program}")
    with tempfile.TemporaryDirectory(prefix="mailglass-bench-", dir=options.folder_on) as folder:
        _measure(Path(folder), options.only, options.seconds, options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument("--folder-on", type=Path, help="where the data goes, instead of the folder for temporary files")
    parser.add_argument("--only", nargs="*", choices=SERVERS, default=SERVERS)
    parser.add_argument("--serve", choices=[*SERVERS], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(folder: Path, names: Sequence[str], seconds: int, rounds: int) -> None:
    settings = Settings(data_dir=folder / "data")
    script = _write_script(folder, settings)
    found: dict[tuple[str, int], list[Found]] = {}
    syncs: list[float] = []
    for _ in range(rounds):
        syncs += _sync_milliseconds(folder)
        for name in names:
            with _server(name, folder) as (port, process):
                _wrk(port, process, CLIENTS[0], 1, script)  # what happens once is not what is asked
                for clients in CLIENTS:
                    found.setdefault((name, clients), []).append(_wrk(port, process, clients, seconds, script))
    _print_table(names, found)
    print(f"\none fdatasync: p50 {statistics.median(syncs):.2f} ms, p99 {sorted(syncs)[len(syncs) * 99 // 100]:.2f} ms")
    _print_counts(settings)


def _sync_milliseconds(folder: Path) -> list[float]:
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return took


def _write_script(folder: Path, settings: Settings) -> Path:
    ring = load_keys(settings.keys_dir)
    ids = [mint_message_id(round(time.time() * 1000), secrets.token_bytes(10)) for _ in range(MESSAGES)]
    asyncio.run(_register(settings, ids))
    paths = [f"/o/{mint(ring, Purpose.PIXEL, Target(one))}.gif" for one in ids]
    lua = folder / "hits.lua"
    agents = ", ".join(f'"{agent}"' for agent in AGENTS)
    listed = ", ".join(f'"{path}"' for path in paths)
    lua.write_text(
        f"local paths = {{{listed}}}\nlocal agents = {{{agents}}}\nlocal n = 0\n"
        "request = function()\n  n = n + 1\n"
        '  return wrk.format("GET", paths[n % #paths + 1], {["User-Agent"] = agents[(n * 7) % #agents + 1],'
        ' ["Accept"] = "image/*", ["Host"] = "127.0.0.1",'
        # Many visitors: beyond sixty a minute of one, hits are only counted on, which is cheaper.
        ' ["X-Forwarded-For"] = "198.51." .. math.random(0, 255) .. "." .. math.random(1, 254)})\nend\n'
    )
    return lua


async def _register(settings: Settings, ids: list[object]) -> None:
    ledger = await open_ledger(settings)
    now = datetime.now(UTC)
    for one in ids:
        await ledger.register(MessageRecord(one, now, "me@example.com", ("ann@example.net",), opens=True))  # type: ignore[arg-type]
        await ledger.settle(one, State.SENT, "250 ok", now)  # type: ignore[arg-type]
    await ledger.close()


@contextmanager
def _server(name: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.hits", "--serve", name, "--port", str(port), "--folder", str(folder)]
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("a server did not start")


def _wrk(port: int, process: int, clients: int, seconds: int, script: Path) -> Found:
    before = _cpu_seconds(process)
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{seconds}s",
        "--latency",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        print(text, file=sys.stderr)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    amount, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    cpu = (_cpu_seconds(process) - before) * 1e6 / requests
    return Found(rate, float(amount) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit], cpu)


def _cpu_seconds(process: int) -> float:
    """Of the process and of its children; nginx works in one."""
    total = 0.0
    for task in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = task.read_text().rpartition(") ")[2].split()
            if process in (int(task.parent.name), int(fields[1])):
                total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def _print_table(names: Sequence[str], found: dict[tuple[str, int], list[Found]]) -> None:
    print("| server | clients | hits/s | of aiohttp without storage | p99 ms (best) | CPU µs a hit |")
    print("|---|---|---|---|---|---|")
    for clients in CLIENTS:
        rates = {name: statistics.median(one.rate for one in found[name, clients]) for name in names}
        for name in names:
            p99s = [one.p99 for one in found[name, clients]]
            p99 = f"{statistics.median(p99s):.1f} ({min(p99s):.1f})"
            ratio = f"{rates[name] / rates['aiohttp']:.2f}" if "aiohttp" in rates else ""
            cpu = statistics.median(one.cpu for one in found[name, clients])
            print(f"| {TITLES[name]} | {clients} | {rates[name]:.0f} | {ratio} | {p99} | {cpu:.0f} |")


def _print_counts(settings: Settings) -> None:
    with sqlite3.connect(settings.data_dir / "mailglass.db") as connection:
        (hits,) = connection.execute("SELECT sum(repeats) FROM hit").fetchone()
        classes = dict(connection.execute("SELECT class, count(*) FROM hit GROUP BY class").fetchall())
    print(f"\nhits in the ledger afterwards: {hits}; rows by class: {classes}")


def _serve_nginx(port: int, folder: Path) -> None:
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 1024; }}\nhttp {{ access_log {folder}/access.log;\n"
        f"server {{ listen 127.0.0.1:{port} backlog=1024; keepalive_requests 100000000;"
        " location / { empty_gif; } } }\n"
    )
    os.execvp("nginx", ["nginx", "-c", str(configuration), "-p", str(folder)])


def _serve_aiohttp(port: int, _folder: Path) -> None:
    async def pixel(_request: web.Request) -> web.Response:
        return web.Response(body=GIF, content_type="image/gif", headers={"Cache-Control": "no-store"})

    run(_aiohttp(port, pixel))


def _serve_commit(port: int, folder: Path) -> None:
    connection = sqlite3.connect(folder / "commit.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS hit (seq INTEGER PRIMARY KEY, at REAL, path TEXT, agent TEXT)")

    def store(path: str, agent: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO hit (at, path, agent) VALUES (?, ?, ?)", (time.time(), path, agent))
        connection.execute("COMMIT")

    async def serve() -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        thread = ThreadPoolExecutor(1)

        async def pixel(request: web.Request) -> web.Response:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(thread, store, request.path, request.headers.get("User-Agent", ""))
            return web.Response(body=GIF, content_type="image/gif", headers={"Cache-Control": "no-store"})

        await _aiohttp(port, pixel)

    run(serve())


async def _aiohttp(port: int, handler: Callable[..., object]) -> None:
    app = web.Application()
    app.router.add_get("/o/{token}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await _until_stopped()
    await runner.cleanup()


def _serve_unstored(port: int, folder: Path) -> None:
    _serve_mailglass(port, folder, stored=False)


def _serve_mailglass(port: int, folder: Path, stored: bool = True) -> None:
    async def serve() -> None:
        pixel_server = PixelServer.model_validate({"bind": f"127.0.0.1:{port}", "trusted_proxies": ["127.0.0.0/8"]})
        settings = Settings(data_dir=folder / "data", pixel_server=pixel_server)
        ledger = await open_ledger(settings)
        ring = load_keys(settings.keys_dir)
        looks = SecondLooks(settings, ledger)
        looks.start()
        server = PublicServer(settings, ledger, lambda: ring)
        if not stored:
            server.ingest.record = lambda _hit, asker, answer: asker.answer(answer)  # type: ignore[method-assign]
        await server.start()
        gc.collect()
        gc.freeze()
        await _until_stopped()
        await server.close()
        await looks.close()
        await ledger.close()

    run(serve())


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


SERVE: dict[str, Callable[[int, Path], None]] = {
    "nginx": _serve_nginx, "aiohttp": _serve_aiohttp, "commit": _serve_commit,
    "unstored": _serve_unstored, "mailglass": _serve_mailglass,
}  # fmt: skip

if __name__ == "__main__":
    main()
