"""Keeps SQLAlchemy's object-relational mapper out of a serving process, which has no use for it.

``sqlalchemy.ext.asyncio`` imports its session classes, and they the mapper: a quarter of a second at every start and
6 MB for nothing (measured with SQLAlchemy 2.1). Importing this module before the ledger puts empty modules in the place
of those two; calling one of their classes says so.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _LeftOut(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def unavailable(*_: object, **__: object) -> None:
            raise RuntimeError(f"{name} was left out: the ledger uses SQLAlchemy without its mapper")

        return unavailable


if "sqlalchemy.ext.asyncio" not in sys.modules:
    for _name in ("sqlalchemy.ext.asyncio.session", "sqlalchemy.ext.asyncio.scoping"):
        sys.modules[_name] = _LeftOut(_name)
