"""The printed files in the repository are the ones that the settings print."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from config.reference import configuration_page, relay_toml
from config.settings import Settings, Upstream
from config.table import Table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "printed"), [("relay.toml", relay_toml), ("docs/configuration.md", configuration_page)]
)
def test_the_file_in_the_repository_is_up_to_date(name: str, printed: object) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == printed(), "run: python -m config.reference"  # type: ignore


def test_every_setting_stands_in_relay_toml_with_a_comment() -> None:
    lines = relay_toml().splitlines()
    tables = [field.annotation for field in Settings.model_fields.values()]
    names = {
        name for table in tables if isinstance(table, type) and issubclass(table, Table) for name in table.model_fields
    }
    for name in names | set(Upstream.model_fields):
        line = next(line for line in lines if line.removeprefix("# ").startswith(f"{name} = "))
        assert "  # " in line or "\t# " in line or " # " in line.removeprefix("# ")


def test_relay_toml_is_toml_and_asks_for_the_sandbox() -> None:
    assert tomllib.loads(relay_toml())["upstream"] == {"default": {"sandbox": True}}
