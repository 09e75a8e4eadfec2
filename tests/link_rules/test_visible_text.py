"""A link's text counts as a URL only when all of it is one."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.rewriting.visible_text import host_in_text


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://shop.example.com/offer", "shop.example.com"),
        ("http://example.com", "example.com"),
        ("HTTPS://Example.COM/", "example.com"),
        ("www.example.com", "www.example.com"),
        ("example.com", "example.com"),
        ("shop.example.co.jp", "shop.example.co.jp"),
        ("example.com/path?x=1#y", "example.com"),
        ("example.com:8080/path", "example.com"),
        ("example.com.", "example.com"),  # the full stop of a sentence, or of the DNS
        ("https://example.com/a,", "example.com"),
        ("  https://example.com/  ", "example.com"),
        ("\u200bhttps://exam\u00adple.com/\u2060", "example.com"),  # what nobody sees does not count
        ("<https://example.com/>", "example.com"),  # as plain text writers write it
        ('"www.example.com"', "www.example.com"),
        ("(example.com)", "example.com"),
        ("//example.com/x", "example.com"),
        ("ftp://files.example.com/x", "files.example.com"),
        ("https://user@example.com/", "example.com"),
        ("https://192.0.2.1/x", "192.0.2.1"),
        ("https://[2001:db8::1]/x", "2001:db8::1"),
        ("192.0.2.1/admin", "192.0.2.1"),
        ("https://example.com/very/long/pa…", "example.com"),  # cut short, still an address
        ("bücher.example", "xn--bcher-kva.example"),
        ("https://例え.example/", "xn--r8jz45g.example"),
        ("xn--r8jz45g.xn--zckzah", "xn--r8jz45g.xn--zckzah"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("例え.みんな/x", "xn--r8jz45g.xn--q9jyb4c"),
        ("https://localhost:8025/x", "localhost"),
        ("intranet.local", "intranet.local"),
        ("example.shop", "example.shop"),
        ("http://tinyhost/x", "tinyhost"),
        ("readme.md/x", "readme.md"),  # with a path it is no file's name
    ],
)
def test_a_text_that_is_wholly_a_url_names_its_host(text: str, host: str) -> None:
    assert host_in_text(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Read more",
        "Read more.",
        "Яндекс.Календарь",
        "ご予約.お問い合わせ",
        "1.はじめに",
        "Visit example.com today",  # among other words
        "https://example.com and more",
        "example.com (opens a window)",
        "anna@example.com",  # an e-mail address
        "mailto:anna@example.com",
        "Node.js",
        "report.pdf",
        "README.md",  # a file far more often than a Moldavian site
        "deploy.sh",
        "v1.2.3",
        "10.50",
        "1.2.3.4",  # alone it may be a version
        "24.12.2026",
        "e.g.",
        "Mr.Smith",
        "end.Begin",
        "and/or",
        "24/7",
        "https://",
        "http:example.com",
        "...",
        ".com",
        "-.com",
        "a..com",
        "Yahoo!",
        "こちら。",
    ],
)
def test_any_other_text_names_none(text: str) -> None:
    assert host_in_text(text) is None


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    host_in_text(text)


@given(st.sampled_from(["example.com", "https://a.example.org/x", "www.example.net"]), st.integers(0, 15))
def test_invisible_letters_hide_no_url(text: str, place: int) -> None:
    assert host_in_text(text[:place] + "\u200b" + text[place:]) == host_in_text(text)


@pytest.mark.parametrize("piece", ["a.", "https://", "1.", "[", "a-", "\u200b", ":1"])
def test_a_long_text_costs_little(piece: str) -> None:
    started = process_time()
    host_in_text(piece * (200_000 // len(piece)))
    assert process_time() - started < 2.0
