"""An upstream with a name of several addresses, some of which lead nowhere."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay import reaching
from relay.destination import Destination
from relay.dialing import dial
from relay.replies import Fault, UpstreamFault
from tests.relay.test_dialing import Owner
from tests.relay.test_tls import Certificates
from tests.relay.upstream_servers import Behaves

NAME = "several.example.com"
REFUSES, ANSWERS, SILENT = "127.0.0.2", "127.0.0.1", "127.0.0.3"
Named = Callable[..., None]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Gives the name its addresses."""
    real = socket.getaddrinfo

    def known_as(*addresses: str) -> None:
        def looked_up(host: str, port: int, *args: object, **more: object) -> list[object]:
            if host != NAME:
                return list(real(host, port, *args, **more))  # type: ignore[arg-type]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)

    return known_as


@pytest.fixture
def silent(upstream: Behaves) -> Iterator[None]:
    """Whoever calls the upstream's port at SILENT hears neither yes nor no: as many wait there as may."""
    with socket.create_server((SILENT, upstream.port), backlog=0):
        waiting = []
        for _ in range(4):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex((SILENT, upstream.port))
            waiting.append(caller)
        yield
        for caller in waiting:
            caller.close()


class Secure(Behaves):
    def __init__(self, certificates: Certificates, implicit: bool) -> None:
        super().__init__()
        self.tls = certificates.server_context(certificates.authority.issue_cert(NAME))
        self.implicit_tls = implicit


@pytest.fixture(params=["none", "starttls", "tls"])
async def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    certificates = Certificates(tmp_path)
    one = Behaves() if request.param == "none" else Secure(certificates, request.param == "tls")
    await one.start()
    context = certificates.client_context() if request.param != "none" else None
    one.destination = Destination(NAME, one.port, request.param, context, 60, 60)  # type: ignore[attr-defined]
    yield one
    await one.stop()


async def opens(upstream: Behaves) -> bool:
    link = await dial(upstream.destination, Owner(), "client.example.com")  # type: ignore[attr-defined]
    greeted = (await link.ask(b"EHLO client.example.com")).is_positive
    link.abandon()
    await upstream.until(lambda: upstream.open_connections == 0)
    return greeted


@pytest.mark.parametrize("addresses", [(ANSWERS,), (REFUSES, ANSWERS), (ANSWERS, REFUSES), (REFUSES, REFUSES, ANSWERS)])
async def test_of_several_addresses_one_that_answers_is_found(
    upstream: Behaves, named: Named, addresses: tuple[str, ...]
) -> None:
    named(*addresses)
    assert await opens(upstream)
    assert upstream.connections == 1


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("addresses", [(SILENT, ANSWERS), (REFUSES, SILENT, ANSWERS), (SILENT, REFUSES, ANSWERS)])
async def test_one_that_is_silent_does_not_keep_the_others_waiting(
    upstream: Behaves, named: Named, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    monkeypatch.setattr(reaching, "NEXT_SECONDS", 0.01)
    named(*addresses)
    assert await opens(upstream)


async def test_when_all_refuse_it_cannot_be_reached(upstream: Behaves, named: Named) -> None:
    named(REFUSES, REFUSES)
    with pytest.raises(UpstreamFault) as told:
        await dial(upstream.destination, Owner(), "client.example.com")  # type: ignore[attr-defined]
    assert told.value.fault is Fault.UPSTREAM_UNREACHABLE


@pytest.mark.usefixtures("silent")
async def test_whoever_gives_up_leaves_nothing_open(
    upstream: Behaves, named: Named, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up at each of the first turns of the loop; a socket that is left open is a warning, and so fails this."""
    monkeypatch.setattr(reaching, "NEXT_SECONDS", 0.001)
    named(SILENT, ANSWERS, ANSWERS)
    for turns in range(0, 120, 3):
        task = asyncio.create_task(dial(upstream.destination, Owner(), "client.example.com"))  # type: ignore[attr-defined]
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.sleep(0.0001 * turns)
        task.cancel()
        try:
            (await task).abandon()
        except asyncio.CancelledError:
            pass
    assert await opens(upstream)


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("192.0.2.1", True), ("2001:db8::1", True), ("fe80::1%eth0", True), ("localhost", False), ("192.0.2", False)],
)
def test_what_is_an_address_is_not_looked_up(host: str, is_one: bool) -> None:
    assert reaching.is_address(host) is is_one
