"""relay.toml, the environment and secret files -> Settings, or one ConfigurationError that lists every fault.

Decides what overrides what (the environment over the file) and against what relative paths count (the file's folder;
a database's file against ``data_dir``). The settings themselves, and what contradicts what, stand in settings.py.
Opens only the configuration file and the secret files that it names.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from config.environment import Data, overlay
from config.faults import ConfigurationError, Fault, KeyPath, setting_of, wording, written
from config.settings import Ledger, Settings, Upstream
from config.table import CONTRADICTIONS_LATER, Table

# Longer than any password, and short enough that naming the wrong file does no harm.
_SECRET_BYTES = 64 * 1024
_SQLITE = "sqlite:///"
_PLACE = re.compile(r" ?\(at line (\d+), column (\d+)\)")


def load(path: Path, environment: Mapping[str, str]) -> Settings:
    """The checked settings, all paths absolute and all secrets read. Raises ConfigurationError."""
    return settings_from(_read_toml(path), environment, path.absolute().parent)


def settings_from(data: Data, environment: Mapping[str, str], folder: Path) -> Settings:
    """The same for what a TOML parser gave, with relative paths counted from ``folder``."""
    data = copy.deepcopy(data)
    sources, faults = overlay(data, environment)
    settings, bad = _validate(data)
    faults += (Fault(written(key), what) for key, what in bad.items())
    faults += _contradictions(settings, bad)
    settings = _rebuilt(settings, lambda _, table: _with_absolute_paths(table, folder))
    faults += _missing_files(settings)
    settings = _rebuilt(settings, lambda key, table: _with_secrets(key, table, faults))
    if faults:
        variables = {written(key): name for key, name in sources.items()}
        raise ConfigurationError(Fault(variables.get(fault.where, fault.where), fault.what) for fault in faults)
    return settings.model_copy(update={"ledger": _beside(settings.data_dir, settings.ledger)})


def _read_toml(path: Path) -> Data:
    try:
        # Windows editors begin a file with a byte order mark, which TOML does not know.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as fault:
        raise ConfigurationError([Fault(str(path), fault.strerror or "cannot be read")]) from None
    except UnicodeDecodeError as fault:
        raise ConfigurationError([Fault(str(path), f"byte {fault.start} is not UTF-8")]) from None
    except tomllib.TOMLDecodeError as fault:
        place = _PLACE.search(str(fault))
        where = f"{path}, line {place[1]}, column {place[2]}" if place else str(path)
        hint = "; text needs quotes" if "Invalid value" in str(fault) else ""
        raise ConfigurationError([Fault(where, f"no valid TOML{hint} ({_PLACE.sub('', str(fault))})")]) from None


def _validate(data: Data) -> tuple[Settings, dict[KeyPath, str]]:
    """The settings with harmless values in place of what is at fault, and what that was."""
    remaining, bad = copy.deepcopy(data), dict[KeyPath, str]()
    while True:
        known = len(bad)
        try:
            return Settings.model_validate(remaining, context={CONTRADICTIONS_LATER: True}), bad
        except ValidationError as error:
            # A table that is none hides what else is wrong beside it, so what is left is looked at again.
            for found in error.errors(include_url=False):
                if found["type"] == "too_short" and found["input"]:
                    continue  # there are listeners, but each has a fault of its own
                path = setting_of(found["loc"])
                bad.setdefault(path, wording(found, path))
                _put_harmless(remaining, path)
        if len(bad) == known:
            raise ConfigurationError(Fault(written(path), what) for path, what in bad.items())


def _put_harmless(data: Any, path: KeyPath) -> None:
    for step in path[:-1]:
        data = data[step]
    match path:
        case ("listener", int(number)):
            data[number] = {"bind": "127.0.0.1:0"}
        case ("upstream", str(name)):
            data[name] = {"sandbox": True}
        case ("listener" | "pixel_server" | "dashboard", *_, "bind"):
            data["bind"] = "127.0.0.1:0"  # the default could seem to be taken by another
        case (*_, key):
            data.pop(key, None)


def _tables(settings: Settings) -> Iterator[tuple[KeyPath, Table]]:
    yield (), settings
    for number, listener in enumerate(settings.listener):
        yield ("listener", number), listener
    for name, upstream in settings.upstream.items():
        yield ("upstream", name), upstream
    for name, value in settings:
        if isinstance(value, Table):
            yield (name,), value


def _contradictions(settings: Settings, bad: Mapping[KeyPath, str]) -> Iterator[Fault]:
    known_bad = {written(path) for path in bad}
    for path, table in _tables(settings):
        if path in bad:
            continue
        given = {key: value for key, value in table if (*path, key) not in bad}
        for key, what in table.contradictions(given):
            where = written((*path, key))
            if where not in known_bad:
                yield Fault(where, what)


def _rebuilt(settings: Settings, change: Callable[[KeyPath, Table], Table]) -> Settings:
    changed = {path: change(path, table) for path, table in _tables(settings)}
    updates: dict[str, Any] = {str(path[0]): table for path, table in changed.items() if len(path) == 1}
    updates["listener"] = tuple(changed["listener", number] for number in range(len(settings.listener)))
    updates["upstream"] = {name: changed["upstream", name] for name in settings.upstream}
    return settings.model_copy(update={**dict(changed[()]), **updates})


def _with_absolute_paths(table: Table, folder: Path) -> Table:
    return table.model_copy(update={key: folder / value for key, value in table if isinstance(value, Path)})


def _missing_files(settings: Settings) -> Iterator[Fault]:
    for path, table in _tables(settings):
        for key, value in table:
            if isinstance(value, Path) and key != "data_dir" and not _is_there(value):
                yield Fault(written((*path, key)), f"there is no file {value}")


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # in a folder we may not look into: whoever opens it can tell more


def _with_secrets(path: KeyPath, table: Table, faults: list[Fault]) -> Table:
    """The table with what its secret files hold; what is wrong with one is added to ``faults``."""
    try:
        if isinstance(table, Upstream) and table.password_file and _is_there(table.password_file):
            return table.model_copy(update={"password": SecretStr(_read_secret(table.password_file))})
        if isinstance(table, Ledger) and table.url_file and _is_there(table.url_file):
            return table.model_copy(update={"url": Ledger(url=_read_secret(table.url_file)).url})
    except ValidationError as error:
        faults.append(Fault(written((*path, "url_file")), wording(error.errors()[0], ("ledger", "url"))))
    except ValueError as fault:
        key = "password_file" if isinstance(table, Upstream) else "url_file"
        faults.append(Fault(written((*path, key)), str(fault)))
    return table


def _read_secret(path: Path) -> str:
    """The file's text without the line end that editors add. Raises ValueError, whose text holds nothing of it."""
    try:
        with path.open("rb") as file:
            raw = file.read(_SECRET_BYTES)
    except OSError as fault:
        raise ValueError(f"{path} cannot be read: {fault.strerror}") from None
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if not text:
        raise ValueError(f"{path} is empty")
    return text


def _beside(data_dir: Path, ledger: Ledger) -> Ledger:
    if not ledger.url.startswith(_SQLITE):
        return ledger
    return ledger.model_copy(update={"url": f"{_SQLITE}{data_dir / ledger.url.removeprefix(_SQLITE)}"})
