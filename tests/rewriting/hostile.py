"""Inputs made to be slow: each name takes a size and gives a message of about that many units."""

from __future__ import annotations

from collections.abc import Callable

_MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
_TEXT = b"Content-Type: text/plain\r\n\r\n"
_HEAD = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def _html(body: bytes, encoding: bytes = b"8bit", charset: bytes = b"utf-8") -> bytes:
    return (
        _HEAD + b"Content-Type: text/html; charset=" + charset + b"\r\nContent-Transfer-Encoding: " + encoding
        + b"\r\n\r\n" + body
    )  # fmt: skip


def _nested(depth: int) -> bytes:
    pieces = [_HEAD]
    for level in range(depth):
        pieces.append(b'Content-Type: multipart/mixed; boundary="b%06d"\r\n\r\n--b%06d\r\n' % (level, level))
    pieces.append(b"Content-Type: text/html\r\n\r\n<a href='http://example.com/'>x</a>\r\n")
    pieces += [b"--b%06d--\r\n" % level for level in reversed(range(depth))]
    return b"".join(pieces)


def _many(count: int) -> bytes:
    part = b"--b\r\nContent-Type: text/html\r\n\r\nx\r\n"
    return _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count + b"--b--\r\n"


def _many_before_a_large_one_in_cr(count: int) -> bytes:
    """Lines as old Macs end them, so that whoever looks for a LF in it looks at all of it."""
    part = b"--b\r\nContent-Type: text/html\r\n\r\n<p><a href=http://example.com/>x</a>\r\n"
    large = b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + b"x" * count * 2900 + b"\r\n--b--\r\n"
    return (_HEAD + _MIXED + part * min(count, 900) + large).replace(b"\r\n", b"\r")


def _quoted_printable_line(count: int) -> bytes:
    return _html(b"<a href=3D'http://example.com/'>x</a>" * count, b"quoted-printable")


def _folded(count: int) -> bytes:
    return _HEAD + b"Subject: y" + b"\r\n z" * count + b"\r\nContent-Type: text/html\r\n\r\n<p>x</p>"


def _parameters(count: int) -> bytes:
    return _HEAD + b"Content-Type: text/html; " + b"; ".join(b"p*%d=x" % n for n in range(count)) + b"\r\n\r\n<p>x"


def _text(body: bytes) -> bytes:
    return _HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "one line of our own addresses": lambda n: _text(b"> " + b",https://t.example.org/" * n),
    "our own addresses with brackets": lambda n: _text(b"> " + (b"https://t.example.org/c/x" + b")" * 50) * n),
    "our own addresses in one line": lambda n: _text(b"> " + b" https://t.example.org/c/x" * n),
    "a class of a quotation, over and over": lambda n: _html(b'<div class="quote ' + b"x_" * n + b'">'),
    "a class of Yahoo's, over and over": lambda n: _html(b'<div class="' + b"yahoo_quoted" * n + b'-">'),
    "an id of Yahoo's, over and over": lambda n: _html(b'<div id="' + b"yahoo_quoted" * n + b'-">'),
    "T45 nested multiparts": _nested,
    "T46 many parts": _many,
    "T46 many parts before a large one": _many_before_a_large_one_in_cr,
    "T47 many headers": lambda n: b"X-A: b\r\n" * n + _html(b"<p>x"),
    "T47 one long folded header": _folded,
    "T47 one long header line": lambda n: b"X-A: " + b"b" * n * 20 + b"\r\n" + _html(b"<p>x"),
    "T47 encoded words in the subject": lambda n: b"Subject: " + b"=?utf-8?q?a?=\r\n " * n + b"\r\n" + _html(b"<p>x"),
    "T47 parameter continuations": _parameters,
    "T47 quotes in a parameter": lambda n: _HEAD + b'Content-Type: text/html; a="' + b'\\"' * n + b"\r\n\r\n<p>",
    "T47 comments in a type": lambda n: _HEAD + b"Content-Type: text/html " + b"(" * n + b"\r\n\r\n<p>",
    "T48 unended tags": lambda n: _html(b"<a " * n),
    "T48 unended attributes": lambda n: _html(b'<a href="' * n),
    "T48 unended comments": lambda n: _html(b"<!--" * n),
    "T48 unended declarations": lambda n: _html(b"<!" * n),
    "T48 unended end tags": lambda n: _html(b"</" * n),
    "T48 unended scripts": lambda n: _html(b"<script><!--<script>" * n),
    "T48 unended titles": lambda n: _html(b"<title>" * n),
    "T48 conditional comments": lambda n: _html(b"<!--[if mso]><a href='http://example.com/'>" * n),
    "T48 ended conditional comments": lambda n: _html(b"<!--[if mso]><v:r href='http://example.com/'><![endif]-->" * n),
    "T48 nested svg": lambda n: _html(b"<svg><foreignObject>" * n),
    "T48 svg after svg": lambda n: _html(b"<svg><p>" * n),
    "T48 svg with cdata": lambda n: _html(b"<svg><![CDATA[" * n),
    "T48 templates": lambda n: _html(b"<template>" * n),
    "T48 many links": lambda n: _html(b"<a href='http://example.com/'>x</a>\r\n" * n),
    "T48 unended links": lambda n: _html(b"<a href='http://example.com/'>\r\n" * n),
    "T48 links in one line": lambda n: _html(b"<a href='http://example.com/'>x</a>" * n),
    "T48 many attributes": lambda n: _html(b"<a " + b"".join(b"a%d=b " % i for i in range(n)) + b"href='http://e.de'>"),
    "T48 the same attribute": lambda n: _html(b"<a " + b"href=x " * n + b">"),
    "T48 long words in a tag": lambda n: _html(b"<p " + b"x" * n * 10),
    "T48 long reference": lambda n: _html(b"<a href='http://example.com/&#" + b"9" * n * 10 + b"'>x</a>"),
    "T48 long reference in text": lambda n: _html(b"<a href='http://example.com/'>&#" + b"9" * n * 10 + b";</a>"),
    "T48 many references": lambda n: _html(b"<a href='http://example.com/" + b"&amp" * n + b"'>x</a>"),
    "T48 quotations": lambda n: _html(b"<blockquote type=cite>" * n),
    "T48 quotations one after another": lambda n: _html(b"<blockquote type=cite>x</blockquote>" * n),
    "T48 plain blockquotes": lambda n: _html(b"<blockquote>x:" * n),
    "T48 dashes": lambda n: _html(b"-" * n * 5),
    "T48 dashed lines": lambda n: _html(b"----- Original" * n),
    "T48 labels beyond ASCII": lambda n: _html("<b>差：</b>".encode() * n),
    "T48 dashed words beyond ASCII": lambda n: _html("---- 差 ".encode() * n),
    "T48 dashed lines in quotations": lambda n: _html(b"<blockquote type=cite>----- Original -----</blockquote>" * n),
    "T48 dashes, far from words": lambda n: _html(b"---- " * n * 20),
    "T48 header blocks": lambda n: _html(b"<b>From:</b> " * n),
    "T48 half header blocks": lambda n: _html((b"<b>From:</b>" + b"x" * 500) * (n // 20)),
    "T48 open formatting": lambda n: _html(b"<p><font><b></p>" * n),
    "T48 open tables": lambda n: _html(b"<table><tr>" * n),
    "T48 pixels like ours": lambda n: _html((b"<img src=https://t.example.org/o/" + b"A" * 51 + b".gif>") * (n // 4)),
    "T48 marks": lambda n: _html(b"<p data-track=no data-track-x=y>" * n),
    "T48 bodies": lambda n: _html(b"</body>" * n),
    "T48 sentences round links": lambda n: _html(b"unsubscribe <a href='http://example.com/'>here</a> " * n),
    "T48 sentences of line breaks": lambda n: _html(b"<br> " * 200 + b"<a href='http://example.com/'>here</a>" * n),
    "T48 pictures in a link": lambda n: _html(b"<a href='http://example.com/'>" + b"<img alt=x>" * n * 3 + b"</a>"),
    "T48 links in svg": lambda n: _html(b"<svg><a href='http://example.com/'>" * n),
    "T48 half tags": lambda n: _html(b"<span id" * n * 5),
    "T49 octets": lambda n: _html(b"=41" * n * 10, b"quoted-printable"),
    "T49 quoted-printable in one line": _quoted_printable_line,
    "T49 soft breaks": lambda n: _html(b"<a href=3D'http://e.com/" + b"=\r\n" * n + b"x'>y</a>", b"quoted-printable"),
    "T49 odd escapes": lambda n: _html(b"<a href=3D'http://example.com/'>" + b"=ZZ" * n, b"quoted-printable"),
    "T49 bare equals signs": lambda n: _html(b"<a href='http://example.com/'>" + b"=" * n * 4, b"quoted-printable"),
    "T49 base64 of spaces": lambda n: _html(b"PGEg " * n, b"base64"),
    "T49 base64 with a stray letter": lambda n: _html(b"PGEg\r\n" * n + b"!", b"base64"),
    "T49 escapes of iso-2022-jp": lambda n: _html(b"\x1b$B$\"\x1b(B" * n + b"<p>", b"7bit", b"iso-2022-jp"),
    "T49 roman of iso-2022-jp": lambda n: _html(b"\x1b(J" * n + b"<p>", b"7bit", b"iso-2022-jp"),
    "T49 hz": lambda n: _html(b"~{VP~}" * n + b"<p>", b"7bit", b"hz-gb-2312"),
    "T49 meta": lambda n: _html(b"<meta " * n, b"7bit", b""),
    "T46 parts that never close": lambda n: _HEAD + _MIXED + b"--b\r\nno header at all" * n,
    "T46 a part's header of other lines": lambda n: _HEAD + _MIXED + b"--b\r\n" + b"a: b\r\nno field\r\n" * n * 5,
    "text of sentences": lambda n: _HEAD + _TEXT + b"unsubscribe http://example.com/x " * n,
    "text links": lambda n: _HEAD + _TEXT + b"http://example.com/)))))))) " * n,
    "text of brackets": lambda n: _HEAD + b"Content-Type: text/plain\r\n\r\nhttp://example.com/" + b")" * n * 10,
    "text in one line": lambda n: _HEAD + _TEXT + b"http://example.com/ " * n,
    "boundary everywhere": lambda n: _HEAD + _MIXED + b"\r\n--b" * n,
    "boundary alike everywhere": lambda n: _HEAD + _MIXED + b"\r\n--bb" * n,
    "empty lines": lambda n: _HEAD + b"\r\n" * n,
}  # fmt: skip
