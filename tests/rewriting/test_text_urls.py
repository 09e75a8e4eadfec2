"""Where a URL in plain text ends, and when that is in doubt: what we put there must lead where a click on it led."""

from __future__ import annotations

import pytest

from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.restore import restore
from tests.rewriting.oracles import URLS, check_message

PLAN = Plan(opens=False, html_links=False, text_links=True)
X = "https://www.example.com/a"


def message(text: str) -> bytes:
    return f"From: a@example.com\r\nContent-Type: text/plain\r\n\r\n{text}\r\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        f"<{X}?b=1_\r\n2&c=3>",  # broken in two by a mail program, with its brackets round it
        f"<{X}?b=1 \r\n2&c=3>",
        f"<{X}",
        f"See {X}_",  # some programs take the mark for a part of it, some do not
        f"{X}?to=https://www.example.com/b_",
        f"See {X}*, and so on",
        f"See {X}~",
        f"'See {X}'",
        f"20_2002&url={X}>",  # the rest of one that began in the line above
        f"url={X}",
        f"url=http://www.example.com/clk;1?{X}",  # and none that stands in one of these
        f"q={X},{X}",
        f".{X}_~)_*{X}",
    ],
)
def test_a_url_whose_end_is_in_doubt_is_left_alone(text: str) -> None:
    result = check_message(message(text), PLAN)
    assert not isinstance(result, Tracked)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (f"*{X}*", "*"),
        (f"**{X}**", "**"),
        (f"~~{X}~~", "~~"),
        (f"'{X}',", "',"),
        (f"<{X}>", ">"),
        (f"<{X}>,\r\nmore", ">,\r\nmore"),
        (f"({X})", ")"),
        (f"{X}?b=(c)", ""),
        (f"{X}/b_c?!", "?!"),
        (f"{X}...", "..."),
        (f"{X}?to=https://www.example.com/b", ""),
        (f"Link:{X}", ""),
    ],
)
def test_what_stands_round_a_url_stays_and_comes_back_without_a_report(text: str, end: str) -> None:
    raw = message(text)
    result = check_message(raw, PLAN)
    assert isinstance(result, Tracked)
    assert result.raw.endswith(f"{end}\r\n".encode())
    assert len(result.link_list) == 1
    assert restore(result.raw, URLS) == raw
