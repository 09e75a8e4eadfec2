"""Every sentence of the pages is in every catalogue, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from pixel_server.dashboard.languages import FOLDER, codes

ROOT = FOLDER.parent.parent
KEYWORDS = {"_": None, "say": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def written() -> set[str]:
    """What code and templates say."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    methods = [(pattern.removeprefix("pixel_server/"), method) for pattern, method in methods]
    options = {pattern.removeprefix("pixel_server/"): chosen for pattern, chosen in options.items()}
    found: set[str] = set()
    for _, _, message, _, _ in extract_from_dir(ROOT / "pixel_server", methods, options, KEYWORDS):
        found.add(message[0] if isinstance(message, tuple) else message)
    return found


def catalogue(code: str) -> Path:
    return FOLDER / code / "LC_MESSAGES" / "messages.po"


@pytest.mark.parametrize("code", codes()[1:])
def test_every_sentence_is_translated_and_none_is_left_over(code: str):
    with catalogue(code).open("rb") as file:
        entries = {(one.id[0] if isinstance(one.id, tuple) else one.id): one for one in read_po(file) if one.id}
    said = {sentence for sentence, one in entries.items() if one.string and not one.fuzzy}
    assert written() - said == set()
    assert set(entries) - written() == set()


@pytest.mark.parametrize("code", codes()[1:])
def test_a_translation_has_the_places_of_its_sentence(code: str):
    with catalogue(code).open("rb") as file:
        entries = [one for one in read_po(file) if isinstance(one.id, str) and one.id]
    odd = [one.id for one in entries if set(PLACEHOLDER.findall(one.id)) != set(PLACEHOLDER.findall(str(one.string)))]
    assert odd == []
