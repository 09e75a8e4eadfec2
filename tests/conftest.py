"""What holds for all tests: none fails because the machine is slow, and continuous integration repeats itself; and the
one server that several parts share.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.ledger.postgres import PostgresServer

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("repeatable", settings.get_profile("patient"), derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "patient")


# In the background of a shell without job control (a script's "make check &") SIGINT is ignored, and so it is in all
# programs that the tests start; some are there to be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Longer than any pause of a busy machine, and far below the time after which a test is given up.
PATIENT_SECONDS = 45.0


@pytest.fixture(autouse=True)
def _patient_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message waits two seconds for the ledger and then goes out untracked. A disk that others use can take longer,
    and a test that is about something else must not see that. (What is about it sets its own patience.)"""
    monkeypatch.setattr("ledger.store.MESSAGE_PATIENCE_SECONDS", PATIENT_SECONDS)
    monkeypatch.setattr("ledger.shared.PATIENCE_SECONDS", PATIENT_SECONDS)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    folder = PostgresServer.find_programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed (make test does it, as root on Debian)")
    # Not under pytest's folder, which is shut to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="mailglass-postgres-", ignore_cleanup_errors=True) as place:
        server = PostgresServer(folder, Path(place))
        server.start()
        yield server
        server.stop()
