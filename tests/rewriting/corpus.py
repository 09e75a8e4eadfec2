"""The mail corpus that lies beside the project, as messages: as they are, with CRLF, and HTML wrapped in all shapes."""

from __future__ import annotations

import base64
import os
import quopri
import re
from collections.abc import Iterator
from pathlib import Path

SHARED = Path(os.environ.get("MAILGLASS_SHARED", Path(__file__).parents[3] / "shared"))
CORPUS = SHARED / "corpus"

_HEAD = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
_ALTERNATIVE = (
    b'Content-Type: multipart/alternative; boundary="=_b0"\r\n\r\n'
    b"--=_b0\r\nContent-Type: text/plain\r\n\r\nHello, see https://example.com/x.\r\n--=_b0\r\n"
)


def files(kind: str) -> list[Path]:
    """All ``eml`` or ``html`` files in a fixed order; none when there is no corpus."""
    return sorted(path for path in (CORPUS / kind).rglob("*") if path.is_file())


def messages_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """The messages to make of one file, each with a word for its shape."""
    raw = path.read_bytes()
    if path.suffix == ".eml":
        yield "as it is", raw
        yield "crlf", with_crlf(raw)
    else:
        yield from wrapped(raw)


def with_crlf(raw: bytes) -> bytes:
    return re.sub(rb"\r\n|\r|\n", b"\r\n", raw)


def wrapped(html: bytes, charset: str = "utf-8") -> Iterator[tuple[str, bytes]]:
    """The HTML in 7bit (where it can be), 8bit, quoted-printable and base64, alone and in multipart/alternative."""
    lines = with_crlf(html)
    bodies = {
        "8bit": lines,
        "quoted-printable": quopri.encodestring(lines.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n"),
        "base64": base64.encodebytes(html).replace(b"\n", b"\r\n"),
    }
    if lines.isascii():
        bodies["7bit"] = lines
    for encoding, body in bodies.items():
        part = f"Content-Type: text/html; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        yield encoding, _HEAD + part + body
        yield f"{encoding} in an alternative", _HEAD + _ALTERNATIVE + part + body + b"\r\n--=_b0--\r\n"
