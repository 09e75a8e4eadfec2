"""Further processes that answer for pixels and links on the same port, when ``[pixel_server] workers`` asks for them.

The kernel shares the connections out (SO_REUSEPORT). One that dies is started again after a moment; the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

log = logging.getLogger("mailglass.workers")
START_AGAIN_SECONDS = 1.0
GRACE_SECONDS = 10.0


class PixelWorkers:
    def __init__(self, config: Path, count: int) -> None:
        self._config = config
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep_running(), name="pixel worker") for _ in range(self._count)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_running(self) -> None:
        command = (sys.executable, "-m", "mailglass", "pixel-server", "--worker", "--config", str(self._config))
        while True:
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
            try:
                status = await process.wait()
            finally:
                if process.returncode is None:
                    await _end(process)
            log.warning("Pixel worker ended and is started again: status=%s", status)
            await asyncio.sleep(START_AGAIN_SECONDS)


async def _end(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
