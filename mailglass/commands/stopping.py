"""``mailglass stop``: nothing more is recorded for a message. Its links redirect on, as all links do for ever."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.commands.reading import changing, message_id_from, run_to_end
from mailglass.failures import Failed


def stop(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="its id, as in mailglass messages")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Stop recording for a message; its links still redirect."""
    settings = settings_from_file(config)
    message_id = message_id_from(message)

    async def work() -> bool:
        async with changing(settings) as ledger:
            return await ledger.stop(message_id, datetime.now(UTC))

    if not run_to_end(work()):
        raise Failed(f"the ledger knows no message {message_id}")
    typer.echo(f"Nothing more is recorded for {message_id}; its links still redirect.")
