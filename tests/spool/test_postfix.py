"""Individual copies against a real Postfix whose verdicts are scripted: what becomes of each, and who is told what.

What Postfix took it passes on to a small server of ours, where it is counted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from config.settings import Spool
from ledger.records import State
from tests.relay.running_relay import Client, RunningRelay, run_relay, settings_for
from tests.spool.scripted_postfix import DATA, DOT, PERMITS, RCPT, ScriptedPostfix, missing, scripted_postfix
from tests.spool.scripted_upstream import ScriptedUpstream, scripted_upstream
from tests.spool.test_kill import until
from tests.spool.test_through_the_relay import MESSAGE, PLAIN, TOKEN, CopyKeeping

pytestmark = [pytest.mark.clients, pytest.mark.skipif(bool(missing()), reason=missing())]

SENDER = "a@example.com"
STAGES = {"rcpt": RCPT, "data": DATA, "dot": DOT}


@asynccontextmanager
async def relay_before(postfix: ScriptedPostfix, folder: Path) -> AsyncIterator[RunningRelay]:
    records = CopyKeeping()
    spool = Spool().model_copy(update={"first_retry": timedelta(seconds=0.2)})
    settings = settings_for(postfix.port, folder).model_copy(update={"spool": spool})
    relay = await run_relay(settings, records=records, copies=records)
    assert relay.server.spool is not None
    relay.server.spool.runner.look_seconds = 0.1
    try:
        yield relay
    finally:
        for client in relay.clients:
            client.close()
        await relay.server.stop(grace_seconds=1)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[tuple[ScriptedUpstream, ScriptedPostfix, RunningRelay]]:
    async with (
        scripted_upstream() as beyond,
        scripted_postfix(beyond.port) as postfix,
        relay_before(postfix, folder) as relay,
    ):
        yield beyond, postfix, relay


async def submit(client: Client, mail: bytes, *rcpts: bytes) -> bytes:
    assert (await client.ask(b"MAIL FROM:<%s>%s" % (SENDER.encode(), mail))).startswith(b"250")
    for rcpt in rcpts:
        assert (await client.ask(b"RCPT TO:" + rcpt)).startswith(b"250")
    assert (await client.ask(b"DATA")).startswith(b"354")
    await client.send(MESSAGE + b".\r\n")
    return await client.reply()


async def until_empty(relay: RunningRelay) -> None:
    spool = relay.server.spool
    assert spool is not None
    await until(lambda: not spool.spool.messages, "the spool never became empty", seconds=60)


def reports_in(beyond: ScriptedUpstream) -> list[EmailMessage]:
    found = [message_from_bytes(one.content, policy=policy.default) for one in beyond.to(SENDER)]
    return [one for one in found if isinstance(one, EmailMessage)]


def fields_of(report: EmailMessage) -> list[dict[str, str]]:
    """The groups of fields for programs: the first of the message, the others of a recipient each."""
    assert report.get_content_type() == "multipart/report"
    assert report["Content-Type"].params["report-type"] == "delivery-status"
    status = report.get_payload(1)
    assert isinstance(status, EmailMessage)
    assert status.get_content_type() == "message/delivery-status"
    blocks = [dict(block.items()) for block in status.get_payload()]  # type: ignore[union-attr]
    assert not report.defects
    return [block for block in blocks if block]


def without_trace(content: bytes) -> bytes:
    """The message less the Received header that Postfix put before it."""
    head, _, rest = content.partition(b"Subject: ")
    assert head.startswith(b"Received: ")
    return b"Subject: " + rest


async def test_every_verdict_at_every_stage_ends_in_exactly_one_final_state(tmp_path: Path) -> None:
    """Refused for now, for good, or with the connection closed; at RCPT, at DATA and at the final dot."""
    async with scene(tmp_path / "data") as (beyond, postfix, relay):
        verdicts = {"now": "450 4.2.1 Not now", "never": "550 5.7.1 Not wanted", "closing": "421 4.3.2 Closing"}
        odd = [f"{what}-{where}@example.net" for where in STAGES for what in verdicts]
        for where, stage in STAGES.items():
            for what, verdict in verdicts.items():
                live = [PERMITS] if stage == RCPT else []  # the client is asked for each recipient first
                rest = [] if what == "never" else [PERMITS]
                postfix.verdicts.script[stage, f"{what}-{where}@example.net"] = [*live, verdict, *rest]
        client = await relay.session()
        reply = await submit(client, b"", b"<ok@example.net>", *(f"<{one}>".encode() for one in odd))
        assert reply.startswith(b"250 2.0.0 Ok: queued as")
        assert b"of 10 copies sent" in reply
        await until_empty(relay)
        never = {one for one in odd if one.startswith("never")}
        delivered = {"ok@example.net", *odd} - never
        await beyond.wait_for(len(delivered) + 1)
        assert isinstance(relay.records, CopyKeeping)
        states = [state for _, (state, _) in sorted(relay.records.copies.items())]
        assert states == [State.REFUSED if one in never else State.SENT for one in ["ok@example.net", *odd]]
        assert sorted(one for one in beyond.addresses() if one != SENDER) == sorted(delivered)
        told = [group["Final-Recipient"] for report in reports_in(beyond) for group in fields_of(report)[1:]]
        assert sorted(told) == sorted(f"rfc822; {one}" for one in never)
        for address in delivered:
            content = without_trace(beyond.to(address)[0].content)
            assert TOKEN.search(content)
            assert content.startswith(PLAIN.partition(b"\r\n\r\n")[0])  # Postfix adds Message-Id, Date and From behind


async def test_a_wrong_address_is_refused_at_once_in_the_servers_own_words(tmp_path: Path) -> None:
    async with scene(tmp_path / "data") as (beyond, postfix, relay):
        postfix.verdicts.script[RCPT, "gone@example.net"] = ["550 5.1.1 No such user here"]
        client = await relay.session()
        await client.ask(b"MAIL FROM:<a@example.com>")
        await client.ask(b"RCPT TO:<ok@example.net>")
        assert b"550 5.1.1" in await client.ask(b"RCPT TO:<gone@example.net>")
        await client.ask(b"RCPT TO:<two@example.net>")
        await client.ask(b"DATA")
        await client.send(MESSAGE + b".\r\n")
        assert b"2 of 2 copies sent" in await client.reply()
        await beyond.wait_for(2)
        await until_empty(relay)
    assert sorted(beyond.addresses()) == ["ok@example.net", "two@example.net"]


@pytest.mark.parametrize("full", [False, True])
async def test_a_report_says_what_the_standards_want_and_gives_back_what_the_client_gave(
    tmp_path: Path, full: bool
) -> None:
    """RFC 3464 and RFC 6522, read by another parser; RET, ENVID, ORCPT and NOTIFY of RFC 3461."""
    async with scene(tmp_path / "data") as (beyond, postfix, relay):
        for name in ("never", "silent", "success"):
            postfix.verdicts.script[DOT, f"{name}@example.net"] = ["550 5.7.1 Not wanted"]
        client = await relay.session()
        reply = await submit(
            client,
            b" ENVID=Plan+2B7 RET=" + (b"FULL" if full else b"HDRS"),
            b"<ok@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Ok+2Balias@example.net",
            b"<never@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Never+2Bx@example.net",
            b"<silent@example.net> NOTIFY=NEVER",
            b"<success@example.net> NOTIFY=SUCCESS",
        )
        assert b"1 of 4 copies sent, 3 refused" in reply
        await until_empty(relay)
        await beyond.wait_for(2)
    (report,) = reports_in(beyond)
    message, recipient = fields_of(report)
    assert message["Reporting-MTA"].startswith("dns; ")
    assert message["Original-Envelope-Id"] == "Plan+7"
    assert message["Arrival-Date"]
    assert recipient["Original-Recipient"] == "rfc822; Never+x@example.net"
    assert recipient["Final-Recipient"] == "rfc822; never@example.net"
    assert (recipient["Action"], recipient["Status"]) == ("failed", "5.7.1")
    assert recipient["Diagnostic-Code"].startswith("smtp; 550 5.7.1 ")
    assert recipient["Remote-MTA"].startswith("dns; ")
    assert recipient["Last-Attempt-Date"]
    assert report["Auto-Submitted"] == "auto-replied"
    assert "never@example.net" in report.get_payload(0).get_content()  # type: ignore[union-attr]
    (sent,) = beyond.to(SENDER)
    assert sent.mail.startswith(b"MAIL FROM:<>")
    quoted = report.get_payload(2)
    assert isinstance(quoted, EmailMessage)
    assert quoted.get_content_type() == ("message/rfc822" if full else "text/rfc822-headers")
    assert (PLAIN in sent.content) is full
    assert not TOKEN.search(sent.content)  # reading a report is no open
    # Success is the upstream's to report: what the client asked for went on with the copy, and further.
    (delivered,) = beyond.to("ok@example.net")
    assert b" ENVID=Plan+2B7" in delivered.mail
    assert b" NOTIFY=SUCCESS,FAILURE" in delivered.rcpt
    assert b" ORCPT=rfc822;Ok+2Balias@example.net" in delivered.rcpt
