"""Every promise on generated mail: nasty HTML in every encoding and charset, alone and in nested multiparts."""

from __future__ import annotations

import base64
import quopri
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.worker import rewrite_whole
from tests.rewriting.oracles import (
    ALL,
    URLS,
    check_message,
    html_bodies,
    no_line_gets_too_long,
    no_new_kind_of_octet,
    only_reported_spans_differ,
    outline,
    restores_exactly,
    tree_of,
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::html5lib.constants.DataLossWarning")

_OWN = URLS.link(9, "https://www.example.org/earlier")
_PIECES = (
    "<p>", "</p>", "<div>", "</div>", "<b>", "</b>", "<font color=red>", "</font>", "<table>", "<tr><td>", "</td></tr>",
    "</table>", "<br>", "<html>", "<head>", "</head>", "<body>", "</body>", "</html>", "<title>x</title>", "\n", " ",
    "words and words ", "&amp; &nbsp; &#8364; ", "<!-- note -->", "<!--[if mso]><v:rect href='https://e.com/v'>",
    "<![endif]-->", "<style>a{b:c}</style>", "<script>'<a href=x>'</script>",
    "<svg><a href=http://e.com/s>s</a></svg>",
    "<template><a href=http://e.com/t>t</a></template>", '<a href="https://www.example.com/a?b=1&amp;c=2">one</a>',
    "<a href='http://example.net/it'>two</a>", "<a href=https://example.org/three>three</a>",
    '<a href="mailto:x@e.com">',
    '<a href="#x">', "</a>", '<a data-track="no" href="http://e.com/no">no</a>',
    '<a href="https://e.com/n" data-track-name=n>',
    '<area href="https://e.com/area">', '<blockquote type="cite">', "</blockquote>", '<div class="gmail_quote">',
    f'<a href="{_OWN}">own</a>', f'<img src="{URLS.pixel()}" width="1" height="1" alt="">', "<img src=x.png>",
    "<select><option>o</option></select>", "<ul><li>l", "</ul>", "<pre>\n x</pre>", "<textarea>t</textarea>", "x" * 90,
    '<a href="https://e.com/ä">ä</a>', "日本語の文", "ü", "<a href='https://e.com/\n long'>", "=41 =", "<", "a < b",
)  # fmt: skip
_LINES = (
    b"See http://example.com/x, and so on.", b"", b"Anna wrote: look at " + _OWN.encode(), b"> " + _OWN.encode(),
    b"w" * 930 + b" https://www.example.com/wide", b"On Monday, Anna wrote:", b"https://example.net/" + b"l" * 900,
    _OWN.encode() + b" and http://example.com/y",
)  # fmt: skip
_TEXTS = (
    b"", b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
    b"; charset=iso-2022-jp\r\nContent-Transfer-Encoding: quoted-printable",
    b"; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
)  # fmt: skip
_CHARSETS = (
    "utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-2022-jp", "shift_jis", "euc-jp", "big5", "gb2312",
    "gb18030", "euc-kr", "koi8-r", "utf-16", "utf-16-le", "hz-gb-2312", "iso-2022-kr", "cp037", "utf-7", "x-nosuch", "",
)  # fmt: skip
_ENCODINGS = ("7bit", "8bit", "quoted-printable", "base64", "binary", "")


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    newline = draw(st.sampled_from((b"\r\n", b"\r\n", b"\n")))
    pieces = st.lists(st.sampled_from(_PIECES), max_size=25)
    parts = [part(draw, "".join(draw(pieces)), newline) for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3))))]
    for _ in range(draw(st.integers(0, 2))):
        lines = newline.join(draw(st.lists(st.sampled_from(_LINES), min_size=1, max_size=3)))
        head = b"Content-Type: text/plain" + draw(st.sampled_from(_TEXTS)).replace(b"\r\n", newline)
        parts.append(head + 2 * newline + lines + newline)
    if len(parts) > 1 or draw(st.booleans()):
        boundary = draw(st.sampled_from((b"b", b"=_b", b"b b", b"--b", b"b'()+_,-./:=?")))
        kind = draw(st.sampled_from((b"mixed", b"alternative", b"related")))
        body = b"".join(b"--" + boundary + newline + piece + newline for piece in draw(st.permutations(parts)))
        head = b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"' + 2 * newline
        parts = [head + draw(st.sampled_from((b"", b"preamble" + newline))) + body + b"--" + boundary + b"--" + newline]
    return b"From: a@example.com" + newline + b"Subject: x" + newline + parts[0]


def part(draw: st.DrawFn, html: str, newline: bytes) -> bytes:
    charset = draw(st.sampled_from(_CHARSETS))
    encoding = draw(st.sampled_from(_ENCODINGS))
    try:
        body = html.replace("\n", newline.decode()).encode(charset or "utf-8", "ignore")
    except LookupError:
        body = html.encode("utf-8")
    if encoding == "quoted-printable":
        body = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", newline)
    elif encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", newline)
    head = b"Content-Type: text/html" + (b"; charset=" + charset.encode() if charset else b"") + newline
    if encoding:
        head += b"Content-Transfer-Encoding: " + encoding.encode() + newline
    return head + newline + body


@given(messages())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_promise_holds_for_generated_mail(raw: bytes) -> None:
    check_message(raw)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@given(messages())
@settings(max_examples=50_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_promise_holds_for_much_generated_mail(raw: bytes) -> None:
    check_message(raw)


def test_an_earlier_pixel_goes_out_of_a_quoted_comment_for_outlook_too() -> None:
    html = f'<blockquote type="cite"><!--[if mso]><img src="{URLS.pixel()}" width="1"><![endif]-->Hello</blockquote>'
    head = b"From: a@example.com\nSubject: x\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n"
    result = check_message(head + base64.encodebytes(html.encode()))
    assert isinstance(result, Tracked)
    (body,) = html_bodies(result.raw)
    assert "<!--[if mso]><![endif]-->" in body


@given(messages(), st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=3)), min_size=1, max_size=4))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_damaged_mail_never_crashes_and_only_reported_spans_differ(raw: bytes, damage: list[tuple[int, bytes]]) -> None:
    for position, new in damage:
        at = position % (len(raw) + 1)
        raw = raw[:at] + new + raw[at + 1 :]
    # What programs make of damaged structure differs, so trees are compared on sound mail alone.
    check_message(raw, trees=False)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_at_all_are_survived(raw: bytes) -> None:
    check_message(raw, trees=False)


@st.composite
def plans_with_lines(draw: st.DrawFn) -> Plan:
    languages = st.sampled_from(("en", "de", "ja"))
    notice, withdrawal = draw(st.sampled_from(((True, False), (False, True))))
    return replace(ALL, opens=draw(st.booleans()), notice=notice, withdrawal=withdrawal, language=draw(languages))


@given(messages(), plans_with_lines())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_lines_for_recipients_bring_nothing_that_mail_has_no_room_for(raw: bytes, plan: Plan) -> None:
    result = rewrite_whole(raw, plan, URLS)
    if isinstance(result, Tracked):
        only_reported_spans_differ(raw, result)
        restores_exactly(raw, result)
        no_line_gets_too_long(raw, result)
        no_new_kind_of_octet(raw, result)


@given(messages())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_promise_holds_where_links_alone_are_wanted_in_text_as_well(raw: bytes) -> None:
    check_message(raw, Plan(opens=False, html_links=True, text_links=True))


@given(st.lists(st.sampled_from(_PIECES), max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_with_nothing_wanted_but_links_no_pixel_comes(pieces: list[str]) -> None:
    raw = b"From: a@example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + "".join(pieces).encode()
    result = check_message(raw, Plan(opens=False, html_links=True))
    if isinstance(result, Tracked):
        assert not result.opens
        assert URLS.pixel() not in "".join(str(item) for item in outline(tree_of("")))
