"""Opting in and rewriting with the real rules and the real rewriter, through the relay."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime

import pytest

from ledger.message_id import MessageId
from ledger.records import State
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import MemoryRecords, RunningRelay
from tests.relay.upstream_servers import Behaves

HEAD = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
HTML = (
    HEAD + b"Content-Type: text/html; charset=utf-8\r\nX-TRACK: all\r\nX-Track-Tag: spring\r\n\r\n"
    b'<html><body><p><a href="https://example.com/a">one</a> <a href="mailto:b@example.com">two</a></p>\r\n'
    b"..</body></html>\r\n"
)
REAL: dict[str, object] = {"rewriter": None, "decide": None}


async def test_links_and_pixel_are_put_in_and_nothing_else_changes(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL)
    reply = await (await relay.session()).submit(HTML)
    record = relay.records.only
    assert f"[mailglass {record.id}: opens, 1 of 2 links]".encode() in reply
    arrived = upstream.delivered[0].content
    assert arrived.startswith(HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p><a href=")
    assert b"http://127.0.0.1:8025/c/" in arrived
    assert b"http://127.0.0.1:8025/o/" in arrived
    assert arrived.endswith(b"</body></html>\r\n")
    assert (record.subject, record.header_id, record.tags) == ("Grüße", "<1@example.com>", ("spring",))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (b"Content-Type: text/plain\r\nX-Track: all\r\n", b"not tracked, no-html]"),
        (b'Content-Type: multipart/signed; boundary="b"\r\nX-Track: all\r\n', b"not tracked, signed]"),
        (b"Content-Type: text/html\r\nDKIM-Signature: v=1\r\nX-Track: all\r\n", b"not tracked, dkim-signed]"),
        (b"Content-Type: text/html\r\nX-Track: bogus\r\n", b"not tracked, not-requested; X-Track: "),
    ],
)
async def test_what_is_not_tracked_goes_out_without_its_control_headers_and_says_why(
    start_relay: StartRelay, upstream: Behaves, more: bytes, says: bytes
) -> None:
    relay = await start_relay(upstream, REAL)
    body = b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b--\r\n"
    reply = await (await relay.session()).submit(HEAD + more + body)
    assert b"250 2.0.0 Ok: queued as 4F1 [mailglass: " + says in reply
    kept = b"".join(line for line in more.splitlines(keepends=True) if not line.startswith(b"X-Track"))
    assert upstream.delivered[0].content == HEAD + kept + body


@pytest.mark.parametrize(
    ("body", "arrives", "why"),
    [
        (b'<a href="https://e.com/" data-track="no">x</a>\r\n', b'<a href="https://e.com/">x</a>\r\n', "opted-out"),
        (b'<a href="https+notrack://e.com/">x</a>\r\n', b'<a href="https://e.com/">x</a>\r\n', "opted-out"),
        (b'<p data-track-x="1">x</p>\r\n', b"<p>x</p>\r\n", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [b"", b"X-Track-Individually: yes\r\n"])
async def test_a_message_of_which_only_marks_are_taken_away_is_not_called_tracked(
    start_relay: StartRelay, upstream: Behaves, body: bytes, arrives: bytes, why: str | None, more: bytes
) -> None:
    relay = await start_relay(upstream, REAL)
    head = HEAD + b"Content-Type: text/html\r\n"
    reply = await (await relay.session()).submit(head + b"X-Track: links\r\n" + more + b"\r\n" + body)
    assert b" [mailglass: not tracked, nothing-to-track]" in reply
    assert upstream.delivered[0].content == head + b"\r\n" + arrives
    record = relay.records.only
    assert (record.opens, record.links, record.reason) == (False, False, "nothing-to-track")
    assert not record.individually
    assert [link.reason for link in record.link_list] == ([why] if why else [])


async def test_a_reply_that_only_gets_its_quoted_links_back_is_not_called_tracked(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, REAL)
    client = await relay.session()
    await client.submit(HTML)
    (link,) = re.findall(rb'<a href="http://127[^"]+">', upstream.delivered[0].content)
    head = HEAD + b"Content-Type: text/html\r\n"
    quoted = b'<p>Yes.</p><blockquote type="cite">%bone</a></blockquote>\r\n'
    reply = await client.submit(head + b"X-Track: links\r\n\r\n" + quoted % link)
    assert b" [mailglass: not tracked, nothing-to-track]" in reply
    assert upstream.delivered[1].content == head + b"\r\n" + quoted % b'<a href="https://example.com/a">'
    record = list(relay.records.kept.values())[1]
    assert (record.opens, record.links, record.reason) == (False, False, "nothing-to-track")
    assert [one.reason for one in record.link_list] == ["quoted"]


async def test_what_a_header_says_wrongly_is_told_to_its_sender_and_not_to_the_log(
    start_relay: StartRelay, upstream: Behaves, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    relay = await start_relay(upstream, REAL)
    asking = HTML.replace(b"X-Track-Tag: spring", b"X-Track-Notify: ann@example.com\r\nX-Track-To-Bob: yes")
    reply = await (await relay.session()).submit(asking)
    record = relay.records.only
    assert b'X-Track-Notify: unknown value "ann@example.com"; X-Track-To-Bob: unknown header]' in reply
    assert 'X-Track-Notify: unknown value "ann@example.com"' in record.notes
    assert (
        f"Message handled: message={record.id} done=mailglass {record.id}: opens, 1 of 2 links code=250" in caplog.text
    )
    assert not any(word in caplog.text.lower() for word in ("ann@", "bob"))


async def test_a_listeners_default_tracks_without_headers(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL, listener={"default": "opens, links"})
    without = HTML.replace(b"X-TRACK: all\r\nX-Track-Tag: spring\r\n", b"")
    assert b": opens, 1 of 2 links]" in await (await relay.session()).submit(without)


async def test_a_subject_tag_is_gone_from_the_mail_and_from_the_record(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, REAL, tracking={"subject_tag": "#track"})
    mail = b"Subject: Offer 7 #track\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
    assert b"opens" in await (await relay.session()).submit(mail)
    assert b"#track" not in upstream.delivered[0].content
    assert relay.records.only.subject == "Offer 7"


async def test_identity_off_is_a_ceiling(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL, tracking={"identity": "off"})
    assert b"[mailglass: not tracked, not-requested" in await (await relay.session()).submit(HTML)
    assert b"X-TRACK" not in upstream.delivered[0].content


async def test_mail_to_few_is_not_counted_and_says_why(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL, tracking={"identity": "aggregate"})
    reply = await (await relay.session()).submit(HTML)
    why = "numbers only from 20 recipients on, this has 1"
    assert f"[mailglass: not tracked, no-consent; {why}]".encode() in reply
    assert why in relay.records.only.notes


async def test_excluded_recipients_are_not_tracked(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL, tracking={"never_recipients": ["@Example.NET"]})
    assert b"[mailglass: not tracked, excluded-recipient]" in await (await relay.session()).submit(HTML)


async def test_one_copy_each_without_a_spool_is_not_split_but_sent_once_untracked(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """T65, the side without a spool: it refuses to split."""
    relay = await start_relay(upstream, REAL)
    asking = HTML.replace(b"X-Track-Tag: spring", b"X-Track-Individually: yes")
    reply = await (await relay.session()).submit(asking, b"b@example.net", b"c@example.net")
    assert b"[mailglass: not tracked, several-recipients]" in reply
    (delivered,) = upstream.delivered
    assert len(delivered.recipients) == 2


async def test_untracked_mail_is_listed_where_that_is_wanted(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL, tracking={"record_untracked": True})
    client = await relay.session()
    assert await client.submit(HEAD + b"\r\nHello\r\n") == b"250 2.0.0 Ok: queued as 4F1\r\n"
    await relay.records.settled.wait()
    record = relay.records.only
    assert (record.subject, record.reason, record.state) == ("Grüße", "not-requested", "sent")
    assert upstream.delivered[0].content == HEAD + b"\r\nHello\r\n"


async def test_a_message_counts_as_accepted_no_later_than_its_sender_hears_so(
    start_relay: StartRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens it at once would have come before it otherwise, which only filters do."""
    relay = await start_relay(upstream, REAL)
    noted: list[datetime | None] = []
    settle = relay.records.settle

    async def note(message_id: MessageId, state: State, reply: str, accepted_at: datetime | None) -> None:
        noted.append(accepted_at)
        await settle(message_id, state, reply, accepted_at)

    monkeypatch.setattr(relay.records, "settle", note)
    assert (await (await relay.session()).submit(HTML)).startswith(b"250")
    heard = datetime.now(UTC)
    await relay.records.settled.wait()
    (accepted,) = noted
    assert accepted is not None
    assert accepted <= heard


def fails() -> None:
    raise OSError("the disk is gone")


async def hangs() -> None:

    await asyncio.Event().wait()


@pytest.mark.parametrize("trouble", [fails, hangs])
async def test_without_a_ledger_the_original_goes_out_and_says_so(
    start_relay: StartRelay, upstream: Behaves, trouble: object
) -> None:
    """A14."""
    relay = await start_relay(upstream, REAL | {"records": MemoryRecords(before=trouble)})  # type: ignore[arg-type]
    assert b"[mailglass: not tracked, ledger-unavailable]" in await (await relay.session()).submit(HTML)
    assert b"/o/" not in upstream.delivered[0].content


async def test_without_a_ledger_mail_is_deferred_where_that_is_wanted(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    neighbours = REAL | {"records": MemoryRecords(before=fails)}
    relay = await start_relay(upstream, neighbours, tracking={"on_ledger_failure": "refuse"})
    client = await relay.session()
    assert (await client.submit(HTML)).startswith(b"451 4.3.0 ")
    assert not upstream.delivered
    relay.records.before = None
    assert (await client.submit(HTML)).startswith(b"250 ")


async def test_a_message_too_large_to_rewrite_goes_out_as_it_came(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, REAL, tracking={"max_size": "100kB"})
    big = HTML + b"<p>yyyyyyyyyyyyyyyyyyyyyy</p>\r\n" * 10_000
    assert b"[mailglass: not tracked, too-large]" in await (await relay.session()).submit(big)
    assert upstream.delivered[0].content == big.replace(b"X-TRACK: all\r\nX-Track-Tag: spring\r\n", b"")


async def test_held_messages_beyond_a_megabyte_lie_in_a_file_without_a_name(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay: RunningRelay = await start_relay(upstream, REAL, limits={"rewrite": "30s"})
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(HTML + b"<p>yyyyyyyyyyyyyyyyyyyyyy</p>\r\n" * 100_000)
    await client.send(b".\r\n")
    assert b": opens, 1 of 2 links]" in await client.reply()
    folder = relay.server.ports[0].around.pipeline.temporary
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_html_without_an_end_tag_gets_its_pixel_last_and_the_message_still_ends(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, REAL)
    reply = await (await relay.session()).submit(b"Content-Type: text/html\r\nX-Track: opens\r\n\r\n<p>Hello</p>\r\n")
    assert b": opens]" in reply
    assert upstream.delivered[0].content.endswith(b"\r\n")
    assert b"/o/" in upstream.delivered[0].content
