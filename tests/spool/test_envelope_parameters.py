"""A client's command lines in another session than the one they were written in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.capabilities import Capabilities
from relay.envelope_parameters import NO_EIGHT_BIT, NO_REQUIRED_TLS, NO_UTF8, Lines, fitted
from relay.replies import Reply

ASCII = b"Subject: Plans\r\n\r\nHello\r\n"
EIGHT_BIT = "Subject: Plans\r\n\r\nGrüße\r\n".encode()
UTF8_HEADER = "Subject: Grüße\r\n\r\nHello\r\n".encode()
EVERYTHING = Lines(
    b"MAIL FROM:<ann@example.org> SIZE=99 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=Qq1 AUTH=<> MT-PRIORITY=3 BY=120;N "
    b"X-Y=2",
    b"rcpt to: <bob@example.net> notify=FAILURE,DELAY ORCPT=rfc822;Bob@example.net X-ODD=1",
)
ALL = ("SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN", "AUTH PLAIN", "MT-PRIORITY", "REQUIRETLS", "DELIVERBY 60", "X-Y")


def offering(*words: str) -> Capabilities:
    return Capabilities(b"mx.example.net", {word.split()[0].encode(): word.encode() for word in words})


def test_where_all_is_offered_no_octet_changes() -> None:
    assert fitted(EVERYTHING, UTF8_HEADER, offering(*ALL)) == EVERYTHING


@pytest.mark.parametrize(
    ("gone", "mail", "rcpt", "why"),
    [
        ("DSN", [b"RET=HDRS", b"ENVID=Qq1"], [b"notify=FAILURE,DELAY", b"ORCPT=rfc822;Bob@example.net"], "RFC 3461"),
        ("SIZE", [b"SIZE=99"], [], "RFC 1870"),
        ("8BITMIME", [b"BODY=8BITMIME"], [], "the content is ASCII, so nothing is lost"),
        ("SMTPUTF8", [b"SMTPUTF8"], [], "neither addresses nor headers need it"),
        ("AUTH", [b"AUTH=<>"], [], "RFC 4954 section 5"),
        ("MT-PRIORITY", [b"MT-PRIORITY=3"], [], "RFC 6710"),
        ("DELIVERBY", [b"BY=120;N"], [], "to be told when it is late, RFC 2852"),
        ("X-Y", [], [], "what is not known goes on as it was written"),
    ],
)
def test_what_only_helps_is_left_out(gone: str, mail: list[bytes], rcpt: list[bytes], why: str) -> None:
    words = [word for word in ALL if not word.startswith(gone)]
    fit = fitted(EVERYTHING, ASCII, offering(*words))
    assert isinstance(fit, Lines)
    assert set(EVERYTHING.mail.split()) - set(fit.mail.split()) == set(mail), why
    assert set(EVERYTHING.rcpt.split()) - set(fit.rcpt.split()) == set(rcpt), why
    assert fit.rcpt.startswith(b"rcpt to: <bob@example.net>")


@pytest.mark.parametrize(
    ("mail", "content", "refusal", "why"),
    [
        (b"MAIL FROM:<a@example.org> BODY=8BITMIME", EIGHT_BIT, NO_EIGHT_BIT, "converting would change the message"),
        (b"MAIL FROM:<a@example.org> SMTPUTF8", UTF8_HEADER, NO_UTF8, "international headers"),
        ("MAIL FROM:<ü@example.org> SMTPUTF8".encode(), ASCII, NO_UTF8, "an international sender"),
        (b"MAIL FROM:<a@example.org> REQUIRETLS", ASCII, NO_REQUIRED_TLS, "RFC 8689 section 4.2.1"),
    ],
)
def test_what_the_message_needs_makes_it_wait(mail: bytes, content: bytes, refusal: Reply, why: str) -> None:
    lines = Lines(mail, b"RCPT TO:<bob@example.net>")
    assert fitted(lines, content, offering("DSN")) is refusal, why
    assert 400 <= refusal.code < 500


@pytest.mark.parametrize("late", [b"BY=120;R", b"by=120;rt", b"BY=nonsense"])
def test_mail_that_is_to_come_back_when_late_is_the_upstreams_to_judge(late: bytes) -> None:
    lines = Lines(b"MAIL FROM:<a@example.org> " + late, b"RCPT TO:<bob@example.net>")
    assert fitted(lines, ASCII, offering("DSN")) == lines


def test_a_quoted_address_is_no_parameter() -> None:
    lines = Lines(b'MAIL FROM:<"a> RET=FULL b"@example.org>', b'RCPT TO:<"x NOTIFY=NEVER"@example.net>')
    assert fitted(lines, ASCII, offering()) == lines


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=40))
def test_no_line_of_odd_shape_breaks_it(mail: bytes, rcpt: bytes, content: bytes) -> None:
    fit = fitted(Lines(b"MAIL FROM:" + mail, b"RCPT TO:" + rcpt), content, offering())
    assert isinstance(fit, Lines | Reply)
