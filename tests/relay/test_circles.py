"""A relay that leads back to itself is noticed: in the configuration, at the start, and by the first session."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from config.addresses import reaches
from config.settings import Listener, Settings, Upstream
from relay.circles import circles
from relay.own_connections import is_own_connection
from tests.e2e.installation import Installation
from tests.relay.conftest import StartRelay
from tests.relay.upstream_servers import Behaves

# An address in a spelling that has to be looked up, as a name has, and that no name server is asked for.
LOOPBACK_AS_A_NAME = "127.1"


@pytest.mark.parametrize(
    ("host", "port", "bind", "surely"),
    [
        ("127.0.0.1", 2525, "127.0.0.1:2525", True),
        ("localhost", 2525, "127.0.0.1:2525", True),
        ("localhost", 2525, "[::1]:2525", True),
        ("127.0.0.1", 2525, "localhost:2525", True),
        ("::1", 2525, "[0:0:0:0:0:0:0:1]:2525", True),
        ("127.0.0.1", 2525, "*:2525", True),
        ("127.0.0.7", 2525, "0.0.0.0:2525", True),
        ("0.0.0.0", 2525, "*:2525", True),
        ("192.0.2.1", 2525, "192.0.2.1:2525", True),
        ("127.0.0.1", 2526, "127.0.0.1:2525", False),
        ("127.0.0.2", 2525, "127.0.0.1:2525", False),
        ("::1", 2525, "127.0.0.1:2525", False),
        ("192.0.2.1", 2525, "*:2525", False),  # perhaps; that is asked of the machine, not of the text
        ("smtp.example.com", 2525, "127.0.0.1:2525", False),
        ("127.0.0.1", 0, "127.0.0.1:0", False),
    ],
)
def test_where_a_connection_surely_ends(host: str, port: int, bind: str, surely: bool) -> None:
    assert reaches(host, port, bind) is surely


@pytest.mark.parametrize(
    ("host", "port", "bind", "found"),
    [
        (LOOPBACK_AS_A_NAME, 2525, "127.0.0.1:2525", {"default": "127.0.0.1:2525"}),
        (LOOPBACK_AS_A_NAME, 2525, "*:2525", {"default": "*:2525"}),
        (LOOPBACK_AS_A_NAME, 2526, "127.0.0.1:2525", {}),
        ("no-such-name.invalid", 2525, "127.0.0.1:2525", {}),
        ("192.0.2.1", 2525, "*:2525", {}),
        ("a" * 70 + ".example.com", 2525, "*:2525", {}),  # no name at all
    ],
)
async def test_names_are_looked_up(host: str, port: int, bind: str, found: dict[str, str]) -> None:
    security = {"security": "starttls", "certificate": "c.pem", "private_key": "k.pem"} if bind[0] == "*" else {}
    settings = Settings(
        listener=(Listener(bind=bind, **security),),  # type: ignore[arg-type]
        upstream={"default": Upstream(host=host, port=port)},
    )
    assert await circles(settings) == found


def test_every_command_that_could_tell_tells(tmp_path: Path) -> None:
    """C09: check (the text is enough), check --online and doctor (names too), and run refuses to start."""
    plain = Installation(tmp_path / "plain")
    plain.write(f'host = "127.0.0.1"\nport = {plain.smtp}\nsecurity = "none"\n')
    assert plain.command("check").returncode == 78
    assert "mail would go in circles" in plain.command("check").stderr
    named = Installation(tmp_path / "named")
    named.write(f'host = "{LOOPBACK_AS_A_NAME}"\nport = {named.smtp}\nsecurity = "none"\nallow_plaintext = true\n')
    assert named.command("check").returncode == 0
    for command in (("check", "--online"), ("doctor", "--to", "a@example.com")):
        told = named.command(*command)
        assert told.returncode == 1
        assert "mail would go in circles" in told.stdout
    for part in ("run", "relay"):
        refused = named.command(part)
        assert refused.returncode == 78
        assert f"is the listener 127.0.0.1:{named.smtp} of this very relay" in refused.stderr


async def test_a_relay_that_is_its_own_upstream_notices(start_relay: StartRelay, upstream: Behaves) -> None:
    """C09: the inner session hears 554 5.4.6, and so does the client, instead of connections without end."""
    first = await start_relay(upstream)
    port = first.port
    await first.server.stop(0)
    upstream.port, kept = port, upstream.port
    own = {"host": LOOPBACK_AS_A_NAME, "allow_plaintext": True}
    relay = await start_relay(upstream, listener={"bind": f"127.0.0.1:{port}"}, upstream=own)
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"554 5.4.6 ")
    upstream.port = kept


async def test_one_end_in_common_with_an_upstream_connection_is_chance(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """A client on the same machine may get the port that one of our connections has towards another server."""
    relay = await start_relay(upstream)
    await relay.session()
    (session,) = relay.server.ports[0].around.sessions
    transport = session.link._transport  # type: ignore[attr-defined]
    local, remote = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    assert is_own_connection(local, remote)
    assert not is_own_connection(local, ("127.0.0.1", relay.port))


async def test_two_relays_that_lead_to_one_another_end_at_their_limits(start_relay: StartRelay, tmp_path: Path) -> None:
    """Neither can know; each hop is a connection more, and the first that is refused unwinds them all."""
    first = await start_relay(Behaves())
    port = first.port
    await first.server.stop(0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.relay.relay_process", str(port), str(tmp_path / "other"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    other = Behaves()
    other.port = int(await process.stdout.readline())
    limits = {"connections_per_address": 8}
    relay = await start_relay(other, listener={"bind": f"127.0.0.1:{port}"}, limits=limits)
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"421 4.7.0 ")
    assert await client.reply() == b""
    await relay.server.ports[0].around.sessions.until_empty()
    process.kill()
    await process.wait()
