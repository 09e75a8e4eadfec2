"""Bad configurations and the whole of what is said about each: tests/bad_configs/NN-name.toml, .expected, .env.

FILE and FOLDER in an .expected file stand for the configuration's own path and folder; a line that ends in "…" goes on
in the words of the TOML parser, which differ between versions of Python.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from config.faults import ConfigurationError
from config.load import load

FOLDER = Path(__file__).resolve().parents[1] / "bad_configs"


def faults_of(path: Path) -> str:
    environment_file = path.with_suffix(".env")
    lines = environment_file.read_text().splitlines() if environment_file.exists() else []
    with pytest.raises(ConfigurationError) as caught:
        load(path, dict(line.split("=", 1) for line in lines))
    return str(caught.value).replace(str(path), "FILE").replace(str(path.parent), "FOLDER") + "\n"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_bad_configuration_is_told_in_full(path: Path) -> None:
    told = faults_of(path).splitlines()
    expected = path.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    cut = [
        line[: len(wanted) - 1] + "…" if wanted.endswith(" …") else line
        for line, wanted in zip(told, expected, strict=False)
    ]
    assert cut + told[len(expected) :] == expected


def test_there_are_bad_configurations_and_each_expectation_belongs_to_one() -> None:
    assert len(list(FOLDER.glob("*.toml"))) >= 30
    assert {p.stem for p in FOLDER.glob("*.expected")} == {p.stem for p in FOLDER.glob("*.toml")}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_no_fault_repeats_a_secret(path: Path) -> None:
    assert "hunter2" not in faults_of(path)
    assert "4711" not in faults_of(path)
