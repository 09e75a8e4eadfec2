"""A client that says how long the delivery of its message may take (DELIVERBY, RFC 2852)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.records import State
from relay.deliver_by import comes_back_after, shortened
from relay.spool_states import CopyState
from tests.spool.messages import ID, rendered
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot, closes_after_dot
from tests.spool.workbench import RECIPIENTS, Workbench, workbench

R1, R2, R3 = RECIPIENTS
SENDER = "ann@example.org"


@pytest.mark.parametrize(
    ("written", "waited", "sent", "why"),
    [
        (b"BY=120;R", 0.9, b"BY=120;R", "not a second has passed: not an octet changes"),
        (b"BY=+0120;rT SIZE=9", 0.9, b"BY=+0120;rT SIZE=9", "the same"),
        (b"BY=120;R", 30.5, b"BY=90;R", "whole seconds"),
        (b"RET=FULL by=120;nT SIZE=9", 30, b"RET=FULL by=90;nT SIZE=9", "any case, trace, among others"),
        (b"BY=120;R", 119, b"BY=1;R", "the last second"),
        (b"BY=120;R", 120, None, "nothing is left: it comes back"),
        (b"BY=120;rT", 7200, None, "long ago"),
        (b"BY=120;N", 120, b"BY=0;N", "with N it goes on"),
        (b"BY=-20;N", 100, b"BY=-120;N", "and says by how much it is late"),
        (b"BY=-999999990;N", 100, b"BY=-999999999;N", "which has nine digits at most"),
        (b"BY=soon;R", 500, b"BY=soon;R", "what is not understood is the upstream's to judge"),
        (b"BY=1234567890;R", 500, b"BY=1234567890;R", "the same"),
        (b"BYE=120;R XBY=120;R", 500, b"BYE=120;R XBY=120;R", "other parameters"),
        (b"SIZE=9", 500, b"SIZE=9", "no time was given"),
        (b"BY=120;R", -500, b"BY=120;R", "a clock that was set back"),
    ],
)
def test_what_is_left_of_the_time(written: bytes, waited: float, sent: bytes | None, why: str) -> None:
    before = b'MAIL FROM:<"x BY=1;R> BY=1;R"@example.org> '
    line = shortened(before + written, timedelta(seconds=waited))
    assert line == (None if sent is None else before + sent), why


@pytest.mark.parametrize(
    ("written", "seconds"), [(b"BY=120;R", 120), (b"by=5;rt", 5), (b"BY=120;N", None), (b"BY=x;R", None), (b"", None)]
)
def test_only_mail_that_is_to_come_back_has_a_limit(written: bytes, seconds: int | None) -> None:
    limit = comes_back_after(b"MAIL FROM:<a@example.org> " + written)
    assert limit == (None if seconds is None else timedelta(seconds=seconds))


async def deferred(bench: Workbench, mail: bytes) -> None:
    """The copy for r2 is refused for now, once."""
    bench.upstream.script[R2] = [at_dot("451 4.3.0 later"), accepts()]
    async with bench.client_session() as session:
        assert (await bench.submit(session, mail=mail)).code == 250


async def test_a_copy_that_waited_is_sent_with_what_is_left(bench: Workbench) -> None:
    await deferred(bench, b"MAIL FROM:<ann@example.org> BY=3600;R RET=HDRS")
    await bench.later(timedelta(minutes=10))
    assert bench.upstream.to(R1)[0].mail == b"MAIL FROM:<ann@example.org> BY=3600;R RET=HDRS"
    assert bench.upstream.to(R2)[0].mail == b"MAIL FROM:<ann@example.org> BY=3000;R RET=HDRS"
    assert bench.upstream.to(R2)[0].content == rendered(2)


async def test_a_copy_whose_time_is_over_comes_back(bench: Workbench) -> None:
    await deferred(bench, b"MAIL FROM:<ann@example.org> BY=400;R")
    waiting = bench.spool.messages[str(ID)]
    next_try = waiting.standing.copies[2].next_try
    assert next_try is not None
    assert next_try <= waiting.header.spooled_at + timedelta(seconds=400)
    await bench.later(timedelta(minutes=10))
    await bench.runner.run_once()
    assert bench.upstream.to(R2) == []
    (report,) = bench.upstream.to(SENDER)
    assert b"Status: 5.4.7" in report.content
    assert b"Action: failed" in report.content
    assert b"451 4.3.0 later" in report.content
    assert b"in the time you gave" in report.content
    assert bench.folder() == []


@pytest.mark.parametrize("login", ["", "ann"])
async def test_a_copy_that_no_time_was_left_to_try_comes_back_for_that(bench: Workbench, login: str) -> None:
    """Also where only the client's login could send it: it did not fail for want of a login."""
    go_on = bench.upstream.holds[R1] = asyncio.Event()
    async with bench.client_session() as session:
        mail = b"MAIL FROM:<ann@example.org> BY=5;R"
        submitting = asyncio.create_task(bench.submit(session, mail=mail, login=login))
        await bench.upstream.wait_for(1)
        bench.clock.pass_by(timedelta(seconds=6))
        go_on.set()
        assert (await submitting).code == 250
    await bench.runner.run_once()
    await bench.runner.run_once()
    assert bench.upstream.addresses() == [R1, SENDER]
    (report,) = bench.upstream.to(SENDER)
    assert report.content.count(b"Status: 5.4.7") == 2
    assert report.content.count(b"x-mailglass; not sent: the time given") == 2
    assert b"logged in" not in report.content


async def test_it_comes_back_in_time_when_the_upstream_cannot_be_reached(bench: Workbench) -> None:
    await deferred(bench, b"MAIL FROM:<ann@example.org> BY=900;R")
    port, bench.upstream.port = bench.upstream.port, 1  # nobody listens there
    await bench.later(timedelta(minutes=10))
    assert bench.spool.messages[str(ID)].standing.copies[2].state is CopyState.WAITING
    await bench.later(timedelta(minutes=5))
    assert str(ID) not in bench.spool.messages
    assert bench.book.states[2] is State.REFUSED
    bench.upstream.port = port
    await bench.later(timedelta(hours=1))
    (report,) = bench.upstream.to(SENDER)
    assert b"Status: 5.4.7" in report.content


async def test_a_copy_that_is_only_late_goes_on(bench: Workbench) -> None:
    bench.upstream.offers += ("DELIVERBY",)
    await deferred(bench, b"MAIL FROM:<ann@example.org> BY=400;N")
    await bench.later(timedelta(minutes=10))
    assert bench.upstream.to(R2)[0].mail == b"MAIL FROM:<ann@example.org> BY=-200;N"


async def test_a_longer_time_than_the_spool_tries_ends_as_any_expiry(bench: Workbench) -> None:
    bench.upstream.script[R2] = [at_dot("451 4.3.0 later")]
    async with bench.client_session() as session:
        await bench.submit(session, mail=b"MAIL FROM:<ann@example.org> BY=999999;R")
    await bench.later(timedelta(days=2, minutes=1))
    await bench.runner.run_once()
    (report,) = bench.upstream.to(SENDER)
    assert b"Status: 4.4.7" in report.content


async def test_of_a_copy_held_in_doubt_the_sender_hears_in_the_time_they_gave(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    """Behind that no decision could send it any more: it is not given up early."""
    bench = workbench(tmp_path / "held", upstream, hold_doubtful=True)
    upstream.script[R2] = [closes_after_dot(takes=True)]
    async with bench.client_session() as session:
        await bench.submit(session, mail=b"MAIL FROM:<ann@example.org> BY=400;R")
    await bench.later(timedelta(seconds=399))
    assert bench.spool.messages[str(ID)].standing.copies[2].state is CopyState.IN_DOUBT
    assert upstream.to(SENDER) == []
    await bench.later(timedelta(seconds=1))
    await bench.runner.run_once()
    (report,) = upstream.to(SENDER)
    assert b"it may have arrived, or not" in report.content
    assert bench.folder() == []
    bench.spool.close()
