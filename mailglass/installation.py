"""What is to be started, and where it then listens, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from config.settings import Settings


class Part(StrEnum):
    RELAY = "relay"
    PIXEL_SERVER = "pixel-server"
    DASHBOARD = "dashboard"


@dataclass(slots=True)
class Started:
    """Where each part listens, as host and port, and the path of the set-up page while there is no account."""

    listeners: list[tuple[str, int]] = field(default_factory=list)
    pixel_server: tuple[str, int] | None = None
    dashboard: tuple[str, int] | None = None
    first_account_path: str | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to be started; ``config`` is the file, for worker processes that read it again."""

    settings: Settings
    config: Path
    parts: frozenset[Part]
    is_worker: bool = False
