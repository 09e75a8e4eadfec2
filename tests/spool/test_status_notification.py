"""What a sender is told about copies that were not delivered."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.dsn_parameters import (
    SenderParameters,
    decode_xtext,
    recipient_parameters,
    sender_parameters,
)
from relay.status_notification import (
    Cause,
    Report,
    ReportedCopy,
    build_notification,
    header_block,
    status_of,
)

AT = datetime(2026, 5, 3, 9, 30, tzinfo=UTC)
HEADERS = b"Subject: Plans\r\nMessage-ID: <plans@example.org>\r\n"


def report(*failed: ReportedCopy, **more: object) -> Report:
    fields: dict[str, object] = {
        "sender": "ann@example.org",
        "host": "relay.example.org",
        "upstream": "mx.example.net",
        "written_at": AT,
        "accepted_at": datetime(2026, 5, 1, 12, tzinfo=UTC),
        "copies": failed or (ReportedCopy("bob@example.net", Cause.REFUSED, "550 5.1.1 No such user"),),
        "boundary": "b0undary",
        "header_id": "<plans@example.org>",
    }
    return Report(**(fields | more))  # type: ignore[arg-type]


def parts_of(raw: bytes) -> list[Message]:
    parsed = message_from_bytes(raw, policy=policy.default)
    assert not parsed.defects
    return list(parsed.get_payload())  # type: ignore[arg-type]


def test_it_is_a_report_of_three_parts() -> None:
    raw = build_notification(report(), HEADERS)
    parsed = message_from_bytes(raw, policy=policy.default)
    assert parsed["Content-Type"].params["report-type"] == "delivery-status"
    assert [part.get_content_type() for part in parts_of(raw)] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert parsed["Auto-Submitted"] == "auto-replied"  # RFC 3834: nobody's vacation program answers it
    assert parsed["In-Reply-To"] == "<plans@example.org>"
    assert parsed["To"] == "ann@example.org"


def test_every_line_ends_in_cr_lf_and_none_is_too_long() -> None:
    long_reply = "550 5.7.1 " + "because " * 400
    raw = build_notification(report(ReportedCopy("bob@example.net", Cause.REFUSED, long_reply)), HEADERS)
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_a_line_of_an_absurd_address_is_not_too_long_either() -> None:
    raw = build_notification(report(ReportedCopy("ü" * 4000 + "@example.net", Cause.REFUSED, "550 No")), HEADERS)
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_the_words_name_recipient_reply_and_what_to_do() -> None:
    text = parts_of(build_notification(report(), HEADERS))[0].get_content()  # type: ignore[attr-defined]
    assert "bob@example.net" in text
    assert "550 5.1.1 No such user" in text
    assert "trying again would not help" in text


def test_the_fields_carry_what_the_client_gave() -> None:
    failed = ReportedCopy("bob@example.net", Cause.REFUSED, "550 5.1.1 No", original="rfc822;Bob+2B1@example.net")
    raw = build_notification(report(failed, asked=SenderParameters(envelope_id="QQ+3D1")), HEADERS)
    message_fields, copy_fields = [dict(block.items()) for block in parts_of(raw)[1].get_payload()]  # type: ignore[union-attr]
    assert message_fields["Original-Envelope-Id"] == "QQ=1"
    assert message_fields["Reporting-MTA"] == "dns; relay.example.org"
    assert copy_fields["Original-Recipient"] == "rfc822; Bob+1@example.net"
    assert copy_fields["Final-Recipient"] == "rfc822; bob@example.net"
    assert copy_fields["Action"] == "failed"
    assert copy_fields["Diagnostic-Code"] == "smtp; 550 5.1.1 No"


@pytest.mark.parametrize(
    ("cause", "reply", "status", "why"),
    [
        (Cause.REFUSED, "550 5.1.1 No such user", "5.1.1", "the server's own code"),
        (Cause.REFUSED, "554 No", "5.0.0", "a server without enhanced codes"),
        (Cause.REFUSED, "550 4.1.1 odd", "5.0.0", "an enhanced code that contradicts the reply is not believed"),
        (Cause.REFUSED, "550-5.7.1 Two / 550 5.7.1 lines", "5.7.1", "the first line of several"),
        (Cause.EXPIRED, "451 4.2.2 full", "4.4.7", "RFC 3463: delivery time expired"),
        (Cause.NO_CREDENTIALS, "", "4.7.0", "a matter of security policy"),
        (Cause.IN_DOUBT, "", "4.4.2", "bad connection"),
    ],
)
def test_the_status_says_why(cause: Cause, reply: str, status: str, why: str) -> None:
    assert status_of(ReportedCopy("bob@example.net", cause, reply)) == status, why


def test_the_whole_message_is_quoted_when_the_client_asked_for_it() -> None:
    content = HEADERS + b"\r\nGr\xc3\xbc\xc3\x9fe\r\n--b0undary\r\n"
    raw = build_notification(report(asked=SenderParameters(full=True)), content)
    assert parts_of(raw)[2].get_content_type() == "message/rfc822"
    assert content in raw  # byte for byte, though a boundary stands in it and it is 8-bit


def test_an_international_address_is_spelled_so_that_it_passes_everywhere() -> None:
    raw = build_notification(report(ReportedCopy("müller@example.net", Cause.REFUSED, "550 5.1.1 No")), HEADERS)
    assert raw.isascii()
    assert rb"Final-Recipient: utf-8; m\x{FC}ller@example.net" in raw
    assert "müller@example.net" in parts_of(raw)[0].get_content()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("original", "field", "why"),
    [
        ("utf-8;m\\x{FC}ller@example.net", r"utf-8; m\x{FC}ller@example.net", "as the client spelled it"),
        ("utf-8;müller@example.net", r"utf-8; m\x{FC}ller@example.net", "in UTF-8, which SMTPUTF8 allows"),
        ("rfc822;b+2B1@example.net", "rfc822; b+1@example.net", "xtext is decoded (RFC 3464 section 2.3.1)"),
        ("nonsense", None, "no type, no field"),
    ],
)
def test_the_recipient_as_the_client_named_it_is_given_back(original: str, field: str | None, why: str) -> None:
    copy = ReportedCopy("müller@example.net", Cause.REFUSED, "550 5.1.1 No", original)
    (_, fields) = parts_of(build_notification(report(copy), HEADERS))[1].get_payload()  # type: ignore[misc]
    assert fields["Original-Recipient"] == field, why  # type: ignore[index]


def test_a_delay_is_no_failure() -> None:
    until = datetime(2026, 5, 3, 12, tzinfo=UTC)
    copy = ReportedCopy("bob@example.net", Cause.DELAYED, "451 4.7.1 Greylisted", last_try=AT)
    raw = build_notification(report(copy, tried_until=until), HEADERS)
    text, status, _ = parts_of(raw)
    fields = dict(status.get_payload()[1].items())  # type: ignore[union-attr]
    assert (fields["Action"], fields["Status"]) == ("delayed", "4.7.1")
    assert fields["Will-Retry-Until"] == "Sun, 03 May 2026 12:00:00 +0000"
    assert fields["Last-Attempt-Date"] == "Sun, 03 May 2026 09:30:00 +0000"
    words = text.get_content()  # type: ignore[attr-defined]
    assert "has not reached" in words
    assert "need not do anything" in words
    assert b"Subject: Your message has not been delivered to everyone yet\r\n" in raw


def test_what_no_server_said_is_not_given_out_as_a_servers_answer() -> None:
    copy = ReportedCopy("bob@example.net", Cause.DELAYED, "the mail server could not be reached (upstream-unreachable)")
    _, fields = parts_of(build_notification(report(copy), HEADERS))[1].get_payload()  # type: ignore[misc]
    assert fields["Diagnostic-Code"].startswith("x-mailglass; the mail server")  # type: ignore[index]
    assert fields["Status"] == "4.0.0"  # type: ignore[index]
    assert "Remote-MTA" not in fields


def test_quoted_headers_of_more_than_ascii_are_coded_so_that_the_report_passes_everywhere() -> None:
    raw = build_notification(report(), "Subject: Grüße\r\nTo: müller@example.net\r\n".encode())
    assert raw.isascii()
    quoted = parts_of(raw)[2]
    assert quoted.get_payload(decode=True) == "Subject: Grüße\r\nTo: müller@example.net\r\n".encode()


anything = st.text(st.characters(categories=["L", "N", "P", "S", "Z", "Cc", "Cs"]), max_size=100)


@settings(deadline=None)
@given(anything, anything, anything)
def test_no_reply_or_address_can_begin_a_line_of_its_own(reply: str, address: str, original: str) -> None:
    failed = ReportedCopy(
        address + "\r\nX-Evil: 1", Cause.REFUSED, reply + "\r\nX-Evil: 1", original + ";\r\nX-Evil: 1"
    )
    raw = build_notification(report(failed, header_id="<a>\r\nX-Evil: 1"), HEADERS)
    text, status, _ = parts_of(raw)
    head = raw[: raw.index(b"\r\n\r\n")]
    lines = [*head.decode().split("\r\n"), *text.get_content().splitlines()]  # type: ignore[attr-defined]
    lines += [name for block in status.get_payload() for name in block]  # type: ignore[union-attr]
    assert not [line for line in lines if line.startswith("X-Evil")]


@pytest.mark.parametrize(
    ("line", "wanted", "why"),
    [
        (b"RCPT TO:<b@example.net>", (True, True), "nothing said means failures, and delays as we see fit"),
        (b"RCPT TO:<b@example.net> NOTIFY=FAILURE,DELAY", (True, True), "asked for"),
        (b"RCPT TO:<b@example.net> NOTIFY=FAILURE", (True, False), "asked for failures alone"),
        (
            b"RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY",
            (False, True),
            "delays alone; success is the upstream's",
        ),
        (b"rcpt to:<b@example.net> notify=never", (False, False), "asked for silence, in small letters"),
        (b"RCPT TO:<b@example.net> NOTIFY=SUCCESS", (False, False), "success is the upstream's to report"),
    ],
)
def test_notify_is_honoured(line: bytes, wanted: tuple[bool, bool], why: str) -> None:
    parameters = recipient_parameters(line)
    assert (parameters.wants_failure, parameters.wants_delay) == wanted, why


def test_parameters_are_read_as_the_client_wrote_them() -> None:
    line = b'MAIL FROM:<"a> RET=FULL"@example.org> SIZE=9 RET=full ENVID=QQ314+2Ba BODY=8BITMIME'
    assert sender_parameters(line) == SenderParameters(full=True, envelope_id="QQ314+2Ba")
    assert recipient_parameters(b"RCPT TO:<b@c> ORCPT=rfc822;B@C").original == "rfc822;B@C"
    assert decode_xtext("a+2Bb+3Dc+zz") == "a+b=c+zz"


def test_the_header_block_is_read_no_further_than_needed() -> None:
    def chunks() -> object:
        yield b"Subject: x\r\nTo: y\r"
        yield b"\n\r\nbody"
        raise AssertionError("read on after the header")

    assert header_block(chunks()) == b"Subject: x\r\nTo: y\r\n"  # type: ignore[arg-type]
