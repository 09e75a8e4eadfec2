"""The command line, as tests run it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from mailglass.app import main


@dataclass
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def mailglass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Runs the command line in an installation of its own."""
    (tmp_path / "relay.toml").write_text("")
    monkeypatch.chdir(tmp_path)

    # What serves sends its log to the standard error of the moment.
    monkeypatch.setattr(logging.getLogger("mailglass"), "handlers", [])

    def run(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["mailglass", *arguments])
        monkeypatch.setattr(sys, "stdin", StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run
