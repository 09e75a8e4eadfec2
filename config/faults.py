"""What is wrong with a configuration, in words for whoever wrote it. Pure: knows neither file nor environment.

Values are repeated only where they cannot be secrets.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from config.settings import Listener, Settings, Upstream
from config.table import Table

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where (a key path, an environment variable, a place in the file) and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ConfigurationError(ValueError):
    """The configuration cannot be used; ``faults`` are all of them, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def table_at(path: KeyPath) -> type[Table] | None:
    """The model of the table at that path; None when there can be no table."""
    match path:
        case ():
            return Settings
        case ("listener", int()):
            return Listener
        case ("upstream", str()):
            return Upstream
        case (str() as name,) if name in Settings.model_fields:
            annotation = Settings.model_fields[name].annotation
            return annotation if isinstance(annotation, type) and issubclass(annotation, Table) else None
        case _:
            return None


def setting_of(location: KeyPath) -> KeyPath:
    """The path of the setting, table or unknown key at which pydantic's location points; it may point deeper."""
    for length in range(1, len(location)):
        path = location[:length]
        if table_at(path) is None and path not in (("listener",), ("upstream",)):
            return path
    return location


def written(path: KeyPath) -> str:
    """``listener[0].bind`` for ("listener", 0, "bind")."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def unknown(path: KeyPath, kind: str = "setting") -> str:
    """What to say of a key that no table knows, with the likeliest one that was meant."""
    table, key = table_at(path[:-1]), str(path[-1])
    keys = table.model_fields if table else {}
    near = difflib.get_close_matches(key.lower().replace("-", "_"), keys, n=1, cutoff=0.6)
    if near:
        return f"unknown {kind}; did you mean {near[0]}?"
    homes = [name for name in Settings.model_fields if key in _keys_of_section(name)]
    if homes:
        example = {"listener": "[[listener]]", "upstream": "[upstream.default]"}.get(homes[0], f"[{homes[0]}]")
        return f"unknown {kind} here; it belongs into {example}"
    return f"unknown {kind}"


def _keys_of_section(name: str) -> Iterable[str]:
    match name:
        case "listener":
            return Listener.model_fields
        case "upstream":
            return Upstream.model_fields
        case _:
            table = table_at((name,))
            return table.model_fields if table else ()


def wording(error: Mapping[str, Any], path: KeyPath) -> str:
    """What to say of one of pydantic's errors, for the setting at that path."""
    kind, context = str(error["type"]), error.get("ctx", {})
    shown = _shown(path, error["input"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return unknown(path, "section" if isinstance(error["input"], dict) else "setting")
    if kind == "literal_error":
        choices = str(context["expected"]).replace(" or ", ", ").replace("'", "")
        return f"{shown}must be one of {choices}"
    if kind in ("model_type", "model_attributes_type", "dict_type") or path == ("listener",):
        return _table_expected(path)
    if kind == "too_short":
        return "needs at least one [[listener]]"
    bounds = {"greater_than": "above", "greater_than_equal": "at least", "less_than_equal": "at most"}
    if kind in bounds:
        return f"{shown}must be {bounds[kind]} {context.get('gt', context.get('ge', context.get('le')))}"
    for beginning, expected in _EXPECTED.items():
        if kind.startswith(beginning):
            return shown + expected + _without_quotes(beginning, error["input"])
    return str(error["msg"])


_EXPECTED = {
    "int": "must be a whole number",
    "bool": "must be true or false",
    "string": "must be text in quotes",
    "path": "must be a path in quotes",
    "tuple": 'must be a list, such as ["one", "two"]',
    "list": 'must be a list, such as ["one", "two"]',
}


def _without_quotes(expected: str, value: object) -> str:
    """For what would be right if it were not text."""
    is_near = isinstance(value, str) and (
        (expected == "int" and value.strip().isdecimal())
        or (expected == "bool" and value.strip().lower() in ("true", "yes", "on", "false", "no", "off", "1", "0"))
    )
    return ", without quotes" if is_near else ""


def _table_expected(path: KeyPath) -> str:
    match path:
        case ("upstream", str() as name) if name in Upstream.model_fields:
            return f"an upstream has a name: write {name} under [upstream.default]"
        case ("listener", *_):
            return "must be tables of their own: write [[listener]]"
        case _:
            return f"must be a table: write [{written(path)}]"


def _shown(path: KeyPath, value: object) -> str:
    table = table_at(path[:-1])
    field = table.model_fields.get(str(path[-1])) if table else None
    if field is None or field.annotation is SecretStr or not field.repr:
        return ""
    if isinstance(value, bool):
        return f"{str(value).lower()} "
    if isinstance(value, str):
        return f'"{value}" '
    return f"{value} " if isinstance(value, int | float) else ""
