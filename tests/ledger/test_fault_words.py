"""An operator reads where the database is and why it cannot be used: no class names, no passwords."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path

import pytest

from ledger.engine import parse_place
from ledger.fault_words import words_for
from ledger.faults import LedgerUnavailable
from ledger.maintenance import version
from ledger.transactions import transactions_for

SERVER = "postgresql://ann:hunter2@db.example.com/mg"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('192.0.2.1', 1)"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError(), "no answer in time"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed"), "no connection"),
        (ssl.SSLError(1, "[SSL] wrong"), "TLS failed (no reason given)"),
        (UnicodeError("encoding with 'idna' codec failed"), "this is no name of a host"),
        (TypeError("connect() got an unexpected keyword argument"), "a fault of mailglass itself, or of the driver"),
        (ValueError(), "no reason given"),
    ],
)
def test_a_servers_fault_is_told_with_its_place(fault: Exception, told: str) -> None:
    assert words_for(fault, parse_place(SERVER, Path())) == f"db.example.com:5432: {told}"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://ann@[2001:db8::1]:5433/mg", "[2001:db8::1]:5433"),
        ("postgresql:///mg", "localhost:5432"),
        ("postgresql:///mg?host=/run/postgresql", "/run/postgresql"),
        ("postgresql:///mg?host=db.example.com&port=5433", "db.example.com:5433"),
        ("postgresql:///mg?host=a,b&port=1,2", "a:1, b:2"),
        ("postgresql:///mg?host=a:1&host=b:2", "a:1, b:2"),
    ],
)
def test_a_server_is_named_by_host_and_port_or_by_its_socket(url: str, where: str) -> None:
    assert words_for(TimeoutError(), parse_place(url, Path())) == f"{where}: no answer in time"


def test_a_file_is_not_named_again() -> None:
    fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert words_for(fault, parse_place("sqlite:///mg.db", Path())) == "No space left on device"


async def test_reading_and_writing_tell_of_a_host_that_is_none() -> None:
    place = parse_place("postgresql://ann:hunter2@a..b/mg", Path())
    with pytest.raises(LedgerUnavailable, match=r"^the ledger cannot be read: a\.\.b:5432: this is no name of a host$"):
        await version(place)
    transactions = transactions_for(place)
    with pytest.raises(LedgerUnavailable, match=r"changes: a\.\.b:5432: this is no name of a host$"):
        await transactions.run(lambda _: None)
    await transactions.close()
