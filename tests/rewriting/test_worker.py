"""Rewriting within its time, whatever the message is (T50): the worker answers, and goes on to the next."""

from __future__ import annotations

import pytest

from ledger.records import Reason
from relay.rewriting.plan import Plan, Tracked, Unchanged
from relay.rewriting.worker import SMALL, RewritingWorker
from tests.rewriting.oracles import URLS

HEAD = b"From: a@example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
LINK = b'<p><a href="https://www.example.com/">x</a></p>\r\n'
BOTH = Plan(opens=True, html_links=True)


def test_a_large_message_is_rewritten_elsewhere_with_the_same_result() -> None:
    raw = HEAD + LINK + b"<p>words</p>\r\n" * (SMALL // 14)
    worker = RewritingWorker(seconds=30)
    try:
        result = worker.rewrite(raw, BOTH, URLS)
    finally:
        worker.close()
    assert isinstance(result, Tracked)
    assert result.opens


def test_a_message_that_takes_too_long_goes_out_unchanged_and_the_next_is_served() -> None:
    slow = HEAD + LINK * 9_900 + b"<p>words</p>\r\n" * (SMALL // 14)
    worker = RewritingWorker(seconds=0.01)
    try:
        result = worker.rewrite(slow, BOTH, URLS)
        assert isinstance(result, Unchanged)
        assert result.reason is Reason.TIMEOUT
        assert isinstance(worker.rewrite(HEAD + LINK, BOTH, URLS), Tracked)
    finally:
        worker.close()


@pytest.mark.parametrize(
    "html",
    [
        b'<a href="https://www.example.com/">x</a><svg><a href="https://www.example.com/s">s</a></svg>',
        b'<p>Hello <a href="https://www.example.com/">x</a></p><!-- never ends',
        b'<p>Hello <a href="https://www.example.com/">x</a></p><a href="never ends',
    ],
)
def test_unusual_html_gets_a_second_opinion_and_passes(html: bytes) -> None:
    worker = RewritingWorker(seconds=30)
    try:
        result = worker.rewrite(HEAD + html, BOTH, URLS)
    finally:
        worker.close()
    assert isinstance(result, Tracked)
    assert sum(row.tracked for row in result.link_list) == 1


def test_a_message_above_the_limit_is_not_even_looked_at() -> None:
    worker = RewritingWorker()
    result = worker.rewrite(b"x" * 2000, Plan(opens=True, html_links=True, max_bytes=1000), URLS)
    assert isinstance(result, Unchanged)
    assert result.reason is Reason.TOO_LARGE
