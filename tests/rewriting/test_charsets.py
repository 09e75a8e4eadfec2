"""Which charsets can be scanned with certainty, and that offsets lead back."""

from __future__ import annotations

import pytest

from relay.rewriting.charsets import find_codec, read_text

HTML = '<p title="ソ表">日本語 <a href="https://e.com/a">ソフト</a></p>\n'


@pytest.mark.parametrize(
    "charset",
    ["utf-8", "shift_jis", "cp932", "euc-jp", "iso-2022-jp", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"],
)
def test_a_link_is_found_where_it_stands_in_a_japanese_body(charset: str) -> None:
    text = read_text(HTML.encode(charset), charset)
    assert text is not None
    start = text.scan.index(b"https://e.com/a")
    end = start + len("https://e.com/a")
    assert text.decode(start, end) == "https://e.com/a"
    new = text.encode(b"http://x/")
    edited = text.body[: text.place(start)] + new + text.body[text.place(end) :]
    assert edited.decode(charset) == HTML.replace("https://e.com/a", "http://x/")
    assert text.scan.count(b"<") == 4


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("big5", "<p>許功蓋 <a href=x>"),  # second bytes that look like a backslash
        ("gbk", "<p>俓 <a href=x>"),
        ("euc-kr", "<p>한국어 <a href=x>"),
        ("cp949", "<p>똠방각하 <a href=x>"),
        ("johab", "<p>한국어 <a href=x>"),
        ("hz-gb-2312", "<p>中文 ~ <a href=x>"),
        ("iso-2022-kr", "<p>한국어 <a href=x>"),
        ("koi8-r", "<p>Привет <a href=x>"),
        ("windows-1251", "<p>Привет <a href=x>"),
        ("cp037", "<p>words <a href=x>"),  # EBCDIC
        ("shift_jis_2004", "<p>ミ <a href=x>"),  # a second byte that is a tilde's
        ("cp437", "<p>é <a href=x>"),
        ("mac-roman", "<p>é <a href=x>"),
        ("tis-620", "<p>ก <a href=x>"),
    ],
)
def test_tags_are_seen_as_the_charset_means_them(charset: str, body: str) -> None:
    text = read_text(body.encode(charset), charset)
    assert text is not None
    assert text.scan.count(b"<") == 2
    assert text.scan.index(b"<a href=x>") >= 0
    assert b"\\" not in text.scan


@pytest.mark.parametrize(
    ("charset", "body", "why"),
    [
        ("x-nosuch", b"<p>", "unknown"),
        ("utf-7", b"<p>", "read in different ways"),
        ("unicode_escape", b"<p>", "a codec, and no charset"),
        ("idna", b"<p>", "a codec, and no charset"),
        ("rot13", b"<p>", "a codec, and no charset"),
        ("base64", b"<p>", "a codec, and no charset"),
        ("utf-8", b"<\0p\0>\0", "UTF-16 that is not declared"),
        ("utf-16", b"<\0p\0>\0", "no byte order mark"),
        ("utf-16-le", b"<\0p\0>", "half a character"),
        ("utf-16-le", b"\xfe\xff\0<", "the mark says otherwise"),
        ("shift_jis", b"\x81<a href=x>", "a broken pair"),
        ("iso-2022-jp", b'\x1b$B$"\n\x1b(B<a>', "a line that ends in double bytes"),
        ("iso-2022-jp", b'\x1b$B$"', "no way back to ASCII"),
        ("iso-2022-jp", b"\x1b(J<a href='~'>", "a tilde that may be an overline"),
        ("hz", b"~{VP\n<a>", "a line that ends in double bytes"),
        ("shift_jis_2004", b"<a href='~'>", "a tilde that may be an overline"),
        ("shift_jisx0213", b"\x83\x7e<a href='\x83~~'>", "a tilde that may be an overline"),
        ("shift_jis_2004", b"<a href='\x81\xb0'>", "a tilde of two octets, for which there is none of one"),
        (None, b'\x1b$B$"\x1b(B<a href=x>', "shifted, and nothing declared"),
        ("us-ascii", b'\x1b$B$"\x1b(B<a href=x>', "shifted, and declared wrongly"),
    ],
)
def test_what_is_not_certain_is_left_alone(charset: str | None, body: bytes, why: str) -> None:
    assert read_text(body, charset) is None, why


def test_a_meta_counts_where_nothing_is_declared() -> None:
    body = '<meta charset="shift_jis"><p>ソ'.encode("shift_jis")
    text = read_text(body, None)
    assert text is not None
    assert text.codec == "shift_jis"
    declared = read_text(b'<meta charset="shift_jis"><p>', "utf-8")
    assert declared is not None
    assert declared.codec == "utf-8"


@pytest.mark.parametrize("charset", ["unknown-8bit", "x-unknown", "default", "charset=us-ascii", "'UTF-8'", '"utf8'])
def test_a_name_that_stands_for_no_charset_leaves_ascii_what_it_is(charset: str) -> None:
    assert read_text(b"<p><a href=x>", charset) is not None


@pytest.mark.parametrize("name", ["windows1252", "cp-1252", "win-1252", "x-cp1252"])
def test_a_code_page_may_be_spelled_in_many_ways(name: str) -> None:
    assert find_codec(name) == "cp1252"


def test_a_meta_that_nobody_knows_says_nothing() -> None:
    assert read_text(b'<meta charset="fakescii"><p>', None) is not None
    assert read_text(b'<meta charset="utf-7"><p>', None) is None


def test_a_name_that_nobody_knows_with_letters_beyond_ascii_is_not_certain() -> None:
    assert read_text(b"<p>\xe9", "unknown-8bit") is None


@pytest.mark.parametrize("name", ["a\0b", "é", "x" * 5000, "../../etc", "utf-8\r\n", "%s", "__import__"])
def test_a_hostile_name_is_no_charset_and_no_crash(name: str) -> None:
    assert find_codec(name) is None
