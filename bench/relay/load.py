"""Load: so many sessions submit the same message for so many seconds; prints what that gave as one line of JSON.

One process, one event loop, a protocol per session; its share of a core is printed too, so that one can see whether
it was the limit. Latency is from MAIL FROM to the final 250; with one message per connection, from the connection on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import cast

import uvloop


def message_of(octets: int, html: bool) -> bytes:
    """A message of about that size: lines of 76 letters, as text or as an HTML newsletter with ten links per 5 kB."""
    head = b"From: a@example.com\r\nTo: b@example.net\r\nSubject: bench\r\nMIME-Version: 1.0\r\n"
    if not html:
        line = b"y" * 76 + b"\r\n"
        return head + b"\r\n" + line * max(1, (octets - len(head)) // len(line))
    row = (
        b'<tr><td style="padding: 12px; font-family: Arial"><a href="https://shop.example.com/item/%05d?c=spring">'
        b"A thing to look at</a></td>\r\n<td>"
        + b"Some words on this thing that somebody might want to read. " * 6
        + b"</td></tr>\r\n"
    )
    rows = b"".join(row % number for number in range(max(1, octets // len(row))))
    kind = b"Content-Type: text/html; charset=utf-8\r\nX-Track: all\r\n\r\n"
    return head + kind + b"<html><body><table>\r\n" + rows + b"</table></body></html>\r\n"


MOST_SHOWN = 5


@dataclass
class Plan:
    port: int
    message: bytes
    seconds: float
    reconnect: bool
    pipelined: bool
    latencies: list[float] = field(default_factory=list)
    errors: int = 0

    def failed(self, why: object) -> None:
        self.errors += 1
        if self.errors <= MOST_SHOWN:
            print("failed:", why, file=sys.stderr)


class Submitter(asyncio.Protocol):
    """Submits until the time is up; ``done`` is set when it has said QUIT."""

    def __init__(self, plan: Plan, until: float, done: asyncio.Future[None]) -> None:
        self.plan, self.until, self.done = plan, until, done
        self.rest = b""
        self.step = 0
        self.begun = time.perf_counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        lines = (self.rest + data).split(b"\r\n")
        self.rest = lines.pop()
        for line in lines:
            if line[3:4] != b"-":
                self.replied(line)

    def replied(self, line: bytes) -> None:
        """Steps: 0 greeting, 1 EHLO, 2 MAIL, 3 RCPT, 4 DATA, 5 the dot, 6 QUIT."""
        if line[:1] not in b"23" and self.step < 6:
            self.plan.failed(line)
            self.quit()
            return
        self.step += 1
        if self.step == 1:
            self.transport.write(b"EHLO client.example.com\r\n")
        elif self.step == 2:
            self.begin()
        elif self.step == 3 and not self.plan.pipelined:
            self.transport.write(b"RCPT TO:<b@example.net>\r\n")
        elif self.step == 4 and not self.plan.pipelined:
            self.transport.write(b"DATA\r\n")
        elif self.step == 5:
            self.transport.write(self.plan.message + b".\r\n")
        elif self.step == 6:
            self.finished()
        elif self.step > 6:
            self.transport.close()

    def begin(self) -> None:
        if not self.plan.reconnect:
            self.begun = time.perf_counter()
        more = b"RCPT TO:<b@example.net>\r\nDATA\r\n" if self.plan.pipelined else b""
        self.transport.write(b"MAIL FROM:<a@example.com>\r\n" + more)

    def finished(self) -> None:
        now = time.perf_counter()
        self.plan.latencies.append(now - self.begun)
        if self.plan.reconnect or now > self.until:
            self.quit()
        else:
            self.step = 2
            self.begin()

    def quit(self) -> None:
        self.step = 6
        self.transport.write(b"QUIT\r\n")


async def session(plan: Plan, until: float) -> None:
    loop = asyncio.get_running_loop()
    while time.perf_counter() < until:
        done = loop.create_future()
        try:
            await loop.create_connection(lambda done=done: Submitter(plan, until, done), "127.0.0.1", plan.port)
            await done
        except OSError as error:
            plan.failed(error)
            await asyncio.sleep(0.05)


async def run(plan: Plan, sessions: int) -> dict[str, float]:
    begun, before = time.perf_counter(), time.process_time()
    await asyncio.gather(*(session(plan, begun + plan.seconds) for _ in range(sessions)))
    took, used = time.perf_counter() - begun, time.process_time() - before
    ordered = sorted(plan.latencies) or [0.0]
    return {
        "messages": len(plan.latencies),
        "per_second": len(plan.latencies) / took,
        "p50": ordered[len(ordered) // 2] * 1000,
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
        "errors": plan.errors,
        "load": used / took,
        "octets": len(plan.message),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--octets", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--reconnect", action="store_true")
    parser.add_argument("--pipelined", action="store_true")
    parser.add_argument("--html", action="store_true")
    given = parser.parse_args()
    message = message_of(given.octets, given.html)
    plan = Plan(given.port, message, given.seconds, given.reconnect, given.pipelined)
    print(json.dumps(uvloop.run(run(plan, given.sessions))))


if __name__ == "__main__":
    main()
