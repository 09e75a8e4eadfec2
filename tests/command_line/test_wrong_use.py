"""What cannot be meant as it was typed is told in one plain line, with the status of wrong use."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailglass.app import app
from mailglass.failures import WrongUse


@pytest.mark.parametrize(
    "typed",
    [
        ("messages", "--since", "soon"),
        ("export", "--since", "soon"),
        ("reclassify", "--since", "soon"),
        ("purge", "--older-than", "soon"),
        ("hits", "--message", "nope"),
        ("stop", "nope"),
        ("spool", "show", "nope"),
        ("consent", "add", "junk", "--evidence", "form"),
        ("consent", "add", "ann@example.com", "--evidence", ""),
        ("erase", "junk"),
        ("subject-export", "junk"),
        ("user", "add", "ann", "--address", "ann@example.com", "--address", "junk"),
        ("privacy-page", "--lang", "tlh"),
        ("consent", "ask", "ann@example.com", "--from", "me@example.org", "--lang", "tlh"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_wrong_use(tmp_path: Path, typed: tuple[str, ...]) -> None:
    config = tmp_path / "relay.toml"
    config.write_text("")
    shown = CliRunner().invoke(app, [*typed, "--config", str(config)])
    assert isinstance(shown.exception, WrongUse)
    assert shown.exception.status == 2
    assert len(str(shown.exception).splitlines()) == 1
