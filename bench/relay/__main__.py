"""``python -m bench.relay [--short]``: the relay beside its peers, in one run, as a table with ratios.

All peers run at once in front of the same sink; each cell goes round all of them before it is repeated, so that
whatever else the machine does hits all alike. Figures are medians. Ratios are worth more than figures.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.relay.peers import PEERS, NotHere, Peer, free_port

LIMIT, POSTFIX, NGINX, STOCK, OURS = (
    "sink (the limit)", "Postfix before-queue", "nginx mail proxy", "aiosmtpd + aiosmtplib", "mailglass",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    title: str
    octets: int
    sessions: int
    arguments: tuple[str, ...] = ()
    goals: tuple[tuple[str, float], ...] = ()
    quick: bool = False


CELLS = (
    Cell("2 kB, 1 session", 2000, 1),
    Cell("2 kB, 10 sessions", 2000, 10, goals=((POSTFIX, 2.5), (NGINX, 0.75), (STOCK, 5.0)), quick=True),
    Cell("2 kB, 50 sessions", 2000, 50, goals=((POSTFIX, 2.5), (NGINX, 0.75), (STOCK, 5.0)), quick=True),
    Cell("2 kB, 10 sessions, client pipelines", 2000, 10, ("--pipelined",)),
    Cell("2 kB, 10 sessions, one message per connection", 2000, 10, ("--reconnect",), ((POSTFIX, 1.5),), True),
    Cell("2 kB, 50 sessions, one message per connection", 2000, 50, ("--reconnect",), ((POSTFIX, 1.5),)),
    Cell("50 kB, 1 session", 50_000, 1),
    Cell("50 kB, 10 sessions", 50_000, 10, goals=((LIMIT, 0.85),), quick=True),
    Cell("50 kB, 50 sessions", 50_000, 50, goals=((LIMIT, 0.85),)),
    Cell("10 MB, 1 session", 10_000_000, 1, goals=((LIMIT, 0.95),), quick=True),
    Cell("10 MB, 4 sessions", 10_000_000, 4, goals=((LIMIT, 0.95),)),
    Cell("50 kB newsletter, opted in, 10 sessions", 50_000, 10, ("--html",), ((POSTFIX, 0.6),), True),
)


def measure(peer: Peer, cell: Cell, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.relay.load", str(peer.port), "--octets", str(cell.octets)]
    command += ["--sessions", str(cell.sessions), "--seconds", str(seconds), *cell.arguments]
    before = peer.cpu_seconds()
    done = subprocess.run(command, capture_output=True, check=True, timeout=seconds * 20 + 60)
    found: dict[str, float] = json.loads(done.stdout)
    return found | {"cpu": (peer.cpu_seconds() - before) / max(1, found["messages"]) * 1000}


def run_cell(peers: list[Peer], cell: Cell, repetitions: int, seconds: float) -> dict[str, dict[str, float]]:
    rounds: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    for _ in range(repetitions):
        for peer in peers:
            rounds[peer.name].append(measure(peer, cell, seconds))
    medians = {
        name: {key: statistics.median(one[key] for one in all_of_it) for key in all_of_it[0]}
        for name, all_of_it in rounds.items()
    }
    for peer in peers:
        medians[peer.name]["peak"] = peer.peak_megabytes()
    return medians


def table(cell: Cell, found: dict[str, dict[str, float]]) -> str:
    limit = found[LIMIT]
    lines = [
        f"\n### {cell.title}\n",
        "| relay | msgs/s | MB/s | of the sink | CPU ms a message | p50 ms (added) | p99 ms | peak MB | errors |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name, row in found.items():
        rate = row["per_second"]
        lines.append(
            f"| {name} | {rate:.0f} | {rate * row['octets'] / 1e6:.1f} | {rate / limit['per_second']:.2f} | "
            f"{row['cpu']:.2f} | "
            f"{row['p50']:.2f} ({row['p50'] - limit['p50']:+.2f}) | {row['p99']:.2f} | {row['peak']:.0f} | "
            f"{row['errors']:.0f} |"
        )
    ours = found[OURS]["per_second"]
    for name, goal in cell.goals:
        if name in found and found[name]["per_second"]:
            ratio = ours / found[name]["per_second"]
            lines.append(f"\nmailglass / {name}: **{ratio:.2f}** (goal {goal}: {'met' if ratio >= goal else 'missed'})")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer cells, one second each")
    parser.add_argument("--only", default="", help="cells whose title holds this")
    parser.add_argument("--repetitions", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the table there too")
    given = parser.parse_args()
    repetitions, seconds = given.repetitions or (1 if given.short else 3), 1.5 if given.short else 3.0
    pages: list[str] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the peers are stopped
    with tempfile.TemporaryDirectory(prefix="mailglass-bench-") as folder:
        Path(folder).chmod(0o755)
        peers: list[Peer] = []
        sink = free_port()
        try:
            for kind in PEERS:
                peer = kind(Path(folder), sink)
                try:
                    peer.start()
                    peers.append(peer)
                except NotHere as missing:
                    peer.stop()
                    print(f"left out: {peer.name}: {missing}", flush=True)
            for cell in CELLS:
                if given.only in cell.title and (cell.quick or not given.short):
                    page = table(cell, run_cell(peers, cell, repetitions, seconds))
                    print(page, flush=True)
                    pages.append(page)
        finally:
            for peer in reversed(peers):
                peer.stop()
    if given.out:
        given.out.write_text("\n".join(pages) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
