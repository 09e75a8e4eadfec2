"""What an idle installation has no use for is not imported by it: memory and start stay small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# docs/performance.md names them.
SELDOM_USED = (
    "alembic",
    "apprise",
    "asyncpg",
    "bs4",
    "cryptography",
    "dkim",
    "jinja2",
    "multiprocessing",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm.mapper",
)


def test_serving_imports_nothing_that_is_seldom_used() -> None:
    code = "import mailglass.lean_start, mailglass.services, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [name for name in SELDOM_USED if name in done.stdout.split()] == []
