"""Settings from the environment: MAILGLASS_SECTION__KEY over what the file says. Pure: the environment is an argument.

    MAILGLASS_DATA_DIR=/srv/mailglass
    MAILGLASS_LISTENER__0__BIND=127.0.0.1:2525
    MAILGLASS_UPSTREAM__DEFAULT__PASSWORD_FILE=/run/secrets/smtp
    MAILGLASS_TRACKING__SKIP_DOMAINS=example.com, example.net

A name with a double underscore that is no setting is a fault. One without is a setting of the top level, a fault when
it is nearly spelt like a setting, and else somebody else's: container platforms invent such names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from config.faults import Fault, KeyPath, table_at, unknown
from config.settings import Listener, Settings, Upstream
from config.table import Table

PREFIX = "MAILGLASS_"
Data = dict[str, Any]

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
# What Docker's links and Kubernetes' services put beside us, whatever a neighbour is called.
_PLATFORMS = re.compile(r"name|env_.*|(?:.*_)?service_(?:host|port.*)|(?:.*_)?port_[0-9]+_(?:tcp|udp|sctp).*")
_PLATFORMS_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://")  # as in MAILGLASS_PORT
# One letter wrong in seven: "dtadir" is data_dir, "shared" is no dashboard.
_NEARLY = 0.85
_TELLING_LETTERS = 5  # names as short as "log" and "hits" are near too much
# The words that X-Track headers know too.
TRUTH = dict.fromkeys(("true", "yes", "on", "1", "y"), True) | dict.fromkeys(("false", "no", "off", "0", "n"), False)

# Two ways of saying one thing: what the environment says takes the place of the other way in the file.
_EITHER_OR = (("password", "password_file"), ("url", "url_file"), ("host", "sandbox"))


def overlay(data: Data, environment: Mapping[str, str]) -> tuple[dict[KeyPath, str], list[Fault]]:
    """Writes the environment's settings into ``data``; gives the variable behind each path, and what was wrong."""
    sources: dict[KeyPath, str] = {}
    faults: list[Fault] = []
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        rest = name.removeprefix(PREFIX).lower()
        steps = rest.split("__")
        if _is_a_platforms(rest, environment[name]):
            continue
        if len(steps) == 1 and (rest not in Settings.model_fields or table_at((rest,)) or rest in _MANY):
            if meant := _meant_by(rest, data):
                faults.append(Fault(name, f"unknown setting; did you mean {PREFIX}{meant}?"))
            continue
        path = _path(steps, data)
        fault = _misfit(path, data)
        if fault:
            faults.append(Fault(name, fault))
        else:
            sources[path] = name
            _put(data, path, environment[name], sources)
    return sources, faults


_MANY = ("listener", "upstream")


def _is_a_platforms(name: str, value: str) -> bool:
    is_address = name.endswith("port") and "__" not in name and _PLATFORMS_ADDRESS.match(value)
    return bool(is_address or _PLATFORMS.fullmatch(name))


def _meant_by(name: str, data: Data) -> str:
    """The variable that a name without a double underscore nearly spells; empty for somebody else's name."""
    if name in Settings.model_fields:  # a table's: nothing can be given in it, and it is a word like any other
        return ""
    spellings = list(_spellings(data))
    for _, variable in spellings:  # a key of two words says enough without its table: PUBLIC_URL
        if "_" in name and variable.endswith(f"__{name.upper()}"):
            return variable
    meant = {_letters(spelling): variable for spelling, variable in spellings}
    near = difflib.get_close_matches(_letters(name), meant, n=1, cutoff=_NEARLY)
    return meant[near[0]] if near else ""


def _letters(name: str) -> str:
    return name.replace("_", "")


def _spellings(data: Data) -> Iterator[tuple[str, str]]:
    """What people write for a setting, underscores aside, and the variable that is right.

    Not for a table, which no variable can give: DASHBOARD_URL and LIMIT may be anybody's.
    """
    upstreams = data.get("upstream")
    names = [str(name).lower() for name in upstreams] if isinstance(upstreams, dict) and upstreams else ["default"]
    for section in Settings.model_fields:
        places = {"listener": ["listener__0"], "upstream": [f"upstream__{name}" for name in names]}.get(section)
        table = _table_of(section)
        if table is None and len(section) >= _TELLING_LETTERS:
            yield section, section.upper()
        for key in table.model_fields if table else ():
            for place in reversed(places or [section]):
                variable = f"{place}__{key}".upper()
                yield f"{place}_{key}", variable
                yield f"{section}_{key}", variable


def _table_of(section: str) -> type[Table] | None:
    several: dict[str, type[Table]] = {"listener": Listener, "upstream": Upstream}
    return several.get(section) or table_at((section,))


def _path(steps: list[str], data: Data) -> KeyPath:
    if steps[0] == "listener" and len(steps) > 1 and steps[1].isascii() and steps[1].isdigit():
        return ("listener", int(steps[1]), *steps[2:])
    if steps[0] == "upstream" and len(steps) > 1 and isinstance(data.get("upstream"), dict):
        # Variables are written in capitals; the file's own spelling of the name counts.
        spelt = [name for name in data["upstream"] if name.lower() == steps[1]]
        return ("upstream", *spelt[:1], *steps[2:]) if spelt else tuple(steps)
    return tuple(steps)


def _misfit(path: KeyPath, data: Data) -> str:
    """Why nothing can be put there; empty when it can."""
    table = table_at(path[:-1])
    if path[0] not in Settings.model_fields:
        near = difflib.get_close_matches(str(path[0]), Settings.model_fields, n=1)
        return f"unknown section; did you mean {PREFIX}{near[0].upper()}__…?" if near else "unknown section"
    if table is None or (table is Settings and len(path) == 1 and (path[0] in _MANY or table_at(path))):
        example = {"listener": "LISTENER__0__BIND", "upstream": "UPSTREAM__DEFAULT__HOST"}.get(str(path[0]))
        return f"no setting has this name; write it like {PREFIX}{example}" if example else unknown(path)
    if path[-1] not in table.model_fields:
        return unknown(path)
    if path[0] == "listener" and int(path[1]) > len(_listeners(data)):
        return f"the next listener would have number {len(_listeners(data))}"
    return ""


def _listeners(data: Data) -> list[Any]:
    listeners = data.setdefault("listener", [{}])
    return listeners if isinstance(listeners, list) else []


def _put(data: Data, path: KeyPath, text: str, sources: Mapping[KeyPath, str]) -> None:
    if path[0] == "listener" and path[1] == len(_listeners(data)):
        data["listener"].append({})
    table: Any = data
    for step in path[:-1]:
        table = table.setdefault(step, {}) if isinstance(table, dict) else table[step]
        if not isinstance(table, dict | list):
            return  # the file has no table here, which is reported for itself
    key = str(path[-1])
    for pair in _EITHER_OR:
        if key in pair and text and not (key == "sandbox" and TRUTH.get(text.strip().lower()) is False):
            (other,) = set(pair) - {key}
            if (*path[:-1], other) not in sources:
                table.pop(other, None)
    table[key] = _value(path, text)


def _value(path: KeyPath, text: str) -> object:
    """The text, or what it stands for: the items of a list between commas, a yes or no, a number."""
    table = table_at(path[:-1])
    annotation = table.model_fields[str(path[-1])].annotation if table else None
    if get_origin(annotation) is tuple:
        return [item.strip() for item in text.split(",") if item.strip()]
    if annotation is bool:
        return TRUTH.get(text.strip().lower(), text)
    if annotation is int and _WHOLE_NUMBER.fullmatch(text.strip()):
        return int(text)
    return text
