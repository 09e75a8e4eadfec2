"""``mailglass explain`` tells people what would be tracked, as they would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MESSAGE = """\
From: a@example.com
To: b@example.net
Subject: Hello
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
{headers}
<p><a href="https://shop.example.com/">Shop</a> <a href="https://example.com/unsubscribe">stop</a></p>
"""


def explain(folder: Path, message: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "relay.toml").write_text("", "utf-8")
    (folder / "message.eml").write_text(message, "utf-8")
    command = [sys.executable, "-m", "mailglass", "explain", "message.eml", *options]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        check=False,
    )


@pytest.mark.parametrize(
    ("headers", "options", "expected"),
    [
        ("X-Track: all\n", (), ["Tracked: opens (a pixel goes in), 1 of 2 links.", "for unsubscribing"]),
        ("X-Track: all\n", ("--lang", "ja"), ["追跡されます", "配信停止用です"]),
        ("X-Track: opens, bogus\n", (), ["Tracked: opens", 'X-Track: unknown value "bogus"']),
        ("", (), ["Not tracked: tracking was not asked for.", "If it asked for tracking", "1 of 2 links"]),
        ("X-Track-Tag: spring\n", (), ["Not tracked", "none of them asks for any: X-Track: all does.", "If it asked"]),
        ("X-Track-Individually: yes\n", ("--lang", "ja"), ["追跡を求めるものがありません"]),
        ("", ("--opens",), ["Tracked: opens", "→ not tracked: links were not asked for"]),
        ("X-Track: all\nDKIM-Signature: v=1\n", (), ["Not tracked: it already carries a DKIM signature."]),
    ],
)
def test_a_message_is_explained(tmp_path: Path, headers: str, options: tuple[str, ...], expected: list[str]) -> None:
    done = explain(tmp_path, MESSAGE.format(headers=headers), *options)
    assert done.returncode == 0, done.stderr
    for sentence in expected:
        assert sentence in done.stdout


def test_a_message_of_which_only_marks_are_taken_away_is_not_explained_as_tracked(tmp_path: Path) -> None:
    marked = MESSAGE.replace('com/"', 'com/" data-track="no"').format(headers="X-Track: links\n")
    told = explain(tmp_path, marked).stdout
    assert told.startswith("Not tracked: nothing in it can be tracked.")
    assert "marked as not to be tracked" in told
    assert "Tracked:" not in told


def test_a_missing_file_is_one_plain_line(tmp_path: Path) -> None:
    done = explain(tmp_path, "", "--lang", "en")
    assert done.returncode == 0
    (tmp_path / "message.eml").unlink()
    command = [sys.executable, "-m", "mailglass", "explain", "nowhere.eml"]
    gone = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=False
    )
    assert gone.returncode == 1
    assert gone.stderr == "mailglass: cannot read nowhere.eml: No such file or directory\n"
