"""What was found, as tables in Markdown, and beside each goal whether it was reached."""

from __future__ import annotations

from bench.relay.cells import (
    ALONE,
    LIMIT,
    MOST_ADDED_MS,
    MOST_MEGABYTES,
    OURS,
    PIPELINED,
    PIPELINING_GAIN,
    PLAIN,
    POSTFIX,
    Cell,
)  # fmt: skip
from bench.relay.measuring import Found


def cell_table(cell: Cell, found: dict[str, Found]) -> str:
    limit = found[LIMIT]
    lines = [
        f"\n### {cell.title}\n",
        "| relay | msgs/s | MB/s | of the sink | CPU ms a message | p50 ms (added) | p99 ms | load % CPU | errors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        rate = row["per_second"]
        lines.append(
            f"| {name} | {rate:.0f} | {rate * row['octets'] / 1e6:.1f} | {rate / limit['per_second']:.2f} | "
            f"{row['cpu']:.2f} | {row['p50']:.2f} ({row['p50'] - limit['p50']:+.2f}) | {row['p99']:.2f} | "
            f"{row['load'] * 100:.0f} | {row['errors']:.0f} |"
        )
    return "\n".join(lines)


def memory_table(found: dict[str, dict[str, float]]) -> str:
    sizes = [key for key in next(iter(found.values())) if key != "idle"]
    lines = ["\n### Memory, MB above idle at its highest\n", f"| relay | idle | {' | '.join(sizes)} |"]
    lines.append("|---" * (len(sizes) + 2) + "|")
    for name, row in found.items():
        lines.append(f"| {name} | {row['idle']:.0f} | " + " | ".join(f"{row[size]:.1f}" for size in sizes) + " |")
    return "\n".join(lines)


def source_table(found: dict[str, Found]) -> str:
    lines = ["\n### Cross-check with smtp-source: 2 kB, 10 sessions, messages a second\n"]
    lines += ["| relay | many per connection | of ours | one per connection | of ours |", "|---|---|---|---|---|"]
    ours = found[OURS]
    for name, row in found.items():
        shares = [f"{row[key]:.0f} | {row[key] / ours[key]:.2f}" for key in ("many", "one")]
        lines.append(f"| {name} | {' | '.join(shares)} |")
    return "\n".join(lines)


def goals_table(cells: dict[Cell, dict[str, Found]], memory: dict[str, dict[str, float]]) -> str:
    lines = ["\n### Goals\n", "| goal | measured | |", "|---|---|---|"]
    for cell, found in cells.items():
        ours = found[OURS]["per_second"]
        for name, goal in cell.goals:
            if name in found and found[name]["per_second"]:
                ratio = ours / found[name]["per_second"]
                lines.append(_line(f"{cell.title}: ≥ {goal} × {name}", f"{ratio:.2f}", ratio >= goal))
    if PLAIN in cells and PIPELINED in cells:
        gain = cells[PIPELINED][OURS]["per_second"] / cells[PLAIN][OURS]["per_second"]
        lines.append(_line(f"pipelined ≥ {PIPELINING_GAIN} × plain", f"{gain:.2f}", gain >= PIPELINING_GAIN))
    if ALONE in cells:
        found = cells[ALONE]
        added = {name: row["p50"] - found[LIMIT]["p50"] for name, row in found.items()}
        theirs = added.get(POSTFIX, MOST_ADDED_MS)
        lines.append(
            _line(
                f"2 kB, 1 session: p50 ≤ {MOST_ADDED_MS} ms more than the sink, and below Postfix's",
                f"{added[OURS]:.2f}, Postfix {theirs:.2f}",
                added[OURS] <= MOST_ADDED_MS and added[OURS] < theirs,
            )
        )
    if memory:
        highest = max(value for key, value in memory[OURS].items() if key != "idle")
        lines.append(_line(f"memory ≤ {MOST_MEGABYTES:.0f} MB above idle", f"{highest:.1f}", highest <= MOST_MEGABYTES))
    return "\n".join(lines)


def _line(goal: str, measured: str, is_met: bool) -> str:
    return f"| {goal} | {measured} | {'met' if is_met else 'missed'} |"
