"""What run prints when it is ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import settings_from
from mailglass.greeting import Command, command_for, greeting, url
from mailglass.installation import Started

MAILGLASS = Command("mailglass", Path("relay.toml"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(("127.0.0.1", 80), "http://127.0.0.1:80", id="as it is"),
        pytest.param(("", 80), "http://127.0.0.1:80", id="every address: this machine reaches it so"),
        pytest.param(("0.0.0.0", 80), "http://127.0.0.1:80", id="every address of the fourth version"),
        pytest.param(("::", 80), "http://[::1]:80", id="every address of the sixth version"),
        pytest.param(("::1", 80), "http://[::1]:80", id="with brackets"),
    ],
)
def test_an_address_is_written_as_a_browser_here_reaches_it(address: tuple[str, int], expected: str) -> None:
    assert url(address) == expected


@pytest.mark.parametrize(
    ("typed", "config", "expected"),
    [
        pytest.param(
            "/srv/m/.venv/bin/mailglass", "relay.toml", ".venv/bin/mailglass messages", id="below the current folder"
        ),
        pytest.param("/usr/bin/mailglass", "relay.toml", "/usr/bin/mailglass messages", id="elsewhere"),
        pytest.param("mailglass", "relay.toml", "mailglass messages", id="found by PATH"),
        pytest.param(
            "mailglass", "/etc/r.toml", "mailglass messages --config /etc/r.toml", id="with the file that was named"
        ),
        pytest.param("/x/mailglass/__main__.py", "relay.toml", "python -m mailglass messages", id="run as a module"),
    ],
)
def test_the_command_to_type_next_is_the_one_that_was_typed(typed: str, config: str, expected: str) -> None:
    assert command_for(typed, Path(config), Path("/srv/m")).line("messages") == expected


def test_a_real_upstream_is_named_and_no_sandbox_is_spoken_of() -> None:
    settings = settings_from({"upstream": {"default": {"host": "smtp.example.com"}}}, {}, Path("/srv/m"))
    printed = greeting(settings, Started([("127.0.0.1", 2525)], ("127.0.0.1", 8025), ("127.0.0.1", 8026)), MAILGLASS)
    assert "to smtp.example.com:587" in printed
    assert "sandbox" not in printed
    assert "first account" not in printed


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]:2525"), ("", "*:2525"), ("127.0.0.1", "127.0.0.1:2525")])
def test_mail_clients_are_told_an_address_that_they_understand(host: str, shown: str) -> None:
    printed = greeting(settings_from({}, {}, Path("/srv/m")), Started([(host, 2525)]), MAILGLASS)
    assert f"  mail clients    {shown}  (" in printed


def test_a_part_run_alone_speaks_of_itself_alone() -> None:
    settings = settings_from({}, {}, Path("/srv/m"))
    printed = greeting(settings, Started(pixel_server=("127.0.0.1", 8025)), MAILGLASS)
    assert "http://127.0.0.1:8025" in printed
    assert "mail clients" not in printed
    assert "send-test" not in printed
