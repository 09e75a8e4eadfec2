"""The journal gives back whole what was synced, passes over what a crash tore, and never mistakes one for the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import wire
from ledger.journal import Journal, left_behind, read_journal
from ledger.records import Hit, MessageRecord
from tests.ledger.samples import a_hit, a_record, an_id

PROJECT = Path(__file__).parents[2]


def written(folder: Path, hits: list[Hit]) -> Path:
    journal = Journal(folder)
    for hit in hits:
        journal.append([hit])
    journal.rotate()
    (path,) = left_behind(folder)
    return path


HITS = [a_hit(an_id(), timedelta(seconds=n), evidence='{"delay": 1.5, "signs": {"x": "ü"}}') for n in range(3)]


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    assert list(read_journal(written(tmp_path, HITS))) == HITS


def test_a_process_with_the_number_of_a_dead_one_leaves_its_file_alone(tmp_path: Path) -> None:
    """In a container the process that starts after a crash often has the number of the one that crashed."""
    script = (
        "import os, sys; from pathlib import Path; os.getpid = lambda: 7\n"
        "from ledger.journal import Journal; from tests.ledger.test_journal import HITS\n"
        "Journal(Path(sys.argv[1])).append([HITS[int(sys.argv[2])]])\n"
    )
    for number in ("0", "1"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path), number], check=True, cwd=PROJECT)
    found = [hit.at for path in left_behind(tmp_path) for hit in read_journal(path)]
    assert sorted(found) == [HITS[0].at, HITS[1].at]


def test_a_file_cut_anywhere_gives_its_whole_lines(tmp_path: Path) -> None:
    path = written(tmp_path, HITS)
    raw = path.read_bytes().rstrip(b"\0")
    ends = [n + 1 for n, octet in enumerate(raw) if octet == 10]
    for cut in range(len(raw) + 1):
        path.write_bytes(raw[:cut])
        whole = sum(end - 1 <= cut for end in ends)  # without its line end a line is whole too
        assert list(read_journal(path)) == HITS[:whole], cut


@pytest.mark.parametrize("place", range(0, 1500, 13))
def test_a_damaged_octet_costs_no_more_than_its_lines(tmp_path: Path, place: int) -> None:
    path = written(tmp_path, HITS)
    raw = bytearray(path.read_bytes().rstrip(b"\0"))
    raw[place % len(raw)] ^= 1 + place % 255
    path.write_bytes(raw)
    found = list(read_journal(path))
    assert all(hit in HITS for hit in found)
    assert len(found) >= len(HITS) - 2  # a damaged line end joins two lines


def test_the_files_of_living_processes_are_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(HITS)
    assert left_behind(tmp_path) == []
    journal.rotate()
    assert len(left_behind(tmp_path)) == 1


def test_an_unused_file_is_taken_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.open()
    journal.rotate()
    assert list(tmp_path.iterdir()) == []


def test_others_may_not_read_it(tmp_path: Path) -> None:
    os.umask(0o000)
    try:
        path = written(tmp_path / "journal", HITS)
    finally:
        os.umask(0o022)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(OSError, match="journal"):
        Journal(tmp_path / "journal").append(HITS)


def test_every_value_of_the_ledger_can_be_carried() -> None:
    record: MessageRecord = a_record(tags=("a",), meta={"k": "v"}, record_until=HITS[0].at)
    for value in (record, HITS[0], (b"\xff", [1, None, True], {"a": (1.5,)}, timedelta(days=2)), "\udcff"):
        assert wire.load(wire.dump(value)) == value


def test_a_hit_written_down_by_an_earlier_version_is_read() -> None:
    hit = HITS[0]
    at = round(hit.at.timestamp() * 1000) * 1000
    before = {
        "$": "Hit", "id": hit.id, "at": {"$": "time", "v": at}, "kind": {"$": "HitKind", "v": hit.kind.value},
        "message": {"$": "MessageId", "raw": {"$": "bytes", "v": b64encode(hit.message.raw).decode()}},
        "copy": hit.copy, "link": hit.link, "method": hit.method,
        "verdict": {
            "$": "Verdict", "hit_class": {"$": "HitClass", "v": hit.verdict.hit_class.value},
            "confidence": {"$": "Confidence", "v": hit.verdict.confidence.value}, "rule": hit.verdict.rule,
        },
        "user_agent": hit.user_agent, "ip": hit.ip, "evidence": hit.evidence, "repeats": hit.repeats,
    }  # fmt: skip
    assert wire.load(json.dumps(before).encode()) == hit


@given(st.binary())
def test_what_is_no_value_is_refused(raw: bytes) -> None:
    try:
        value = wire.load(raw)
    except ValueError:
        return
    assert value is None or isinstance(value, int | float | str | list)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"$":"Settings","data_dir":"/"}',  # only listed classes are made
        b'{"$":"os.system","v":"x"}',
        b'{"$":"MessageId"}',
        b'{"$":"MessageId","raw":{"$":"bytes","v":"AA=="}}',  # and they check themselves
        b'{"$":"Hit","more":1}',
        b'{"$":"hit","v":[1,2]}',
        b'{"$":"hit","v":["A",0,"glance","AAAAAAAAAAAAAAAAAAAAAA==",0,0,"GET","human","probable","R22","","","",1]}',
        b'{"v":1}',
        b"[" * 100_000,
    ],
)
def test_nothing_else_can_be_made_by_what_arrives(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        wire.load(raw)
