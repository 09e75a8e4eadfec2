"""E11: what stands in mail that was delivered years ago leads where it did, with or without a ledger.

``links_of_0_1.json`` was printed by the first version, with two keys (the older one rotated out). It is never printed
again: who changes tokens or URLs must keep these working.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from ledger.store import Store
from ledger.tokens import KeyRing, Purpose, Target, verify
from ledger.urls import UrlGrammar
from tests.ledger.samples import the_row
from tests.public.public_port import PublicPort

DELIVERED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "tokens/links_of_0_1.json").read_text("utf-8"))
RING = KeyRing({int(number): bytes.fromhex(key) for number, key in DELIVERED["keys"].items()} | {900: b"new" * 11})
GRAMMAR = UrlGrammar(DELIVERED["public_url"])


def test_every_token_of_the_first_version_still_names_its_target() -> None:
    assert len(DELIVERED["urls"]) == 16
    for one in DELIVERED["urls"]:
        own = GRAMMAR.parse(one["url"])
        assert own is not None
        assert own.purpose is Purpose(one["purpose"])
        assert own.destination == one.get("destination")
        target = verify(RING, own.purpose, own.token, own.destination or "")
        assert target is not None, one["url"]
        assert (target.copy, target.link) == (one["copy"], one["link"])


def test_what_is_made_today_is_spelt_as_it_was() -> None:
    """A link in quoted text is known by its spelling, so that must not drift either."""
    for one in DELIVERED["urls"]:
        if "destination" in one:
            own = GRAMMAR.parse(one["url"])
            assert own is not None
            assert GRAMMAR.link(own.token, one["destination"]) == one["url"]


@pytest.mark.parametrize("lost", ["nothing", "the ledger", "the key"])
async def test_links_of_the_first_version_redirect(tmp_path: Path, lost: str) -> None:
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "pixel_server": {"bind": "127.0.0.1:0"},
            "tracking": {"public_url": DELIVERED["public_url"]},
        }
    )
    ledger = await Store.open(settings)
    port = PublicPort(settings, ledger, RING if lost != "the key" else KeyRing({900: b"new" * 11}))
    if lost == "the ledger":
        assert ledger.place.path is not None
        ledger.place.path.unlink()
    await port.server.start()
    for one in DELIVERED["urls"]:
        answer = await port.get(one["url"].removeprefix("https://t.example.com"))
        if one["purpose"] == "c" and lost != "the key":
            assert (answer.status, answer.headers["Location"]) == (302, one["destination"])
        else:  # a picture is one whatever its key; what is not signed leads nowhere
            assert answer.status == (200 if one["purpose"] == "o" or lost != "the key" else 404)
    kept = {"nothing": 14, "the ledger": 14, "the key": 0}[lost]
    assert await the_row(ledger, "SELECT count(*) FROM hit") == (kept,)
    await port.server.close()
    await ledger.close()


def test_no_two_keys_and_no_two_purposes_are_taken_for_one_another() -> None:
    for one in DELIVERED["urls"]:
        own = GRAMMAR.parse(one["url"])
        assert own is not None
        found = {purpose for purpose in Purpose if verify(RING, purpose, own.token, own.destination or "") is not None}
        assert found == {own.purpose}
        swapped = KeyRing({1: RING.keys[258], 258: RING.keys[1]})
        assert verify(swapped, own.purpose, own.token, own.destination or "") is None


def test_a_target_is_what_it_was() -> None:
    (first, *_) = DELIVERED["urls"]
    own = GRAMMAR.parse(first["url"])
    assert own is not None
    found = verify(RING, Purpose.PIXEL, own.token)
    assert found is not None
    assert (found.message.raw, found) == (bytes([1]) * 16, Target(found.message, 0, 0))
