"""axe-core, fetched once through npm into the user's cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSION = "4.14.1"


def axe_source() -> str:
    """The script's text. Skips the test where npm is missing or cannot fetch it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailglass-tests" / f"axe-{VERSION}"
    script = cache / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("axe-core needs npm, which is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(cache), f"axe-core@{VERSION}"]
        done = subprocess.run(command, capture_output=True, timeout=100, check=False)
        if done.returncode or not script.exists():
            pytest.skip("npm could not fetch axe-core")
    return script.read_text(encoding="utf-8")
