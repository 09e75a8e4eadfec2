"""Which verdicts clients have heard when many send the same octets and end as they like, on both loops."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.test_heard_or_not import event_loop_policy  # noqa: F401 - a fixture
from tests.relay.upstream_servers import Behaves, Hangup, Talk

pytestmark = pytest.mark.filterwarnings(
    "ignore:Overriding the .event_loop_policy. fixture:pytest.PytestDeprecationWarning"
)


class Moody(Behaves):
    """Takes its time, accepts about every second message, and refuses or drops the others."""

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        await asyncio.sleep(random.choice([0, 0, 0.005, 0.02, 0.05]))
        mood = random.random()
        if mood < 0.55:
            return await super().on_dot(talk, content)
        if mood > 0.85:
            raise Hangup
        talk.mail, talk.recipients = b"", []
        return b"451 4.3.0 Later\r\n" if mood < 0.75 else b"550 5.7.1 No\r\n"


async def sends_one_of_five(relay: RunningRelay, turn: int) -> bytes:
    """The queue name of what it heard 250 for; empty when it left, or heard something else."""
    await asyncio.sleep(random.choice([0, 0, 0.01, 0.03, 0.06]))
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    kind = random.randrange(5)
    asking = b"X-Track: all\r\n" if kind % 2 else b""
    ends, quits = random.choice(["reset", "close", "half-close", "stay", "stay"]), random.random() < 0.3
    await client.send(b"%sMessage-ID: <%d-%d@x>\r\n\r\n.\r\n" % (asking, turn, kind) + b"QUIT\r\n" * quits)
    if ends in ("reset", "close"):
        await asyncio.sleep(random.choice([0, 0.003, 0.01]))
        client.reset() if ends == "reset" else client.close()
        return b""
    if ends == "half-close":
        client.writer.write_eof()
    reply = await client.reply()
    client.close()
    queued = re.search(rb"queued as (\w+)", reply)
    return queued[1] if queued else b""


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_of_many_clients_that_send_the_same_and_end_as_they_like_no_two_hear_of_one_delivery(
    start_relay: StartRelay,
) -> None:
    relay = await start_relay(Moody(), limits={"connections": 1000, "connections_per_address": 1000})
    heard: Counter[bytes] = Counter()
    for turn in range(300):
        names = await asyncio.gather(*(sends_one_of_five(relay, turn) for _ in range(30)))
        heard.update(name for name in names if name)
        await relay.server.ports[0].around.sessions.until_empty()
    assert len(heard) > 1000
    assert {name: times for name, times in heard.items() if times > 1} == {}
