"""The new signature holds by RFC 6376 as written down here, with no part of the library that made it."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from relay.rewriting.dkim_signing import signed_again
from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.rewrite import rewrite
from tests.optin.test_dkim_signing import KEY, PRIVATE, verifies
from tests.rewriting.oracles import URLS

MESSAGE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=old; h=from; bh=x; b=y\r\n"
    b"From:  Anna  <a@example.com>\r\nTo: b@example.net,\r\n\tc@example.net\r\nSubject: Hello\r\n"
    b"Date: Tue, 24 Nov 2026 03:00:00 +0000\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<p>Look  at <a href="https://www.example.com/">this</a> \t\r\n\r\n\r\n'
)


def holds(message: bytes) -> bool:
    """Whether the topmost signature is right: relaxed header and body, RSA with SHA-256."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    tags = {
        piece.split(b"=", 1)[0].strip(): re.sub(rb"\s", b"", piece.split(b"=", 1)[1])
        for piece in fields[0].partition(b":")[2].split(b";")
        if b"=" in piece
    }
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    relaxed_body = re.sub(rb"(\r\n)*\Z", b"", b"\r\n".join(lines)) + b"\r\n"
    if base64.b64encode(hashlib.sha256(relaxed_body).digest()) != tags[b"bh"]:
        return False
    left = list(fields[1:])
    signed = b""
    for name in tags[b"h"].lower().split(b":"):
        at = next((n for n in reversed(range(len(left))) if left[n].split(b":")[0].strip().lower() == name), None)
        signed += relaxed(left.pop(at)) + b"\r\n" if at is not None else b""
    signed += relaxed(re.sub(rb"(\bb=)[^;]*\Z", rb"\1", fields[0]))
    public = PRIVATE.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    try:
        public.verify(base64.b64decode(tags[b"b"]), signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()


def test_a_tracked_message_that_was_signed_is_signed_again_and_holds() -> None:
    tracked = rewrite(MESSAGE, Plan(opens=True, html_links=True, track_dkim_signed=True), URLS)
    assert isinstance(tracked, Tracked)
    again = signed_again(tracked, KEY)
    assert isinstance(again, Tracked)
    assert verifies(again.raw)
    assert holds(again.raw)
    assert not holds(again.raw.replace(b"Look", b"Loot"))
    assert not holds(again.raw.replace(b"Anna", b"Otto"))
