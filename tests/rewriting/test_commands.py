"""``mailglass rewrite``, ``restore`` and ``decode`` as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ID = "000102030405060708090a0b0c0d0e0f"
MESSAGE = (
    b"From: a@example.com\r\nTo: b@example.com\r\nX-Track: opens, links\r\nSubject: x\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n"
    b'<p><a href="https://www.example.com/a?b=1&amp;c=2">read</a> <a href="mailto:x@example.com">m</a></p>\r\n'
    b"</body></html>\r\n"
)
WITHOUT_HEADER = MESSAGE.replace(b"X-Track: opens, links\r\n", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "relay.toml").write_text('data_dir = "var"\n[upstream.default]\nsandbox = true\n', "ascii")
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    return tmp_path


def mailglass(folder: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "mailglass", *words], cwd=folder, input=stdin, capture_output=True, timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip


def test_a_message_is_rewritten_to_stdout_with_its_report(folder: Path) -> None:
    done = mailglass(folder, "rewrite", "m.eml", "--report", "r.json", "--message-id", ID)
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "r.json").read_bytes())
    assert b"http://127.0.0.1:8025/o/" in done.stdout
    assert b"X-Track" not in done.stdout
    assert report["tracked"] is True
    assert report["reason"] is None
    assert report["opens"] is True
    assert report["links"] == [
        {"n": 1, "url": "https://www.example.com/a?b=1&c=2", "text": "read", "part": "1", "tracked": True,
         "reason": None},
        {"n": 2, "url": "mailto:x@example.com", "text": "m", "part": "1", "tracked": False, "reason": "scheme"},
    ]  # fmt: skip
    assert [span["kind"] for span in report["spans"]] == ["header", "href", "pixel"]
    assert report["bytes_in"] == len(MESSAGE)
    assert report["bytes_out"] == len(done.stdout)


def test_the_same_id_gives_the_same_bytes_and_none_gives_others(folder: Path) -> None:
    first, second = (mailglass(folder, "rewrite", "m.eml", "--message-id", ID).stdout for _ in range(2))
    other = mailglass(folder, "rewrite", "m.eml").stdout
    assert first == second != other


def test_restoring_with_and_without_the_report_gives_the_message_without_its_control_header(folder: Path) -> None:
    assert mailglass(folder, "rewrite", "m.eml", "--out", "o.eml", "--report", "r.json").returncode == 0
    assert mailglass(folder, "restore", "o.eml", "--report", "r.json").stdout == WITHOUT_HEADER
    assert mailglass(folder, "restore", "-", stdin=(folder / "o.eml").read_bytes()).stdout == WITHOUT_HEADER


def test_a_tree_is_rewritten_and_restored_with_one_line_a_file(folder: Path) -> None:
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "a.eml").write_bytes(MESSAGE)
    (folder / "in" / "sub" / "b.eml").write_bytes(WITHOUT_HEADER)
    done = mailglass(folder, "rewrite", "in", "--out", "out", "--report", "r.jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (folder / "r.jsonl").read_bytes().splitlines()]
    assert [(row["file"], row["tracked"], row["reason"]) for row in rows] == [
        ("a.eml", True, None),
        ("sub/b.eml", False, "not-requested"),
    ]
    assert mailglass(folder, "restore", "out", "--out", "back", "--report", "r.jsonl").returncode == 0
    assert (folder / "back" / "a.eml").read_bytes() == WITHOUT_HEADER
    assert (folder / "back" / "sub" / "b.eml").read_bytes() == WITHOUT_HEADER


def test_lines_of_a_tree_go_to_stdout_when_no_report_is_named(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.eml").write_bytes(MESSAGE)
    done = mailglass(folder, "rewrite", "in", "--out", "out")
    assert json.loads(done.stdout)["file"] == "a.eml"


@pytest.mark.parametrize("words", [("rewrite", "m.eml", "--out", "o.eml"), ("rewrite", "in", "--out", "out")])
def test_a_report_goes_to_stdout_when_it_is_named_so_and_the_message_goes_elsewhere(
    folder: Path, words: tuple[str, ...]
) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.eml").write_bytes(MESSAGE)
    done = mailglass(folder, *words, "--report", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tracked"] is True
    assert not (folder / "-").exists()


def test_a_message_goes_to_stdout_when_that_is_named(folder: Path) -> None:
    done = mailglass(folder, "rewrite", "m.eml", "--out", "-", "--report", "r.json")
    assert done.returncode == 0, done.stderr
    assert b"X-Track" not in done.stdout
    back = mailglass(folder, "restore", "-", "--out", "-", "--report", "r.json", stdin=done.stdout)
    assert back.stdout == WITHOUT_HEADER
    (folder / "o.eml").write_bytes(done.stdout)
    report = (folder / "r.json").read_bytes()
    assert mailglass(folder, "restore", "o.eml", "--report", "-", stdin=report).stdout == WITHOUT_HEADER
    assert not (folder / "-").exists()


def test_flags_ask_for_what_the_headers_do_not(folder: Path) -> None:
    done = mailglass(folder, "rewrite", "-", "--links", stdin=WITHOUT_HEADER)
    assert b"/c/" in done.stdout
    assert b"/o/" not in done.stdout


def test_without_opt_in_not_a_byte_changes(folder: Path) -> None:
    assert mailglass(folder, "rewrite", "-", stdin=WITHOUT_HEADER).stdout == WITHOUT_HEADER


def test_one_of_our_urls_is_taken_apart(folder: Path) -> None:
    rewritten = mailglass(folder, "rewrite", "m.eml", "--message-id", ID).stdout.decode()
    url = rewritten.split('href="')[1].split('"')[0]
    told = json.loads(mailglass(folder, "decode", url).stdout)
    assert told["kind"] == "link"
    assert told["message"] == "00041061050R3GG28A1C60T3GF"
    assert told["link"] == 1
    assert told["destination"] == "https://www.example.com/a?b=1&c=2"
    assert told["valid"] is True
    forged = mailglass(folder, "decode", url.replace("b%3D1", "b%3D2"))
    assert json.loads(forged.stdout)["valid"] is False
    assert forged.returncode == 1
    assert b"its signature does not hold: it was altered or forged" in forged.stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("rewrite", "nowhere.eml"), 1),
        (("rewrite", "m.eml", "--message-id", "xyz"), 2),
        (("rewrite", "."), 2),  # a folder needs --out
        (("rewrite", ".", "--out", "-"), 2),
        (("restore", ".", "--out", "-"), 2),
        (("rewrite", ".", "--out", "./"), 2),  # nothing is written over itself
        (("restore", ".", "--out", "."), 2),
        (("rewrite", "m.eml", "--out", "./m.eml"), 2),
        (("restore", "m.eml", "--out", "m.eml"), 2),
        (("rewrite", "m.eml", "--out", "b.eml", "--report", "./m.eml"), 2),
        (("rewrite", "m.eml", "--out", "b.eml", "--report", "./b.eml"), 2),
        (("rewrite", "m.eml", "--report", "-"), 2),  # report and message in one stream
        (("rewrite", "m.eml", "--out", "-", "--report", "-"), 2),
        (("restore", "-", "--report", "-"), 2),
        (("rewrite", "m.eml", "--config", "nowhere.toml"), 78),
        (("restore", "m.eml", "--report", "m.eml"), 1),
        (("decode", "https://www.example.com/"), 1),
        (("decode", "x"), 2),  # no URL at all
    ],
)
def test_failures_are_one_plain_line_and_their_status(folder: Path, words: tuple[str, ...], status: int) -> None:
    done = mailglass(folder, *words)
    assert done.returncode == status
    assert done.stderr
    assert b"Traceback" not in done.stderr
    assert not done.stdout or words[0] == "decode"
    assert not (folder / "-").exists()
