"""How doctor recognises its probe's pixel in what was delivered."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from ledger.message_id import MessageId
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar
from mailglass.commands.doctor import pixel_in

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
GRAMMAR = UrlGrammar("https://t.example.com/mail")
PROBE, OTHER = MessageId(bytes(16)), MessageId(bytes(range(16)))
URLS = TrackingUrls(GRAMMAR, KeyRing({1: OLD, 2: NEW}), PROBE)


def delivered(pixel: str, encoding: str = "quoted-printable") -> bytes:
    message = EmailMessage()
    message["Subject"] = "A probe"
    message.set_content("In plain text there is none.")
    message.add_alternative(f'<p>Hello <img src="{pixel}" width=1 height=1 alt=""></p>', subtype="html", cte=encoding)
    return message.as_bytes(policy=SMTP)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("ring", [KeyRing({1: OLD}), KeyRing({2: NEW})], ids=["the old key signed", "the new one did"])
def test_the_pixel_is_found_whichever_key_signed_it_and_however_it_is_encoded(ring: KeyRing, encoding: str) -> None:
    pixel = TrackingUrls(GRAMMAR, ring, PROBE).pixel()
    assert pixel_in(delivered(pixel, encoding), URLS) == pixel


@pytest.mark.parametrize(
    "pixel",
    [
        pytest.param(TrackingUrls(GRAMMAR, URLS.ring, OTHER).pixel(), id="of another message"),
        pytest.param(TrackingUrls(GRAMMAR, KeyRing({1: NEW}), PROBE).pixel(), id="forged"),
        pytest.param(TrackingUrls(UrlGrammar("https://example.com"), URLS.ring, PROBE).pixel(), id="of another server"),
        pytest.param("https://t.example.com/mail/o/short.gif", id="no token at all"),
    ],
)
def test_a_pixel_that_is_not_the_probes_is_not_taken_for_it(pixel: str) -> None:
    assert pixel_in(delivered(pixel), URLS) is None
