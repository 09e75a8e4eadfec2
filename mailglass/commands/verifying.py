"""``mailglass consent verify``: whether the lists of consents and of what was done are as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.anchors import ANCHORS_FILE, Anchor, AnchorFault, read_anchors
from ledger.queries.consents import ChainState, verify
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.reading import reading, run_to_end
from mailglass.commands.tables import print_rows
from mailglass.failures import Failed

_COLUMNS = ("list", "whole", "rows", "first_broken_row", "lost_row", "redacted", "last_hash")


def verify_lists(
    against: Annotated[
        Path | None, typer.Option("--against", help="what this command printed earlier with --json")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check that nobody changed the lists.

    The lists of consents and of what was done: no row changed, out of order or cut out.

    Keep what --json prints where those who could change the ledger cannot write, and give it back with --against:
    only that shows a list whose end was cut off or that was written anew as a whole.
    """
    settings = settings_from_file(config)
    anchors = [_anchors_in(settings.data_dir / ANCHORS_FILE)]
    if against is not None:
        if not against.exists():  # of the file beside the ledger, none is fine: it comes within the hour
            raise Failed(f"{against} cannot be read: there is no such file")
        anchors.append(_anchors_in(against))
        if not anchors[-1]:
            raise Failed(f"{against} holds no anchors")

    async def work() -> dict[str, ChainState]:
        async with reading(settings) as reader, reader.read() as connection:
            return await verify(connection, anchors)

    found = run_to_end(work())
    print_rows([_row(name, state) for name, state in found.items()], _COLUMNS, as_json)
    if not all(state.is_whole for state in found.values()):
        raise Failed("somebody changed the lists")


def _row(name: str, state: ChainState) -> dict[str, object]:
    return {
        "list": name,
        "whole": state.is_whole,
        "rows": state.end.row,
        "first_broken_row": state.first_broken_row,
        "lost_row": state.lost_row,
        "redacted": state.redacted,
        "last_hash": state.end.hash,
    }


def _anchors_in(path: Path) -> dict[str, Anchor]:
    try:
        return read_anchors(path)
    except (OSError, AnchorFault) as fault:
        raise Failed(str(fault)) from None
