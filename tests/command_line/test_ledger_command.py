"""``mailglass ledger``: what is typed wrong is told in one plain line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailglass.app import app
from mailglass.failures import Failed, WrongUse


@pytest.mark.parametrize("url", ["elsewhere", "", "sqlite:", "postgresql://me:secret@host:port/x", "mysql://host/x"])
def test_what_is_no_ledger_is_no_place_to_copy_to(tmp_path: Path, url: str) -> None:
    config = tmp_path / "relay.toml"
    config.write_text("")
    assert CliRunner().invoke(app, ["ledger", "upgrade", "--config", str(config)]).exit_code == 0
    refused = CliRunner().invoke(app, ["ledger", "copy", url, "--config", str(config)])
    assert isinstance(refused.exception, WrongUse)
    assert len(str(refused.exception).splitlines()) == 1
    assert "secret" not in str(refused.exception)


def test_a_copy_goes_into_no_folder_that_is_missing(tmp_path: Path) -> None:
    """As with a backup: a folder typed wrong would be made, and the copy lie where nobody looks for it."""
    config = tmp_path / "relay.toml"
    config.write_text("")
    assert CliRunner().invoke(app, ["ledger", "upgrade", "--config", str(config)]).exit_code == 0
    target = tmp_path / "misssing" / "copy.db"
    refused = CliRunner().invoke(app, ["ledger", "copy", f"sqlite:///{target}", "--config", str(config)])
    assert isinstance(refused.exception, Failed)
    assert str(target) in str(refused.exception)
    assert not target.parent.exists()
