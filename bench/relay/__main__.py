"""``python -m bench.relay [--short]``: the relay beside its peers, in one run, as tables with ratios.

All peers run at once in front of the same sink; each cell goes round all of them before it is repeated, so that
whatever else the machine does hits all alike. Figures are medians. Ratios are worth more than figures.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench.relay import measuring, tables
from bench.relay.cells import CELLS, OURS, Cell
from bench.relay.measuring import Found
from bench.relay.peers import PEERS, NotHere, Peer, free_port


def start(folder: Path, without: str) -> list[Peer]:
    peers: list[Peer] = []
    sink = free_port()
    for kind in PEERS:
        if without and without.lower() in kind.__name__.lower():
            continue
        peer = kind(folder, sink)
        try:
            peer.start()
            peers.append(peer)
        except NotHere as missing:
            peer.stop()
            print(f"left out: {peer.name}: {missing}", flush=True)
        except BaseException:
            stop([*peers, peer])
            raise
    for peer in peers:
        peer.note_idle()
    return peers


def stop(peers: list[Peer]) -> None:
    for peer in reversed(peers):
        peer.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer cells, once round")
    parser.add_argument("--only", default="", help="cells whose title holds this; 'memory' and 'smtp-source' are two")
    parser.add_argument("--without", default="", help="leave out peers: postfix, nginx, haraka, stock, stockonuvloop")
    parser.add_argument("--repetitions", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the tables there too")
    given = parser.parse_args()
    repetitions, seconds = given.repetitions or (1 if given.short else 3), 1.5 if given.short else 2.0
    pages: list[str] = []

    def show(page: str) -> None:
        print(page, flush=True)
        pages.append(page)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the peers are stopped
    with tempfile.TemporaryDirectory(prefix="mailglass-bench-") as folder:
        Path(folder).chmod(0o755)
        peers = start(Path(folder), given.without)
        try:
            cells: dict[Cell, dict[str, Found]] = {}
            memory: dict[str, dict[str, float]] = {}
            if given.only in "memory":  # first: what later cells leave behind is no cost of a message
                memory = measuring.run_memory(peers)
                show(tables.memory_table(memory))
            for cell in CELLS:
                if given.only in cell.title and (cell.quick or not given.short):
                    cells[cell] = measuring.run_cell(peers, cell, repetitions, seconds)
                    show(tables.cell_table(cell, cells[cell]))
            if given.only in "smtp-source" and (found := measuring.run_source(peers, repetitions, seconds)):
                show(tables.source_table(found))
            if any(peer.name == OURS for peer in peers):
                show(tables.goals_table(cells, memory))
        finally:
            stop(peers)
    if given.out:
        given.out.write_text("\n".join(pages) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
