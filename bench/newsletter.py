"""Synthetic mail for measuring: newsletters of a wanted size, and messages round them."""

from __future__ import annotations

import base64
import quopri
import random

_WORDS = [
    "spring",
    "summer",
    "garden",
    "kitchen",
    "offer",
    "review",
    "travel",
    "island",
    "mountain",
    "coffee",
    "morning",
    "evening",
    "quiet",
    "bright",
    "simple",
    "weekly",
    "letter",
    "update",
    "issue",
    "member",
    "price",
    "season",
    "detail",
    "colour",
    "wooden",
    "table",
    "chair",
    "lamp",
    "window",
    "paper",
    "story",
]

_TOP = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml">
<head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<title>Weekly letter</title>
<style type="text/css">
body{margin:0;padding:0;background:#f4f4f4} a{color:#1a5fb4} @media only screen and (max-width:600px){.col{width:100%}}
</style>
</head>
<body style="margin:0;padding:0">
<table width="100%" border="0" cellpadding="0" cellspacing="0" role="presentation"><tr><td align="center">
"""
_BLOCK = """<table width="600" border="0" cellpadding="0" cellspacing="0" role="presentation" class="col">
<tr><td style="padding:20px 24px 8px 24px;font-family:Arial,Helvetica,sans-serif;font-size:20px;line-height:26px;color:#222222"><b>{title}</b></td></tr>
<tr><td style="padding:0 24px"><img src="https://img.example.com/issue/{n}/picture.jpg" width="552" height="180" alt="{title}" style="display:block;border:0;max-width:100%" /></td></tr>
<tr><td style="padding:12px 24px;font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:21px;color:#444444">
<p style="margin:0 0 12px 0">{words}</p>
<p style="margin:0"><a href="https://www.example.com/stories/{n}?utm_source=letter&amp;utm_medium=email&amp;utm_campaign=week{n}" style="color:#1a5fb4;text-decoration:underline" target="_blank">{link}</a></p>
</td></tr>
</table>
{button}"""  # noqa: E501
_BUTTON = """<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://www.example.com/order/{n}" style="height:40px;v-text-anchor:middle;width:200px" arcsize="10%" fillcolor="#1a5fb4"><center>Order</center></v:roundrect><![endif]-->
"""  # noqa: E501
_BOTTOM = """</td></tr></table>
<p style="font-size:11px"><a href="https://www.example.com/unsubscribe?u=4711">Unsubscribe</a></p>
</body>
</html>
"""


def newsletter(size: int) -> bytes:
    """About ``size`` bytes of HTML with some 0.9 links a kilobyte, the same every time."""
    source = random.Random(size)
    blocks = [_TOP]
    length = len(_TOP) + len(_BOTTOM)
    number = 0
    while length < size:
        number += 1
        block = _BLOCK.format(
            title=" ".join(source.choices(_WORDS, k=4)).capitalize(),
            words=" ".join(source.choices(_WORDS, k=40)),
            link=" ".join(source.choices(_WORDS, k=3)),
            n=number,
            button=_BUTTON.format(n=number) if number % 8 == 0 else "",
        )
        blocks.append(block)
        length += len(block)
    return "".join([*blocks, _BOTTOM]).replace("\n", "\r\n").encode("ascii")


def message(html: bytes, encoding: str = "quoted-printable", attachment: bytes = b"") -> bytes:
    """A multipart/alternative with that HTML, in a multipart/mixed when there is something to attach."""
    if encoding == "quoted-printable":
        body = quopri.encodestring(html.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        body = base64.encodebytes(html).replace(b"\n", b"\r\n")
    else:
        body = html
    head = (
        b"From: Letter <letter@example.com>\r\nTo: reader@example.net\r\nSubject: Weekly letter\r\n"
        b"Date: Mon, 05 Jan 2026 08:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
    )
    alternative = (
        b'Content-Type: multipart/alternative; boundary="=_inner_1"\r\n\r\n'
        b"--=_inner_1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe letter, in words.\r\n"
        b"--=_inner_1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
        + encoding.encode("ascii") + b"\r\n\r\n" + body + b"\r\n--=_inner_1--\r\n"
    )  # fmt: skip
    if not attachment:
        return head + alternative
    return (
        head + b'Content-Type: multipart/mixed; boundary="=_outer_1"\r\n\r\n--=_outer_1\r\n' + alternative
        + b"--=_outer_1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=data.bin\r\n\r\n"
        + base64.encodebytes(attachment).replace(b"\n", b"\r\n") + b"--=_outer_1--\r\n"
    )  # fmt: skip
