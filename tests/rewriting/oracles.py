"""What must hold for every message, whatever it is: one function per promise, each raising AssertionError."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from email import policy
from email.parser import BytesParser
from typing import Any

import html5lib

from ledger.message_id import MessageId
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar, destination_of
from relay.rewriting.charsets import find_codec
from relay.rewriting.plan import Plan, TextIsUrl, Tracked, Unchanged
from relay.rewriting.report import report_of, undo
from relay.rewriting.rewrite import apply_header_edits
from relay.rewriting.worker import rewrite_whole

URLS = TrackingUrls(UrlGrammar("https://t.example.org"), KeyRing({1: b"k" * 32}), MessageId(b"\1" * 16))
ALL = Plan(opens=True, html_links=True, text_links=True, text_is_url=TextIsUrl.SAME_SITE)
LONGEST = 998
SECONDS = 2.0
_KINDS = [
    (re.compile(rb"[\x80-\xff]"), "an octet of eight bits"),
    (re.compile(rb"\0"), "NUL"),
    (re.compile(rb"\r(?!\n)"), "a bare CR"),
    (re.compile(rb"(?<!\r)\n"), "a bare LF"),
    (re.compile(rb"\r\n"), "a CRLF"),
]


def check_message(raw: bytes, plan: Plan = ALL, *, trees: bool = True) -> Tracked | Unchanged:
    """Rewrite and hold the result against every promise."""
    started = time.process_time()
    result = rewrite_whole(raw, plan, URLS)
    assert time.process_time() - started < SECONDS, "it took too long"
    if isinstance(result, Unchanged):
        return result
    only_reported_spans_differ(raw, result)
    restores_exactly(raw, result)
    twice_is_once(result, plan)
    no_line_gets_too_long(raw, result)
    no_new_kind_of_octet(raw, result)
    parts_stay(raw, result)
    if trees:
        trees_differ_as_permitted(raw, result)
    return result


def only_reported_spans_differ(raw: bytes, result: Tracked) -> None:
    pieces, position = [], 0
    for edit in result.edits:
        assert position <= edit.start <= edit.end <= len(raw), "spans overlap or run away"
        pieces += [raw[position : edit.start], edit.new]
        position = edit.end
    assert b"".join([*pieces, raw[position:]]) == result.raw, "bytes outside the reported spans differ"


def restores_exactly(raw: bytes, result: Tracked) -> None:
    report = json.loads(json.dumps(report_of(raw, result, result.raw, result.edits)))
    assert report["bytes_in"] == len(raw)
    assert report["bytes_out"] == len(result.raw)
    headers_out = apply_header_edits(raw, [edit for edit in result.edits if edit.kind == "header"])
    assert undo(result.raw, report) == headers_out, "restore does not give the message back"
    assert undo(result.raw, report, keep_header_edits=False) == raw


def twice_is_once(result: Tracked, plan: Plan) -> None:
    if not (result.opens or any(row.tracked for row in result.link_list)):
        return  # an opt-out that was obeyed and taken away leaves nothing behind that a second time could know
    again = rewrite_whole(result.raw, Plan(plan.opens, plan.html_links, plan.text_links), URLS)
    assert isinstance(again, Unchanged) or again.raw == result.raw, "a second rewriting changes more"


def no_line_gets_too_long(raw: bytes, result: Tracked) -> None:
    before = Counter(line for line in re.split(rb"\r\n|\n|\r", raw) if len(line) > LONGEST)
    longest = max(map(len, before), default=0)
    for line in re.split(rb"\r\n|\n|\r", result.raw):
        assert len(line) <= LONGEST or line in before or len(line) <= longest, f"a line of {len(line)} octets"


def no_new_kind_of_octet(raw: bytes, result: Tracked) -> None:
    """What a server may refuse, and a message without it was fine with: eight bits, NUL, other or torn line ends."""
    for kind, name in _KINDS:
        assert kind.search(raw) or not kind.search(result.raw), f"now there is {name}"


def parts_stay(raw: bytes, result: Tracked) -> None:
    """As many parts of the same types, and none with a delimiter torn or swallowed."""
    assert _outline_of_parts(raw) == _outline_of_parts(result.raw), "the parts are others now"


def _outline_of_parts(raw: bytes) -> list[tuple[str, list[str]]]:
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    return [(part.get_content_type(), [type(defect).__name__ for defect in part.defects]) for part in message.walk()]


def trees_differ_as_permitted(raw: bytes, result: Tracked) -> None:
    """Read by the standard library's parser and html5lib, neither of which had a part in the rewriting."""
    listed = Counter(row.url for row in result.link_list)
    for before, after in zip(html_bodies(raw), html_bodies(result.raw), strict=True):
        tree_before, tree_after = tree_of(before), tree_of(after)
        outline_before, outline_after = outline(tree_before), outline(tree_after)
        # Whatever a browser had opened again for a pixel that is taken out is not opened any more.
        if not takes_a_pixel_out(result, tree_before, tree_after):
            assert outline_before == outline_after, first_difference(outline_before, outline_after)
        for href in hrefs(tree_before):
            destination = destination_of(href)
            if destination and not URLS.is_own(destination):
                assert destination in listed, f"nobody speaks of {destination!r}"


def takes_a_pixel_out(result: Tracked, before: Any, after: Any) -> bool:
    """Of a base64 part the edits say no more than that it was encoded again, so there the pixels are counted."""
    if any(edit.kind == "part" for edit in result.edits):
        return own_pixels(before) > 0 and own_pixels(after) <= own_pixels(before)
    return any(edit.kind == "pixel" and edit.end > edit.start for edit in result.edits)


def own_pixels(tree: Any) -> int:
    return sum(URLS.is_own_pixel(image.attrib.get("src", "")) for image in tree.iter(_HTML + "img"))


def html_bodies(raw: bytes) -> list[str]:
    """The decoded text/html parts that are no attachments."""
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    found = []
    stack: list[Any] = [message]
    while stack:
        part = stack.pop()
        if part.is_multipart():
            if part.get_content_type() != "message/rfc822":
                stack.extend(part.get_payload())
            continue
        if part.get_content_type() == "text/html" and part.get_content_disposition() in (None, "inline"):
            body = part.get_payload(decode=True) or b""
            codec = find_codec(str(part.get_content_charset() or "")) or "utf-8"
            found.append(body.decode(codec, "replace"))
    return found


def tree_of(html: str) -> Any:
    return html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=True)


_HTML = "{http://www.w3.org/1999/xhtml}"


def hrefs(tree: Any) -> list[str]:
    """Of HTML's ``a`` and ``area``; what is in a template or in foreign content is left out."""
    found = []

    def walk(node: Any) -> None:
        for child in node:
            if not isinstance(child.tag, str):
                continue
            if child.tag in (_HTML + "template",) or not child.tag.startswith(_HTML):
                continue
            if child.tag in (_HTML + "a", _HTML + "area") and "href" in child.attrib:
                found.append(child.attrib["href"])
            walk(child)

    walk(tree)
    return found


def outline(tree: Any) -> list[Any]:
    """Elements, attributes and text in order, with the permitted edits taken back and neighbouring text joined."""
    found: list[Any] = []
    words: list[str] = []

    def flush() -> None:
        text = "".join(words)
        words.clear()
        if text:
            found.append(text)

    def walk(node: Any) -> None:
        if not isinstance(node.tag, str):
            comment = node.text or ""
            flush()
            found.append(("comment", _links_back(comment)))
        elif not (node.tag == _HTML + "img" and URLS.is_own_pixel(node.attrib.get("src", ""))):
            flush()
            found.append((node.tag, sorted((str(k), back(str(k), v)) for k, v in node.attrib.items() if kept(str(k)))))
            words.append(node.text or "")
            for child in node:
                walk(child)
                words.append(child.tail or "")
            flush()
            found.append("/" + node.tag)

    def back(name: str, value: str) -> str:
        if name != "href":
            return value
        value = re.sub(r"\+notrack://", "://", value, flags=re.IGNORECASE)
        destination = destination_of(value)
        if destination is None:
            return value
        return (URLS.original_of(destination) if URLS.is_own(destination) else None) or destination

    def kept(name: str) -> bool:
        return not name.startswith("data-track")

    walk(tree)
    flush()
    return found


def _links_back(comment: str) -> str:
    """Outlook's conditional comments hold links and our pixels too; there only the shape can be compared."""
    if not comment.startswith("[if"):
        return comment
    comment = re.sub(r'<img src="([^"]*)"[^>]*>', lambda img: "" if URLS.is_own_pixel(img[1]) else img[0], comment)
    comment = re.sub(r"""\s+data-track[\w-]*(\s*=\s*("[^"]*"|'[^']*'|[^\s>]+))?""", "", comment)
    return re.sub(r"""(href\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)""", r"\1", comment, flags=re.IGNORECASE)


def first_difference(before: list[Any], after: list[Any]) -> str:
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            near = slice(max(0, index - 2), index + 2)
            return f"the tree differs: {before[near]!r} became {after[near]!r}"
    return f"the tree differs at its end: {len(before)} and {len(after)} items"
