"""An hour of coverage-guided fuzzing holds every promise of rewriting, and of the public port."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = int(os.environ.get("MAILGLASS_FUZZ_SECONDS", "3600"))


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize("target", ["fuzz_rewriting", "fuzz_public"])
def test_fuzzing_finds_no_broken_promise(tmp_path: Path, target: str) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed (pip install mailglass[soak])")
    done = subprocess.run(
        [sys.executable, "-m", f"tests.soak.{target}", f"-max_total_time={SECONDS}", "-max_len=4000",
         f"-artifact_prefix={tmp_path}/"],
        cwd=Path(__file__).parents[2], capture_output=True, check=False, timeout=SECONDS + 300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:].decode("utf-8", "replace")
