"""One measurement of one peer: by the load generator of this package, or by Postfix's smtp-source."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time

from bench.relay.cells import MEMORY, Cell
from bench.relay.peers import Peer

Found = dict[str, float]


def run_cell(peers: list[Peer], cell: Cell, repetitions: int, seconds: float) -> dict[str, Found]:
    """Goes round all peers before it begins again; medians."""
    rounds: dict[str, list[Found]] = {peer.name: [] for peer in peers}
    for _ in range(repetitions):
        for peer in peers:
            rounds[peer.name].append(_measure(peer, cell, seconds))
    return {
        name: {key: statistics.median(one[key] for one in all_of_it) for key in all_of_it[0]}
        for name, all_of_it in rounds.items()
    }


def _measure(peer: Peer, cell: Cell, seconds: float) -> Found:
    before = peer.cpu_seconds()
    found = _load(peer, cell.octets, cell.sessions, seconds, *cell.arguments)
    return found | {"cpu": (peer.cpu_seconds() - before) / max(1, found["messages"]) * 1000}


def _load(peer: Peer, octets: int, sessions: int, seconds: float, *more: str) -> Found:
    command = [sys.executable, "-m", "bench.relay.load", str(peer.port), "--octets", str(octets)]
    command += ["--sessions", str(sessions), "--seconds", str(seconds), *more]
    done = subprocess.run(command, capture_output=True, check=True, timeout=seconds * 20 + 120)
    found: Found = json.loads(done.stdout)
    return found


def run_memory(peers: list[Peer]) -> dict[str, dict[str, float]]:
    """For each peer and size the highest resident size above what it was before any message."""
    found: dict[str, dict[str, float]] = {}
    for title, octets, sessions, seconds in MEMORY:
        for peer in peers:
            peer.forget_peak()
            _load(peer, octets, sessions, seconds)
            found.setdefault(peer.name, {"idle": peer.idle_megabytes})[title] = (
                peer.peak_megabytes() - peer.idle_megabytes
            )
    return found


def run_source(peers: list[Peer], repetitions: int, seconds: float) -> dict[str, Found]:
    """Messages a second of 2 kB in 10 sessions by smtp-source, many and one per connection; empty without it."""
    program = shutil.which("smtp-source")
    if program is None:
        return {}
    rounds: dict[str, list[Found]] = {peer.name: [] for peer in peers}
    for _ in range(repetitions):
        for peer in peers:
            many = _source(program, peer, seconds, "-d")
            rounds[peer.name].append({"many": many, "one": _source(program, peer, seconds)})
    return {
        name: {key: statistics.median(one[key] for one in all_of_it) for key in all_of_it[0]}
        for name, all_of_it in rounds.items()
    }


def _source(program: str, peer: Peer, seconds: float, *more: str) -> float:
    """It takes a number of messages, not a time: a short run says how many."""
    rate = 0.0
    for count in (200, 0):
        count = count or max(200, int(rate * seconds))
        begun = time.perf_counter()
        command = (program, "-s", "10", "-l", "2000", "-m", str(count), "-f", "a@example.com", "-t", "b@example.net")
        subprocess.run((*command, *more, f"127.0.0.1:{peer.port}"), capture_output=True, check=True, timeout=300)
        rate = count / (time.perf_counter() - begun)
    return rate
