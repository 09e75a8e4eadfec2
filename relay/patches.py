"""How one copy differs from another: pure differences between byte strings of equal length.

The copies of a message differ in their tokens alone, and tokens have one length. So the spool keeps one tracked body
and, for every further copy, the few blocks in which it differs. Knows nothing of mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Whole pages are compared first: 64 kB compare in microseconds, and most pages of a large message are equal.
PAGE = 65536
BLOCK = 64


@dataclass(frozen=True, slots=True)
class Patch:
    """``new`` stands at ``offset`` instead of as many bytes of the template."""

    offset: int
    new: bytes


def difference(template: bytes, other: bytes) -> tuple[Patch, ...] | None:
    """The patches that turn ``template`` into ``other``, ascending and apart; None when the lengths differ."""
    if len(template) != len(other):
        return None
    patches: list[Patch] = []
    for start, end in _differing_runs(template, other):
        patches.append(Patch(start, other[start:end]))
    return tuple(patches)


def _differing_runs(template: bytes, other: bytes) -> Iterator[tuple[int, int]]:
    run_start = run_end = -1
    for page in range(0, len(template), PAGE):
        if template[page : page + PAGE] == other[page : page + PAGE]:
            continue
        for block in range(page, min(page + PAGE, len(template)), BLOCK):
            if template[block : block + BLOCK] == other[block : block + BLOCK]:
                continue
            if block != run_end:
                if run_start >= 0:
                    yield run_start, run_end
                run_start = block
            run_end = min(block + BLOCK, len(template))
    if run_start >= 0:
        yield run_start, run_end


def patched(chunks: Iterable[bytes], patches: Iterable[Patch]) -> Iterator[bytes]:
    """The chunks of a template with the patches laid over them; patches may cross the ends of chunks."""
    waiting = iter(patches)
    patch = next(waiting, None)
    start = 0
    for chunk in chunks:
        end = start + len(chunk)
        if patch is None or patch.offset >= end:
            yield chunk
            start = end
            continue
        buffer = bytearray(chunk)
        while patch is not None and patch.offset < end:
            low, high = max(patch.offset, start), min(patch.offset + len(patch.new), end)
            buffer[low - start : high - start] = patch.new[low - patch.offset : high - patch.offset]
            if patch.offset + len(patch.new) > end:
                break
            patch = next(waiting, None)
        yield bytes(buffer)
        start = end
