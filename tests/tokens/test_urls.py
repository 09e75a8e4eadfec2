"""The URL grammar: what is inserted is read back, and a destination is what a browser would go to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.message_id import MessageId
from ledger.tokens import KeyRing, Purpose
from ledger.urls import OwnUrl, TrackingUrls, UrlGrammar, destination_of, parse_path

GRAMMAR = UrlGrammar("https://t.example.com/mg")
URLS = TrackingUrls(GRAMMAR, KeyRing({1: b"k" * 32}), MessageId(b"m" * 16))
TOKEN = "A" * 51

DESTINATIONS = [
    # href as written, after entities -> the exact Location
    ("https://example.com/", "https://example.com/", "nothing to do"),
    ("https://example.com", "https://example.com", "no slash is added"),
    ("HTTPS://Example.COM/A", "HTTPS://Example.COM/A", "case stays as written"),
    ("  https://example.com/ \n", "https://example.com/", "white space round it goes, as in browsers"),
    ("https://exam\r\nple.com/a\tb", "https://example.com/ab", "line ends and tabs inside go"),
    ("https://example.com/%7Euser", "https://example.com/%7Euser", "escapes are not touched"),
    ("https://example.com/a%2Fb?sig=ab%2Fc", "https://example.com/a%2Fb?sig=ab%2Fc", "signed URLs survive"),
    ("https://example.com/a/%2e%2e/b", "https://example.com/a/%2e%2e/b", "no dot segments are folded"),
    ("https://example.com/%zz", "https://example.com/%zz", "broken escapes are the site's affair"),
    ("https://example.com:443/", "https://example.com:443/", "the default port stays"),
    ("https://example.com/?a=1&b=2#f", "https://example.com/?a=1&b=2#f", "query and fragment stay"),
    ("https://example.com/a b", "https://example.com/a b", "a space inside stays as it is"),
    ("https://example.com/ü", "https://example.com/%C3%BC", "outside ASCII: percent-encoded UTF-8"),
    ("https://bücher.example/ü?ü#ü", "https://xn--bcher-kva.example/%C3%BC?%C3%BC#%C3%BC", "IDNA in the host"),
    ("https://straße.example/", "https://xn--strae-oqa.example/", "UTS 46, not transitional"),
    ("https://user:pw@example.com/", "https://user:pw@example.com/", "userinfo stays"),
    ("https://[2001:db8::1]:8080/x", "https://[2001:db8::1]:8080/x", "IPv6 literal"),
    ("http://192.0.2.1/", "http://192.0.2.1/", "IPv4"),
    ("mailto:a@example.com", None, "no http"),
    ("javascript:alert(1)", None, "no http"),
    ("java\nscript:alert(1)", None, "no http after stripping either"),
    ("//example.com/", None, "relative to a scheme"),
    ("/path", None, "relative"),
    ("#anchor", None, "anchor"),
    ("", None, "empty"),
    ("https://", None, "no host"),
    ("https:///path", None, "no host"),
    ("https:example.com", None, "browsers guess here; doubt is left alone"),
    ("https://exa mple.com/", None, "a space in the host"),
    ("https://example.com:port/", None, "no port number"),
    ("https://example.com/\0x", None, "NUL"),
    ("https://example.com/\ud800", None, "a lone surrogate has no bytes"),
    ("https://{{host}}/", None, "a template that was not filled in"),
]


@pytest.mark.parametrize(("href", "expected", "why"), DESTINATIONS)
def test_a_destination_is_what_the_mail_says(href: str, expected: str | None, why: str) -> None:
    assert destination_of(href) == expected, why


@given(st.text(max_size=80))
def test_every_destination_is_ascii_without_line_ends_and_stable(href: str) -> None:
    for candidate in (href, "https://example.com/" + href, "https://" + href):
        destination = destination_of(candidate)
        if destination is not None:
            assert destination.isascii()
            assert "\r" not in destination
            assert "\n" not in destination
            assert destination_of(destination) == destination


@given(st.text(max_size=60).map(lambda tail: destination_of("https://example.com/" + tail)))
def test_a_link_reads_back_to_its_destination(destination: str | None) -> None:
    if destination is None:
        return
    link = URLS.link(3, destination, copy=2)
    assert link.isascii()
    assert not set(link) & set(" \"'<>&")
    assert URLS.original_of(link) == destination
    assert URLS.original_of(link + "&utm_source=x") == destination, "others may add parameters"


_DESTINATIONS = st.one_of(
    st.text(max_size=30),  # few of these are any: line ends, controls, letters beyond ASCII
    st.text("/?&=%:.a-~", max_size=9).map("https://example.com/".__add__),
)


@given(st.lists(st.tuples(st.integers(0, 2**16 - 1), _DESTINATIONS), max_size=5), st.integers(0, 2**16 - 1))
def test_many_links_are_what_each_would_be_alone(links: list[tuple[int, str]], copy: int) -> None:
    assert URLS.links(links, copy) == [URLS.link(number, destination, copy) for number, destination in links]


def test_the_three_urls_have_the_promised_shape() -> None:
    assert GRAMMAR.pixel(TOKEN) == f"https://t.example.com/mg/o/{TOKEN}.gif"
    assert GRAMMAR.link(TOKEN, "https://a.example/?x=1&y") == (
        f"https://t.example.com/mg/c/{TOKEN}?u=https://a.example/%3Fx%3D1%26y"
    )
    assert GRAMMAR.page(TOKEN) == f"https://t.example.com/mg/p/{TOKEN}"


ROUTES = [
    (f"/o/{TOKEN}.gif", OwnUrl(Purpose.PIXEL, TOKEN), "pixel"),
    (f"/c/{TOKEN}?u=https://e.example/a%2Bb+c", OwnUrl(Purpose.LINK, TOKEN, "https://e.example/a+b+c"), "+ is a plus"),
    (f"/c/{TOKEN}", OwnUrl(Purpose.LINK, TOKEN), "u lost on the way"),
    (f"/c/{TOKEN}?u=", OwnUrl(Purpose.LINK, TOKEN), "u empty counts as lost"),
    (f"/c/{TOKEN}?a=1&u=x", OwnUrl(Purpose.LINK, TOKEN, "x"), "somebody's parameter before ours"),
    (f"/c/{TOKEN}?u=%ff", OwnUrl(Purpose.LINK, TOKEN, "\ufffd"), "no UTF-8: present, but never what was signed"),
    (f"/c/{TOKEN}?u=\udcff", OwnUrl(Purpose.LINK, TOKEN, "\ufffd"), "an octet outside ASCII, as servers hand it on"),
    (f"/p/{TOKEN}", OwnUrl(Purpose.PAGE, TOKEN), "page"),
    (f"/c/%41{TOKEN[1:]}?u=x", OwnUrl(Purpose.LINK, TOKEN, "x"), "a letter escaped that need not be"),
    (f"/%6F/{TOKEN}%2egif", OwnUrl(Purpose.PIXEL, TOKEN), "so anywhere in the path"),
    (f"/c%2F{TOKEN}?u=x", None, "a slash that is escaped is no slash"),
    (f"/c/{TOKEN}%3Fu=x", None, "nor is such a question mark one"),
    (f"/c/%2541{TOKEN[1:]}", None, "escaped twice is another letter"),
    (f"/o/{TOKEN}", None, "a pixel without its ending"),
    (f"/o/{TOKEN}.gif/x", None, "something behind it"),
    (f"/x/{TOKEN}", None, "no purpose of ours"),
    (f"/c/{TOKEN[:-1]}", None, "too short"),
    (f"/c/{TOKEN}é", None, "too long"),
]


@pytest.mark.parametrize(("path", "expected", "why"), ROUTES)
def test_a_path_is_read_as_what_it_names(path: str, expected: OwnUrl | None, why: str) -> None:
    assert parse_path(path) == expected, why


def test_own_urls_are_those_under_the_public_url() -> None:
    assert GRAMMAR.is_own("https://T.example.com/mg/anything")
    assert GRAMMAR.is_own("https://t.example.com/mg")
    assert not GRAMMAR.is_own("https://t.example.com/mgx")
    assert not GRAMMAR.is_own("https://t.example.com.evil.example/mg/")


def test_a_forged_link_has_no_original() -> None:
    link = URLS.link(1, "https://example.com/")
    assert URLS.original_of(link.replace("example.com/", "evil.example/")) is None
    assert URLS.original_of(link.split("?")[0]) is None
