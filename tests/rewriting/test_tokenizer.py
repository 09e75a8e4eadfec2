"""The scanner and html5lib's tokenizer, an independent reading of the same standard, find the same tags."""

from __future__ import annotations

import random
from typing import Any

import pytest
from html5lib._tokenizer import HTMLTokenizer
from html5lib.constants import tokenTypes

from relay.rewriting.character_references import decode_attribute
from relay.rewriting.html_tokens import attributes_of, tokenize

_FRAGMENTS = (
    "<", ">", "</", "/>", "<a", "<A ", "<a href=", '<a href="', "<a href='", "</a>", "</a ", "<p>", "<div ", "</div>",
    "<!--", "-->", "--!>", "--", "-", "<!-->", "<!--->", "<!", "<!doctype html>", "<!DOCTYPE html PUBLIC \"", "<?xml",
    "<![CDATA[", "]]>", "<!--[if mso]>", "<![endif]-->", "<![if !mso]>", "<script>", "<script ", "</script>",
    "</script ", "<SCRIPT>", "<style>", "</style>", "<title>", "</title>", "<textarea>", "</textarea", "<xmp>",
    "</xmp>", "<iframe>", "</iframe>", "<noembed>", "</noembed>", "<noframes>", "</noframes>", "<plaintext>",
    '"', "'", "=", " ", "\n", "\t", "\f", "/", "x", "é", "&amp;", "&lt;", "&copy", "&copy=1", "&#106;", "&#x3a",
    "&notit;", "&", ";", "href", "href=x", ' href="x"', " href='y'", " HREF=z", "data-track", "=a", "a=b", "a b",
    "<area ", "<body", "<html>", "</html>", "</body>", "<td", "<br/>", "<br / >", "<img src=x/>", "`", "<a/b", "<1",
    "</1", "< a", "<a\n", "<b><i>", "<v:rect href=x>", "http://example.com/",
)  # fmt: skip
_RAW = {"style", "xmp", "iframe", "noembed", "noframes"}


@pytest.mark.parametrize("seed", range(20))
def test_scanner_and_html5lib_agree_on_nasty_documents(seed: int) -> None:
    compare_documents(seed, 150)


@pytest.mark.parametrize(
    "number",
    [0, 1, 3, 8, 0xB, 0xD, 0x1F, 0x26, 0x7F, 0x80, 0x81, 0x9F, 0xD800, 0xFDD0, 0xFFFE, 0x1FFFF, 0x10FFFF, 0x110000],
    ids=hex,
)
@pytest.mark.parametrize("form", ["&#{};", "&#x{:x};", "&#{}"])
def test_a_numeric_reference_means_what_html5lib_takes_it_for(number: int, form: str) -> None:
    html = f'<a href="https://example.com/{form.format(number)}">'
    assert ours(html) == theirs(html)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_scanner_and_html5lib_agree_on_a_million_documents() -> None:
    for seed in range(1000, 2000):
        compare_documents(seed, 1000)


@pytest.mark.parametrize(
    "html",
    [
        "<script><!-- <script></script> --></script><a href=x>",  # double escaped
        "<script><!--></script><a href=x>",  # the comment ends where it begins
        "<script><!-- <script> </script </script><a href=x>",
        "<a =b href=x>",  # "=" begins a name
        '<a href="x"title="y">',  # no space between
        "<a href=x/>y</a>",  # the slash is the value's
        "<a/href=x>",
        "<a href>z</a>",
        "<a href=>z</a>",
        "<a href=a href=b>",  # the first counts
        '<!-- <a href="x"> --!><a href=y>',
        "<title><a href=x></title><a href=y>",
        '<p title="<a href=x>"><a href=y>',
        "<a href='x\"y'>",
        '<a href="x',  # never ends: no tag
    ],
)
def test_scanner_reads_a_state_of_the_standard_as_html5lib_does(html: str) -> None:
    assert ours(html) == theirs(html)


def compare_documents(seed: int, count: int) -> None:
    source = random.Random(seed)
    for _ in range(count):
        html = "".join(source.choices(_FRAGMENTS, k=source.randint(1, 14)))
        assert ours(html) == theirs(html), repr(html)
        fast = [tag for tag in ours(html) if tag[0] in ("a", "area", "body", "html")]
        assert [tag for tag in ours(html, every_tag=False) if tag[0] in ("a", "area", "body", "html")] == fast, html


def ours(html: str, *, every_tag: bool = True) -> list[tuple[str, bool, dict[str, str]]]:
    raw = html.encode("utf-8")
    tokens = tokenize(raw, every_tag=every_tag)
    assert tokens is not None
    found = []
    for tag in tokens.tags:
        if tag.conditional:
            continue
        attributes = {
            attribute.name.decode("utf-8"): decode_attribute(raw[attribute.start : attribute.end].decode("utf-8"))
            for attribute in attributes_of(raw, tag)
        }
        found.append((tag.name.decode("utf-8"), tag.closing, {} if tag.closing else attributes))
    return found


def theirs(html: str) -> list[tuple[str, bool, dict[str, str]]]:
    tokenizer: Any = HTMLTokenizer(html)
    found = []
    for token in tokenizer:
        if token["type"] in (tokenTypes["StartTag"], tokenTypes["EmptyTag"]):
            name = token["name"]
            attributes: dict[str, str] = {}
            for key, value in token["data"].items() if isinstance(token["data"], dict) else token["data"]:
                attributes.setdefault(key, value)
            found.append((name, False, attributes))
            # What a tree builder tells the tokenizer (WHATWG HTML 13.2.6.4).
            if name in _RAW:
                tokenizer.state = tokenizer.rawtextState
            elif name in ("title", "textarea"):
                tokenizer.state = tokenizer.rcdataState
            elif name == "script":
                tokenizer.state = tokenizer.scriptDataState
            elif name == "plaintext":
                tokenizer.state = tokenizer.plaintextState
        elif token["type"] == tokenTypes["EndTag"]:
            found.append((token["name"], True, {}))
    return found


@pytest.mark.parametrize(
    "raw", ["<script>x</script", "<style>x</style a=b", "<textarea>x</textarea ", "<title></title\n"]
)
def test_an_end_tag_that_is_cut_off_ends_no_raw_text(raw: str) -> None:
    """So nothing of ours goes in there, where nobody would ever see it."""
    html = b"<p>a</p>" + raw.encode()
    tokens = tokenize(html)
    assert tokens is not None
    assert tokens.limit == 8
    assert tokens.hidden == [(html.index(b">", 8) + 1, len(html))]
