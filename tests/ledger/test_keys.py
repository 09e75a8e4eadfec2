"""The key folder on a real disk: made once, never readable by others, old keys verify for ever."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.keys import HIGHEST_KEY_ID, KeyFolderFault, LiveKeyRing, list_keys, load_keys, rotate
from ledger.message_id import MessageId
from ledger.tokens import Purpose, Target, mint, verify

TARGET = Target(MessageId(bytes(16)), 1, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys"


def test_the_first_load_makes_one_key_that_only_its_owner_may_read(folder: Path) -> None:
    ring = load_keys(folder)
    assert list(ring.keys) == [1]
    assert len(ring.keys[1]) == 32
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(p.name, stat.S_IMODE(p.stat().st_mode)) for p in folder.iterdir()] == [("1.key", 0o600)]


def test_the_umask_cannot_open_a_new_key_to_others(folder: Path) -> None:
    before = os.umask(0)
    try:
        load_keys(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "1.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_loading_again_gives_the_same_key(folder: Path) -> None:
    assert load_keys(folder).keys == load_keys(folder).keys


def test_many_processes_that_start_at_once_agree_on_one_key(folder: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        rings = list(pool.map(lambda _: load_keys(folder).keys[1], range(64)))
    assert len(set(rings)) == 1
    assert [p.name for p in folder.iterdir()] == ["1.key"]


def test_after_a_rotation_the_new_key_signs_and_the_old_one_verifies(folder: Path) -> None:
    old = mint(load_keys(folder), Purpose.LINK, TARGET, "https://example.com/")
    assert rotate(folder) == 2
    ring = load_keys(folder)
    assert ring.current_id == 2
    assert verify(ring, Purpose.LINK, old, "https://example.com/") == TARGET
    assert verify(ring, Purpose.PIXEL, mint(ring, Purpose.PIXEL, TARGET)) == TARGET
    assert [(key.id, key.signs) for key in list_keys(folder)] == [(1, False), (2, True)]


def test_rotations_at_the_same_moment_give_different_keys(folder: Path) -> None:
    load_keys(folder)
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: rotate(folder), range(24)))
    assert sorted(ids) == list(range(2, 26))
    assert len(set(load_keys(folder).keys.values())) == 25


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602])
def test_a_key_that_others_may_touch_is_refused_with_the_cure(folder: Path, mode: int) -> None:
    load_keys(folder)
    (folder / "1.key").chmod(mode)
    with pytest.raises(KeyFolderFault, match="chmod 0600"):
        load_keys(folder)


@pytest.mark.parametrize("mode", [0o750, 0o755, 0o707])
def test_a_folder_that_others_may_enter_is_refused_with_the_cure(folder: Path, mode: int) -> None:
    load_keys(folder)
    folder.chmod(mode)
    with pytest.raises(KeyFolderFault, match="chmod 0700"):
        load_keys(folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="a torn file must not become an empty key, with which anybody could sign"),
        pytest.param(b"ab" * 31, id="one byte short"),
        pytest.param(b"ab" * 33, id="one byte long"),
        pytest.param(b"\xff" * 64, id="not hexadecimal"),
    ],
)
def test_a_damaged_key_is_refused_and_its_content_stays_out_of_the_message(folder: Path, content: bytes) -> None:
    load_keys(folder)
    (folder / "1.key").write_bytes(content)
    with pytest.raises(KeyFolderFault, match="is damaged") as caught:
        load_keys(folder)
    assert "abab" not in str(caught.value)


def test_foreign_files_in_the_folder_are_left_alone(folder: Path) -> None:
    load_keys(folder)
    (folder / "README").write_text("backed up on Fridays")
    (folder / ".3.0123.draft").write_text("left by a crash")
    assert list(load_keys(folder).keys) == [1]


def test_a_folder_that_cannot_be_made_is_a_fault_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(KeyFolderFault, match="cannot use the key folder"):
        load_keys(tmp_path / "var" / "keys")


def test_an_id_beyond_what_tokens_can_name_is_refused(folder: Path) -> None:
    load_keys(folder)
    (folder / "1.key").rename(folder / f"{HIGHEST_KEY_ID}.key")
    with pytest.raises(KeyFolderFault, match="highest"):
        rotate(folder)


def test_a_rotated_key_verifies_in_every_process_before_it_signs_in_any(folder: Path) -> None:
    # One process looks into the folder just before a rotation, the other just after it: each knows the new key a
    # second later at most, and neither may sign with it before the other knows it.
    seconds = [100.0]
    late = LiveKeyRing(folder, lambda: seconds[0])
    seconds[0] += 0.9
    early = LiveKeyRing(folder, lambda: seconds[0])
    rotate(folder)
    for _ in range(40):
        signing = {ring.current_id for ring in (late.current(), early.current())}
        known = [set(ring.keys) for ring in (late.current(), early.current())]
        assert all(signing <= keys for keys in known)
        seconds[0] += 0.1
    assert signing == {2}


def test_a_running_process_signs_with_a_rotated_key_two_seconds_later(folder: Path) -> None:
    seconds = [100.0]
    live = LiveKeyRing(folder, lambda: seconds[0])
    rotate(folder)
    seconds[0] += 0.5
    assert sorted(live.current().keys) == [1]
    seconds[0] += 0.6
    assert (sorted(live.current().keys), live.current().current_id) == ([1, 2], 1)
    seconds[0] += 1.0
    assert (sorted(live.current().keys), live.current().current_id) == ([1, 2], 2)


def test_a_running_process_keeps_its_keys_when_the_folder_becomes_unreadable(folder: Path) -> None:
    seconds = [100.0]
    live = LiveKeyRing(folder, lambda: seconds[0])
    rotate(folder)
    folder.chmod(0o755)
    seconds[0] += 2
    assert live.current().current_id == 1
    folder.chmod(0o700)
    (folder / "1.key").unlink()
    seconds[0] += 2
    assert sorted(live.current().keys) == [1, 2]


def test_no_repr_shows_a_key(folder: Path) -> None:
    ring = load_keys(folder)
    assert ring.keys[1].hex() not in repr(ring)
