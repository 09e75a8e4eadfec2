"""Coverage-guided fuzzing of the public port: ``python -m tests.soak.fuzz_public [-max_total_time=3600]``.

The fuzzer's bytes go to a real server over a real socket, as they are or behind the beginning of a good request. Only
the promised statuses may come back, nothing that names the server, and the next good request must be answered. The
arguments are libFuzzer's. Needs atheris (the extra ``soak``).
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pixel_server.public", "ledger.urls", "ledger.tokens"]):
    from pixel_server.public import app as _instrumented  # noqa: F401 - imported so that its modules are counted
    from tests.public.public_port import PublicPort

ALLOWED = {200, 302, 400, 404, 405, 413, 429}
_STATUS = re.compile(rb"^HTTP/\d\.\d (\d+)", re.MULTILINE)


class Target:
    """One server for all inputs."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = self.loop.run_until_complete(PublicPort.open(folder))
        urls = self.loop.run_until_complete(self.port.message())
        own = f":{self.port.number}"
        self.pixel = urls.pixel().split(own)[1].encode()
        self.link = urls.link(1, "https://example.org/?a=1").split(own)[1].encode()
        self.page = urls.page().split(own)[1].encode()
        self.tried = 0

    def beginnings(self) -> tuple[bytes, ...]:
        return (
            b"", b"GET " + self.pixel, b"GET " + self.pixel + b" HTTP/1.1\r\nHost: a\r\n", b"GET " + self.link,
            b"HEAD " + self.link + b" HTTP/1.1\r\nHost: a\r\n", b"POST " + self.page + b" HTTP/1.1\r\nHost: a\r\n",
            b"GET " + self.pixel + b" HTTP/1.1\r\nHost: a\r\nUser-Agent: ", b"GET /c/" + self.pixel[3:54] + b"?u=",
        )  # fmt: skip

    def try_input(self, raw: bytes) -> None:
        """One input: its first byte chooses what stands before the others."""
        if not raw:
            return
        beginnings = self.beginnings()
        answer = self._ask(beginnings[raw[0] % len(beginnings)] + raw[1:])
        for status in _STATUS.findall(answer):
            assert int(status) in ALLOWED, answer[:200]
        assert not answer or answer.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")), answer[:200]
        assert b"\r\nServer:" not in answer, answer[:200]
        assert b"\r\nSet-Cookie:" not in answer, answer[:200]
        self.tried += 1
        if self.tried % 50 == 0:
            good = self._ask(b"GET " + self.pixel + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert good.startswith(b"HTTP/1.1 200 "), good[:200]
            assert good.endswith(b";"), good[-50:]  # as every GIF does

    def _ask(self, raw: bytes) -> bytes:
        return self.loop.run_until_complete(self._talk(raw))

    async def _talk(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port.number)
        answer = b""
        try:
            writer.write(raw)
            writer.write_eof()
            async with asyncio.timeout(30):
                while data := await reader.read(65536):
                    answer += data
        except ConnectionError:
            pass
        finally:
            writer.close()
        return answer


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as seeds:
        target = Target(Path(folder))
        for number in range(len(target.beginnings())):
            for end, text in enumerate(
                (b" HTTP/1.1\r\nHost: a\r\n\r\n", b"Cookie: a=b\r\nContent-Length: 3\r\n\r\nabc")
            ):
                Path(seeds, f"{number}-{end}").write_bytes(bytes([number]) + text)
        atheris.Setup([*sys.argv, seeds], target.try_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
