"""Cutting the control headers out leaves every other byte, whatever the bytes are; and no block is slow."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.rewriting.dialects import DIALECTS
from relay.rewriting.optin import OptInPolicy, decide
from relay.rewriting.plan import Edit, SpanKind

EVERYTHING = OptInPolicy(default="opens", dialects=tuple(DIALECTS), subject_tag="#track")


def spliced(block: bytes, edits: Sequence[Edit]) -> bytes:
    left, position = [], 0
    for edit in edits:
        assert position <= edit.start <= edit.end <= len(block)
        left += [block[position : edit.start], edit.new]
        position = edit.end
    return b"".join((*left, block[position:]))


def cut(block: bytes, policy: OptInPolicy = OptInPolicy()) -> bytes:  # noqa: B008 - frozen
    return spliced(block, decide(block, policy).header_edits)


@pytest.mark.parametrize(
    ("block", "left"),
    [
        (b"A: 1\r\nX-Track: all\r\nB: 2\r\n\r\n", b"A: 1\r\nB: 2\r\n\r\n"),
        (b"X-Track: all\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
        (b"A: 1\r\nX-Track: all\r\n\r\n", b"A: 1\r\n\r\n"),
        (b"A: 1\nX-Track: all\nB: 2\n\n", b"A: 1\nB: 2\n\n"),  # a file with LF
        (b"A: 1\rX-Track: all\rB: 2\r\r", b"A: 1\rB: 2\r\r"),  # a file of an old Mac
        (b"A: 1\nX-Track: all\r\nB: 2\r\n\n", b"A: 1\nB: 2\r\n\n"),  # mixed
        (b"A: 1\r\nX-Track: all,\r\n bogus\r\n\tmore\r\nB: 2\r\n\r\n", b"A: 1\r\nB: 2\r\n\r\n"),  # folded
        (b"A: 1\r\nX-Track:\r\n \r\n\t\r\nB: 2\r\n\r\n", b"A: 1\r\nB: 2\r\n\r\n"),  # folded over nothing
        (b"A: 1\r\nX-Track-Nonsense: \xff\x00\r\nB: 2\r\n\r\n", b"A: 1\r\nB: 2\r\n\r\n"),
        (b"A: 1\r\nX-Track-Meta-\xc3\xbc: x\r\nB: 2\r\n\r\n", b"A: 1\r\nB: 2\r\n\r\n"),  # no name at all
        (b"A: 1\r\nX-Track: a\r\nX-Track: b\r\n\r\n", b"A: 1\r\n\r\n"),
        (b"A: 1\r\nX-Track: all", b"A: 1\r\n"),  # no line end, no blank line
        (b"A: 1\r\n X-Track: all\r\n\r\n", b"A: 1\r\n X-Track: all\r\n\r\n"),  # a folded line is no field
        (b"A: 1\r\nX-Tracking-Id: 5\r\n\r\n", b"A: 1\r\nX-Tracking-Id: 5\r\n\r\n"),
        (b"A: 1\r\nX-Track all\r\n\r\n", b"A: 1\r\nX-Track all\r\n\r\n"),  # without a colon it is no field
        (b"A: 1\r\n\r\nX-Track: all\r\n", b"A: 1\r\n\r\nX-Track: all\r\n"),  # that is the body
        (b"\r\nX-Track: all\r\n", b"\r\nX-Track: all\r\n"),  # so is that
        (b"From a@example.com Tue\nX-Track: all\nB: 2\n\n", b"From a@example.com Tue\nB: 2\n\n"),  # a mailbox file
        (b"A: 1\rX-Track: all\r\nB: 2\r\n\r\n", b"A: 1\rX-Track: all\r\nB: 2\r\n\r\n"),  # a bare CR ends no line
        (b"A: 1\x0bX-Track: all\r\n\r\n", b"A: 1\x0bX-Track: all\r\n\r\n"),  # nor do others that Python splits at
        (b"A: 1\x85X-Track: all\r\n\r\n", b"A: 1\x85X-Track: all\r\n\r\n"),
        (b"", b""),
    ],
)
def test_only_the_control_fields_go(block: bytes, left: bytes) -> None:
    assert cut(block) == left


LINE_ENDS = st.sampled_from([b"\r\n", b"\n"])
NAMES = st.sampled_from(
    [b"X-Track", b"x-track-opens", b"X-TRACK-META-A", b"X-Tracking", b"Subject", b"Received", b"X-PM-Tag", b"X-SMTPAPI"]
)
VALUES = st.binary(max_size=60).map(lambda raw: re.sub(rb"[\r\n]", b" ", raw))


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A header block, and what must be left of it without opt-in from services and subjects."""
    end = draw(LINE_ENDS)
    whole, left = [], []
    for name, values in draw(st.lists(st.tuples(NAMES, st.lists(VALUES, min_size=1, max_size=3)), max_size=8)):
        field = name + b":" + (end + b" ").join(values) + end
        whole.append(field)
        if not re.fullmatch(rb"x-track(-.*)?", name.lower()):
            left.append(field)
    return b"".join(whole) + end, b"".join(left) + end


@given(blocks())
def test_every_other_byte_stays(block_and_left: tuple[bytes, bytes]) -> None:
    block, left = block_and_left
    assert cut(block) == left
    assert cut(left) == left


@given(st.binary(max_size=400))
def test_no_bytes_raise(block: bytes) -> None:
    for start in (b"", b"X-Track: ", b"X-SMTPAPI: {", b"Subject: #track =?utf-8?q?", b"X-Track-Until: "):
        spliced(start + block, decide(start + block, EVERYTHING).header_edits)


@given(
    st.lists(st.sampled_from(["opens", "links", "all", "none", "yes", "bogus", "opens, links"]), min_size=1, max_size=4)
)
def test_one_more_header_never_asks_for_more(values: list[str]) -> None:
    def asked(some: list[str]) -> tuple[bool, bool]:
        found = decide("".join(f"X-Track: {value}\r\n" for value in some).encode() + b"\r\n", OptInPolicy())
        return found.opens, found.html_links

    fewer, more = asked(values[:-1]) if len(values) > 1 else (True, True), asked(values)
    assert all(new <= old for new, old in zip(more, fewer, strict=True))
    assert asked(values[::-1]) == more


@given(
    st.sampled_from(["opens", "links", "all", "none", "opens, links", "opens, bogus"]),
    st.sampled_from(["upper", "lower", "title"]),
    st.sampled_from(
        ["{}", "\r\n {}", "({0}) {0}", "{} (comment)", "  {}\t", '"{}"', "=?utf-8?q?{}?=", "=?UTF-8?B?{b}?="]
    ),
)
def test_spelling_does_not_change_the_meaning(value: str, case: str, form: str) -> None:
    spelt = getattr(value, case)()
    written = form.replace("{b}", base64.b64encode(spelt.encode()).decode())
    if "=?utf-8?q?" in form:
        spelt = spelt.replace(" ", "_")
    block = f"X-Track: {written.format(spelt)}\r\n\r\n".encode()
    plain = decide(f"X-Track: {value}\r\n\r\n".encode(), OptInPolicy())
    found = decide(block, OptInPolicy())
    assert (found.opens, found.html_links) == (plain.opens, plain.html_links)


@pytest.mark.parametrize(
    ("subject", "left"),
    [
        (b"#track Hello", b"Hello"),
        (b"Hello #track", b"Hello"),
        (b"Hello #TRACK world", b"Hello world"),
        (b"Re: #track: Hello", b"Re:: Hello"),
        (b"Hello\r\n #track\r\n world", b"Hello\r\n world"),
        (b"#track\r\n Hello", b"Hello"),
        (b"#track", b""),
        (b"#track a #track b", b"a b"),
        (b"=?utf-8?q?=23track_Gr=C3=BC=C3=9Fe?=", b"=?utf-8?q?Gr=C3=BC=C3=9Fe?="),
        (b"=?utf-8?q?#track?= Hello", b"Hello"),
        (b"=?utf-8?B?6KaL56mN5pu4ICN0cmFjaw==?=", b"=?utf-8?B?6KaL56mN5pu4?="),
        (b"=?iso-2022-jp?B?GyRCOCtAUT1xGyhCICN0cmFjaw==?=", b"=?iso-2022-jp?B?GyRCOCtAUT1xGyhC?="),
        (b"=?utf-8?q?a?= #track =?utf-8?q?b?=", b"=?utf-8?q?a?= =?us-ascii?q?_?= =?utf-8?q?b?="),
        ("見積書#track".encode(), "見積書".encode()),  # no spaces in that script
        (b"Gr\xfc\xdfe #track", b"Gr\xfc\xdfe"),
        # seen, and left because the span is not certain
        (b"=?utf-8?q?a_#tra?= =?utf-8?q?ck?=", b"=?utf-8?q?a_#tra?= =?utf-8?q?ck?="),
        (b"=?utf-16?B?//4jAHQAcgBhAGMAawA=?=", b"=?utf-16?B?//4jAHQAcgBhAGMAawA=?="),
    ],
)
def test_the_subject_tag_asks_for_tracking_and_goes(subject: bytes, left: bytes) -> None:
    block = b"Subject: " + subject + b"\r\nTo: a@example.com\r\n\r\n"
    found = decide(block, OptInPolicy(subject_tag="#track"))
    assert (found.opens, found.html_links) == (True, True)
    whole = b"Subject: " + left if left else b"Subject:"
    assert spliced(block, found.header_edits) == whole + b"\r\nTo: a@example.com\r\n\r\n"
    assert all(edit.kind is SpanKind.SUBJECT for edit in found.header_edits)
    assert bool(found.notes) is (subject == left)


@pytest.mark.parametrize(
    "subject", [b"#tracking", b"a#track", b"#track-me", b"track", b"", b"#track\xc3\xbcn", b"##track"]
)
def test_a_longer_word_is_no_tag(subject: bytes) -> None:
    block = b"Subject: " + subject + b"\r\n\r\n"
    found = decide(block, OptInPolicy(subject_tag="#track"))
    assert not found.asked
    assert found.header_edits == ()


def test_a_header_wins_over_the_tag_and_the_tag_goes_all_the_same() -> None:
    block = b"Subject: Hello #track\r\nX-Track: none\r\n\r\n"
    found = decide(block, OptInPolicy(subject_tag="#track"))
    assert not found.asked
    assert spliced(block, found.header_edits) == b"Subject: Hello\r\n\r\n"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60))
def test_taking_the_tag_out_leaves_the_other_words(text: str) -> None:
    for subject in (f"{text} #track".encode(), f"#track {text}".encode()):
        block = b"Subject: " + subject + b"\r\n\r\n"
        found = decide(block, OptInPolicy(subject_tag="#track"))
        rest = spliced(block, found.header_edits)
        if found.header_edits and "#track" not in text.casefold() and "=?" not in text:
            assert rest.decode().split() == ["Subject:", *text.encode().decode().split()]


@pytest.mark.parametrize(
    "block",
    [
        b"A: " + b"x" * 10_000_000 + b"\r\nX-Track: all\r\n\r\n",
        b"X-Track: " + b"all " * 2_500_000 + b"\r\n\r\n",
        b"X-Track:" + b"\r\n " * 3_000_000 + b"all\r\n\r\n",
        b"A: b\r\n" * 100_000 + b"X-Track: all\r\n\r\n",
        b"X-Track: all\r\n" * 100_000 + b"\r\n",
        b"Subject: " + b"=?utf-8?q?=C3=B6?=\r\n " * 20_000 + b"#track\r\n\r\n",
        b"Subject: " + b"#track " * 2_800 + b"\r\n\r\n",
        b"X-Track: " + b"(" * 60_000 + b"\r\n\r\n",
        b"X-Track: " + b"=?utf-8?q?" * 6_000 + b"\r\n\r\n",
        b"X-SMTPAPI: " + b'{"a":' * 12_000 + b"\r\n\r\n",
        b"\r\n".join(b"X-Track-Meta-%d: %d" % (n, n) for n in range(50_000)) + b"\r\n\r\n",
        b"X-Track" * 1_000_000,
        b"\nx-track" * 500_000,
    ],
    ids=range(13),
)
def test_no_header_block_is_slow(block: bytes) -> None:
    started = process_time()
    decide(block, EVERYTHING)
    assert process_time() - started < 2.0
