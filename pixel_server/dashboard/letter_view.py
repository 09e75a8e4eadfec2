"""A delivered letter as its recipient sees it, for the Outbox. Pure: bytes in, values out.

Only for looking at: what was delivered stays as it is on disk, and goes out as it is under "source" and "download".
Pictures inside the letter become data, since the frame it is shown in may load nothing but the pixel.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from html import escape

# The frame has no origin of its own to open links in; each gets a tab.
_OPEN_IN_TABS = '<base target="_blank">'
LARGEST_PICTURE = 2_000_000
_CID = re.compile(r"cid:([^\s\"'<>)]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LetterView:
    subject: str
    sender: str
    to: str
    date: str
    html: str  # a whole document; made from the text where the letter has no HTML
    attachments: tuple[str, ...]


def view(raw: bytes) -> LetterView:
    """Never raises: a letter that cannot be taken apart is shown as its text."""
    try:
        return _view(raw)
    except Exception:  # the standard library's parser raises what it likes on damaged mail
        text = raw.decode("utf-8", "replace")
        return LetterView("", "", "", "", _from_text(text), ())


def _view(raw: bytes) -> LetterView:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    html_part = message.get_body(("html",))
    text_part = message.get_body(("plain",))
    if html_part is not None:
        html = _OPEN_IN_TABS + _with_pictures(_text_of(html_part), message)
    else:
        html = _from_text(_text_of(text_part) if text_part is not None else "")
    names = tuple(_name_of(part) for part in message.iter_attachments())
    subject, sender, to, date = (_header(message, name) for name in ("Subject", "From", "To", "Date"))
    return LetterView(subject, sender, to, date, html, names)


def _header(message: EmailMessage, name: str) -> str:
    value = str(message.get(name, ""))
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in value)


def _text_of(part: MIMEPart) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _name_of(part: MIMEPart) -> str:
    return part.get_filename() or part.get_content_type()


def _with_pictures(html: str, message: EmailMessage) -> str:
    pictures = {
        str(part.get("Content-ID", "")).strip().strip("<>"): part
        for part in message.walk()
        if part.get_content_maintype() == "image" and part.get("Content-ID")
    }

    def data(match: re.Match[str]) -> str:
        part = pictures.get(match[1])
        raw = part.get_payload(decode=True) if part is not None else None
        if part is None or not isinstance(raw, bytes) or len(raw) > LARGEST_PICTURE:
            return match[0]
        return f"data:{part.get_content_type()};base64,{b64encode(raw).decode('ascii')}"

    return _CID.sub(data, html) if pictures else html


def _from_text(text: str) -> str:
    style = "margin:0;padding:16px;font:13px/1.5 monospace;white-space:pre-wrap;color:#15202a;background:#fff"
    return f'<!doctype html><meta charset="utf-8"><body style="{style}">{escape(text)}</body>'
