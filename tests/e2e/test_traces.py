"""What an installation leaves on disk: its files are its owner's alone, and of delivered mail only the record stays."""

from __future__ import annotations

import os
import smtplib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.e2e.stand_in import StandIn

MARKER = "a-body-that-nobody-may-find-again"


@pytest.fixture
def upstream() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()


@pytest.fixture
def mailglass(tmp_path: Path, upstream: StandIn) -> Iterator[Installation]:
    lines = f'host = "127.0.0.1"\nport = {upstream.port}\nsecurity = "none"\n'
    installation = Installation(tmp_path / "installation", upstream=lines)
    before = os.umask(0)
    try:
        installation.start()
    finally:
        os.umask(before)
    yield installation
    installation.stop()


def submit(port: int, *headers: str, times: int = 1) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.com", timeout=30) as client:
        for _ in range(times):
            text = "".join(f"{header}\r\n" for header in (*headers, "Subject: x", "Content-Type: text/html"))
            body = f"<p>{MARKER} <a href='https://example.com/'>x</a></p>\r\n" * 20_000
            client.sendmail("ann@example.com", ["bob@example.net", "cy@example.net"], f"{text}\r\n{body}".encode())


def kept_files(installation: Installation) -> list[Path]:
    return [path for path in (installation.folder / "var").rglob("*") if not path.is_symlink()]


def test_no_file_is_open_to_others_whatever_the_umask(mailglass: Installation) -> None:
    """D04."""
    submit(mailglass.smtp, "X-Track: all")
    found = kept_files(mailglass)
    assert found
    for path in found:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            inside = path.parent != mailglass.folder / "var" and path.parent.stat().st_mode & 0o077 == 0
            assert mode & 0o077 == 0 or inside, f"{path} {mode:o}"


@pytest.mark.parametrize("headers", [(), ("X-Track: all",), ("X-Track: all", "X-Track-Individually: yes")])
def test_of_a_delivered_message_nothing_but_its_record_is_left(
    mailglass: Installation, upstream: StandIn, headers: tuple[str, ...]
) -> None:
    """D09: neither in the database and its log, nor in spool, journals and temporary files, nor in what was logged."""
    submit(mailglass.smtp, *headers)
    assert MARKER.encode() in upstream.delivered[0]
    assert mailglass.stop() == 0
    for path in [*kept_files(mailglass), mailglass.folder / "log"]:
        assert not path.is_file() or MARKER.encode() not in path.read_bytes(), path


def test_passwords_are_kept_as_argon2id_alone(mailglass: Installation) -> None:
    """D05."""
    password = "correct horse battery staple"
    mailglass.command("user", "add", "ann", "--password-stdin", stdin=password + "\n")
    raw = b"".join(path.read_bytes() for path in kept_files(mailglass) if path.is_file())
    assert password.encode() not in raw
    assert b"$argon2id$v=19$" in raw
