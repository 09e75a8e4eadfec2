"""A rewritten message is signed again so that verifiers accept it, or the original goes out."""

from __future__ import annotations

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ledger.records import Reason
from relay.rewriting.dkim_signing import DkimKey, sign, signed_again
from relay.rewriting.plan import Edit, SpanKind, Tracked, Unchanged

MESSAGE = (
    b"From: a@example.com\r\nTo: b@example.net\r\nSubject: Hello\r\nDate: Tue, 24 Nov 2026 03:00:00 +0000\r\n\r\nHi\r\n"
)
PRIVATE = rsa.generate_private_key(65537, 1024)
KEY = DkimKey(
    "mail",
    "example.com",
    PRIVATE.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ),
)
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)


def verifies(message: bytes) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name.rstrip(b".") == b"mail._domainkey.example.com"
        return b"v=DKIM1; k=rsa; p=" + PUBLIC

    try:
        return bool(dkim.DKIM(message, minkey=1024).verify(dnsfunc=dns))
    except dkim.ValidationError:
        return False


def test_the_new_signature_verifies_and_changes_nothing_else() -> None:
    signature = sign(MESSAGE, KEY)
    assert signature is not None
    assert signature.startswith(b"DKIM-Signature: ")
    assert signature.endswith(b"\r\n")
    assert all(len(line) <= 998 for line in signature.split(b"\r\n"))
    assert verifies(signature + MESSAGE)
    assert not verifies(signature + MESSAGE.replace(b"Hi", b"Ho"))


def test_the_old_signature_stays_and_the_new_one_counts() -> None:
    old = sign(MESSAGE, KEY)
    assert old is not None
    changed = old + MESSAGE.replace(b"Hi", b"Hi <img>")
    assert not verifies(changed)
    again = signed_again(Tracked(changed, (Edit(3, 3, b" <img>", SpanKind.PIXEL),), True), KEY)
    assert isinstance(again, Tracked)
    assert again.raw.endswith(changed)
    assert again.raw.count(b"DKIM-Signature:") == 2
    assert verifies(again.raw)
    assert again.edits[0] == Edit(0, 0, again.raw[: -len(changed)], SpanKind.HEADER)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (MESSAGE, DkimKey("mail", "example.com", b"no key")),
        (MESSAGE, DkimKey("mail", "example.com", b"")),
        (MESSAGE, DkimKey("mäil", "example.com", KEY.pem)),
        (b"Subject: no sender\r\n\r\nHi\r\n", KEY),
        (b"no header at all\r\n\r\n", KEY),
        (b"", KEY),
    ],
)
def test_without_a_signature_the_original_goes_out(raw: bytes, key: DkimKey) -> None:
    found = signed_again(Tracked(raw, (), True), key)
    assert isinstance(found, Unchanged)
    assert found.reason is Reason.DKIM_SIGNED
    assert found.notes


def test_the_key_is_not_shown() -> None:
    assert b"PRIVATE" in KEY.pem
    assert "PRIVATE" not in repr(KEY)
