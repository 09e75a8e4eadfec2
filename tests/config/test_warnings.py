"""What is allowed and hardly meant is told: with the setting, and with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import settings_from
from config.warnings import warnings_about

REAL = {"host": "smtp.example.com"}


def told(tracking: dict[str, object], upstream: dict[str, object]) -> list[str]:
    settings = settings_from({"tracking": tracking, "upstream": {"default": upstream}}, {}, Path("/nowhere"))
    return [str(warning) for warning in warnings_about(settings)]


def test_links_to_this_machine_in_mail_that_leaves_it_are_told_of_with_both_settings() -> None:
    assert told({}, REAL) == [
        "tracking.public_url: http://127.0.0.1:8025 leads nowhere for recipients, while upstream.default sends to "
        "smtp.example.com: set the address under which they reach the pixel server"
    ]


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8025", "https://LOCALHOST", "http://[::1]:8025", "http://0.0.0.0:8025", "http://a.localhost"],
)
def test_every_name_of_this_machine_is_known(url: str) -> None:
    assert len(told({"public_url": url}, REAL)) == 1


@pytest.mark.parametrize(
    ("tracking", "upstream"),
    [
        pytest.param({"public_url": "https://t.example.com"}, REAL, id="an address of one's own"),
        pytest.param({}, {"sandbox": True}, id="nothing leaves"),
        pytest.param({}, {"host": "127.0.0.1", "port": 1025, "security": "none"}, id="a server on this machine"),
        pytest.param({"identity": "off"}, REAL, id="nothing is tracked"),
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(tracking: dict[str, object], upstream: dict[str, object]) -> None:
    assert told(tracking, upstream) == []


def test_an_upstream_that_no_listener_uses_gets_no_tracked_mail() -> None:
    data = {"upstream": {"default": {"sandbox": True}, "spare": REAL}}
    assert warnings_about(settings_from(data, {}, Path("/nowhere"))) == []
