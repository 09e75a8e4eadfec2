"""Marks the functions that change the ledger, by which other processes may name them to the one that writes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "changes_the_ledger"
_FORGETS = "forgets_the_book"
_WAITS = "waits_for_the_lock"


def change(function: F) -> F:
    """For module-level functions of ledger/ that take a Connection first, then values that ledger/wire.py can carry."""
    setattr(function, _MARK, True)
    return function


def change_of_messages(function: F) -> F:
    """The same for those that delete or stop messages behind the writer's back, or take hits away."""
    setattr(function, _FORGETS, True)
    return change(function)


def change_that_waits(function: F) -> F:
    """The same for those that note what has happened already: it must be known however long the ledger was locked."""
    setattr(function, _WAITS, True)
    return change(function)


def waits_for_the_lock(function: Callable[..., Any]) -> bool:
    return hasattr(function, _WAITS)


def forgets_the_book(function: Callable[..., Any]) -> bool:
    return hasattr(function, _FORGETS)


def name_of(function: Callable[..., Any]) -> str:
    """Raises ValueError for a function that is not marked."""
    if not hasattr(function, _MARK):
        raise ValueError(f"{function.__qualname__} is not marked as a change of the ledger")
    return f"{function.__module__}:{function.__qualname__}"


def function_named(name: str) -> Callable[..., Any]:
    """Raises ValueError for everything but a marked function of the ledger."""
    module, _, function_name = name.partition(":")
    if not module.startswith("ledger.") or not function_name.isidentifier():
        raise ValueError(f"{name} is no change of the ledger")
    function: Callable[..., Any] | None = getattr(importlib.import_module(module), function_name, None)
    if function is None or not hasattr(function, _MARK):
        raise ValueError(f"{name} is no change of the ledger")
    return function
