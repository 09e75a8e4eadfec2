"""Takes changes from the other processes of the installation into the one that writes, and tells them of events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from ledger.changes import function_named
from ledger.faults import LedgerFault
from ledger.frames import frame_of, is_safe_place, read_frame, write_frame
from ledger.store import Store

log = logging.getLogger("mailglass.ledger")
METHODS = frozenset(
    {
        "register", "withdraw", "settle", "stop", "add_hits", "add_counts", "show_counted", "set_repeats",
        "change_verdicts",
    }
)  # fmt: skip
# An answer is (number, True, value) or (number, False, text); an event (0, True, event).
EVENT = 0


class SocketServer:
    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Whoever starts it holds the installation's lock, so a socket that lies there is a dead one's. Where
        others could listen in its place there is none, and this process works alone."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_safe_place(self._path):
            log.error("other processes cannot hand their changes over: %s belongs to others too", self._path.parent)
            return
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)

    async def close(self) -> None:
        self._closed = True
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        if self._closed:  # it came while we were closing
            writer.close()
            return
        self._connections.add(connection)
        telling = asyncio.create_task(self._tell(writer))
        answers: set[asyncio.Task[None]] = set()
        try:
            while True:
                number, method, arguments = await read_frame(reader)
                answer = asyncio.create_task(self._answer(writer, number, method, arguments))
                answers.add(answer)
                answer.add_done_callback(answers.discard)
        except (OSError, ValueError):
            pass
        except asyncio.CancelledError:
            log.debug("the socket of the ledger closes")
        finally:
            self._connections.discard(connection)
            telling.cancel()
            await asyncio.gather(telling, *answers, return_exceptions=True)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter, number: int, method: str, arguments: Any) -> None:
        frame = await self._do(number, method, arguments)
        if not writer.is_closing():  # who asked may have gone; what was asked for is done all the same
            writer.write(frame)

    async def _do(self, number: int, method: str, arguments: Any) -> bytes:
        """The answer, ready to be sent."""
        try:
            if method == "write":
                function, *rest = arguments
                result = await self._store.write(function_named(function), *rest)
            elif method == "secret":
                result = self._store.run_secret
            elif method in METHODS:
                result = await getattr(self._store, method)(*arguments)
            else:
                raise ValueError(f"there is no {method}")
            return frame_of((number, True, result))
        except LedgerFault as fault:
            return frame_of((number, False, str(fault)))
        except Exception as fault:
            log.exception("a change from another process failed")
            return frame_of((number, False, f"the change failed: {type(fault).__name__}"))

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        async for event in self._store.subscribe():
            write_frame(writer, (EVENT, True, event))
            await writer.drain()
