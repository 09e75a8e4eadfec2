"""A thousand recipients: all served, and memory that does not grow with recipients times size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.relay.running_relay import Client
from tests.spool.scripted_upstream import scripted_upstream
from tests.spool.test_kill import relay_process, until
from tests.spool.test_through_the_relay import MESSAGE

SIZE = 100_000
LARGE = MESSAGE.replace(b"<body>", b"<body>" + b"<p>some more</p>\r\n" * (SIZE // 18))


def peak_memory(pid: int) -> int:
    """The most that was resident so far, in bytes."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024


async def submit(port: int, addresses: list[str]) -> bytes:
    client = await Client.connect(port)
    await client.reply()
    await client.ask(b"EHLO client.example.com")
    await client.begin(*(address.encode() for address in addresses))
    await client.ask(b"DATA")
    await client.send(LARGE + b".\r\n")
    reply = await client.reply(seconds=100)
    client.close()
    return reply


@pytest.mark.timeout(200)
async def test_a_thousand_copies_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    few = [f"few{number}@example.net" for number in range(3)]
    many = [f"m{number}@example.net" for number in range(1000)]
    async with scripted_upstream() as upstream:
        upstream.keeps_content = False
        async with relay_process(tmp_path / "data", upstream, ledger="forgetful") as relay:
            pid = relay.process.pid
            assert (await submit(relay.port, few)).startswith(b"250")
            await until(lambda: len(upstream.taken) == 3, "the few were not served")
            before = peak_memory(pid)
            assert (await submit(relay.port, many)).startswith(b"250")
            await until(lambda: len(upstream.taken) == 1003, "not all were served", seconds=100)
            after = peak_memory(pid)
            spool = tmp_path / "data" / "spool"
            await until(lambda: not [*spool.glob("*.mail")], "the spool never became empty")
    assert sorted(upstream.addresses()) == sorted(few + many)
    # 100 MB are sent; a thousand standings and journal lines take about 2 MB.
    assert after - before < 20e6, f"{(after - before) / 1e6:.0f} MB"
