"""What the tests of this folder share: the tables as shipped, and labelled hits where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pixel_server.public.signs.loading import load_signs
from pixel_server.public.signs.tables import Signs

OURS = Path(__file__).parents[1] / "vectors" / "hits.json"
SHARED = Path(os.environ.get("MAILGLASS_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture(scope="session")
def signs() -> Signs:
    return load_signs()


@pytest.fixture(scope="session", params=["ours", "shared"])
def labelled(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    path = OURS if request.param == "ours" else SHARED / "vectors" / "machine_hits.json"
    if not path.exists():
        pytest.skip(f"no labelled hits at {path}; set MAILGLASS_SHARED")
    vectors: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["vectors"]
    return vectors
