"""``mailglass demo``: into an empty ledger, into one that has mail, and again."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from mailglass.app import app


def test_a_second_month_is_another_one_and_told_to_stand_above(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("")

    def demo(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["demo", *words, "--config", str(tmp_path / "relay.toml")])
        return result.exit_code, result.output + str(result.exception or "")

    status, said = demo()
    assert (status, "stand below" in said) == (0, False)
    status, said = demo()
    assert status == 1
    assert "has hits already" in said
    status, said = demo("--yes")
    assert status == 0, said
    assert "Messages that were there before stand below them" in said
