"""What the processes of a peer have used: time of the processor, memory. From /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def family(roots: Iterable[int]) -> list[int]:
    """These processes and all that descend from them."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Used so far, children that have ended included."""
    return sum(map(_cpu_ticks, pids)) / os.sysconf("SC_CLK_TCK")


def _cpu_ticks(pid: int) -> int:
    try:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    except OSError:
        return 0


def resident_megabytes(pids: Iterable[int], peak: bool) -> float:
    """Now, or the highest so far; shared pages are counted in each process."""
    return sum(_status(pid, "VmHWM" if peak else "VmRSS") for pid in pids) / 1024


def forget_peaks(pids: Iterable[int]) -> None:
    """From here on the highest is what is resident now."""
    for pid in pids:
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            pass  # it has ended, or is another user's


def _status(pid: int, name: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
