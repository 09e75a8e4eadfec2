"""How far a command has come that takes long: a bar on a terminal, elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


def is_watched() -> bool:
    """Whether somebody sees a bar: counting what is to be done may take its time and is for them alone."""
    return sys.stderr.isatty()


@contextmanager
def progress(total: int, label: str, is_shown: bool = True) -> Iterator[Callable[[int], object]]:
    """A bar to be moved on by so many steps of ``total`` at a time."""
    if not (is_shown and is_watched()):
        yield lambda _count: None
        return
    with typer.progressbar(length=total, label=label, file=sys.stderr) as bar:
        yield bar.update
