"""``privacy.consent = "required"``, the whole way in a real installation: asked, agreed, tracked, withdrawn, erased.

And to whom the installation spoke meanwhile.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import shutil
import smtplib
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ledger.people import spellings
from ledger.traces import files_naming
from tests.e2e.installation import Installation

ANN, BOB, ME = "ann@example.com", "bob@example.net", "me@example.org"
SUBJECT = "A quarterly secret"
BODY = (
    "Content-Type: multipart/alternative; boundary=b\r\nMIME-Version: 1.0\r\n\r\n--b\r\n\r\nHello in text\r\n"
    '--b\r\nContent-Type: text/html\r\n\r\n<p>Hello, <a href="https://example.com/offer">an offer</a></p>\r\n--b--\r\n'
)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def visit(url: str, **form: str) -> str:
    data = urlencode(form).encode() if form else None
    request = urllib.request.Request(url, data, {"User-Agent": BROWSER})
    try:
        with OPENER.open(request, timeout=30) as answer:
            return str(answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Location"])


def send(installation: Installation, *recipients: str, track: str = "X-Track: all\r\n") -> bytes:
    """What is submitted, without its control header."""
    head = f"From: {ME}\r\nTo: {', '.join(recipients)}\r\nSubject: {SUBJECT}\r\n"
    with smtplib.SMTP("127.0.0.1", installation.smtp, timeout=60) as client:
        client.sendmail(ME, list(recipients), (head + track + BODY).encode())
    return (head + BODY).encode()


def newest(installation: Installation) -> bytes:
    return installation.delivered(installation.deliveries()[0])


def texts_of(raw: bytes) -> tuple[str, str]:
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    text, html = (part for part in message.walk() if not part.is_multipart())
    return str(text.get_content()), str(html.get_content())  # type: ignore[attr-defined]


def hits(installation: Installation) -> int:
    shown = installation.command("hits", "--json")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.count('"kind"')


@pytest.fixture
def mailglass(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "site", workers=2)
    installation.settings = {"MAILGLASS_PRIVACY__CONSENT": "required", "MAILGLASS_LOG__LEVEL": "debug"}
    return installation


def the_whole_way(installation: Installation) -> None:
    original = send(installation, ANN)
    assert newest(installation) == original, "without consent the original bytes"

    asked = installation.command("consent", "ask", ANN, "--from", ME, "--lang", "de")
    assert asked.returncode == 0, asked.stderr
    request = email.message_from_bytes(newest(installation), policy=email.policy.SMTP)
    assert not request.is_multipart(), "a request has no picture and no tracked link"
    page = re.findall(r"https?://\S+/p/\S+", str(request.get_content()))  # type: ignore[attr-defined]
    assert "checked" not in visit(page[0])
    assert newest(installation) != send(installation, ANN)
    assert newest(installation) == original, "looking at the page is no consent"
    visit(page[0], opens="on", links="on", save="")

    send(installation, ANN)
    tracked = newest(installation)
    text, html = texts_of(tracked)
    (mine,) = set(re.findall(r"https?://[^\"\s]+/p/[\w-]+", text))
    assert mine in html
    pixel, link = (re.search(rf'"(https?://[^"]+/{kind}/[^"]+)"', html) for kind in "oc")
    assert pixel is not None
    assert link is not None
    visit(pixel[1])
    assert visit(link[1].replace("&amp;", "&")) == "https://example.com/offer"
    assert hits(installation) == 2

    send(installation, ANN, BOB)
    assert b"/o/" not in newest(installation), "one who has not agreed is enough"

    visit(mine, do="stop", opens="on", links="on", erase="on")
    for _ in range(10):
        visit(pixel[1])
        assert visit(link[1].replace("&amp;", "&")) == "https://example.com/offer"
    assert hits(installation) == 0, "what was recorded is erased, and nothing came since"
    assert send(installation, ANN) == newest(installation), "the original bytes again"
    assert "or said no" in installation.command("consent", "ask", ANN, "--from", ME).stderr, (
        "nobody is asked again soon"
    )


def test_asked_agreed_tracked_withdrawn_erased(mailglass: Installation) -> None:
    mailglass.start()
    try:
        the_whole_way(mailglass)
        erased = mailglass.command("erase", ANN, "--yes")
        assert erased.returncode == 0, erased.stderr
        assert "still" not in erased.stdout
        assert files_naming(mailglass.folder, spellings(ANN)) == [], "data, log, journal, spool, sandbox"
        assert mailglass.command("consent", "verify").returncode == 0
        assert send(mailglass, ANN) == newest(mailglass), "and they stay on the do-not-track list"
    finally:
        assert mailglass.stop() == 0, mailglass.log
    for word in (ANN, BOB, ME, SUBJECT, "offer", "/o/", "/c/", "/p/", "Firefox"):
        assert word not in mailglass.log, "nobody reads about people in the log, not even at debug"


def answered(installation: Installation, head: str, body: str, *recipients: str) -> str:
    """What the client hears at the end of its message."""
    with smtplib.SMTP("127.0.0.1", installation.smtp, timeout=60) as client:
        client.ehlo()
        client.mail(ME)
        for one in recipients:
            assert client.rcpt(one)[0] == 250
        code, text = client.data(f"{head}Content-Type: text/html\r\n\r\n{body}\r\n".encode())
    assert code == 250
    return text.decode()


def test_what_is_left_out_has_the_same_reason_in_the_reply_and_in_the_record(mailglass: Installation) -> None:
    mailglass.start()
    try:
        for address, *purpose in ((ANN, "--purpose", "opens"), (BOB,)):
            given = mailglass.command("consent", "add", address, "--evidence", "form 7", *purpose)
            assert given.returncode == 0, given.stderr
        offer = '<p>An <a href="https://example.com/offer">offer</a></p>'
        for recipients in ((ANN,), (BOB, ANN)):
            reply = answered(mailglass, "X-Track: all\r\n", offer, *recipients)
            assert ": opens, 0 of 1 links; links not tracked, no-consent]" in reply
        marked = offer.replace("<a", '<a data-track="no"')
        reply = answered(mailglass, "X-Track: links\r\n", marked, BOB)
        assert "[mailglass: not tracked, nothing-to-track]" in reply
        assert b"data-track" not in newest(mailglass)
        assert b"/p/" not in newest(mailglass), "nothing is tracked, so nothing is told"

        told = mailglass.command("user", "add", "hanna", "--admin", "--password-stdin", stdin="correct horse battery")
        assert told.returncode == 0, told.stderr
        token = mailglass.command("token", "create", "--user", "hanna").stdout.split()[0]
        left, *partly = asked_of(mailglass, token, "messages")["items"]
        assert (left["opens"], left["links"], left["reason"]) == (False, False, "nothing-to-track")
        (link,) = asked_of(mailglass, token, f"messages/{left['id']}")["link_list"]
        assert (link["tracked"], link["reason"]) == (False, "opted-out")
        assert [(one["opens"], one["links"], one["reason"]) for one in partly] == [(True, False, None)] * 2
    finally:
        assert mailglass.stop() == 0, mailglass.log


def asked_of(installation: Installation, token: str, path: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{installation.page}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
    with OPENER.open(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


CONNECT = re.compile(r"connect\(\d+, \{sa_family=(AF_\w+), (.*?)\}, \d+\)")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_it_speaks_to_nobody_but_its_upstream(mailglass: Installation, tmp_path: Path) -> None:
    trace = tmp_path / "connects"
    mailglass.wrapper = ("strace", "-D", "-f", "-qq", "-e", "trace=connect", "-o", str(trace))
    try:
        mailglass.start()
    except AssertionError:
        if "ptrace" in mailglass.log or "Operation not permitted" in mailglass.log:
            pytest.skip("strace may not look at processes here")
        raise
    try:
        the_whole_way(mailglass)
    finally:
        assert mailglass.stop() == 0, mailglass.log
    spoken_to = [(family, where) for family, where in CONNECT.findall(trace.read_text()) if family != "AF_UNSPEC"]
    ours = str(mailglass.folder)
    strangers = [
        (family, where)
        for family, where in spoken_to
        if not (family == "AF_UNIX" and ours in where) and not (family == "AF_INET" and '"127.0.0.1"' in where)
    ]
    assert strangers == []
    assert any(family == "AF_INET" for family, _ in spoken_to), "the sandbox at least: the trace saw something"
