"""Prints relay.toml and docs/configuration.md from the settings, so that neither can fall behind.

``python -m config.reference`` writes both into the project's folder; a test compares them with what stands there.
Decides only how defaults are spelt and laid out; defaults and comments are settings.py's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.settings import Listener, Settings, Upstream
from config.table import Table
from config.units import format_duration, format_size

_COMMENT_COLUMN = 32
_SIZES = frozenset({"max_size", "message_size", "line_length", "in_flight"})

_FILE_HEAD = """\
# Every setting of mailglass at its default. Delete what you do not change, or leave it: both mean the same.
# Each can be given in the environment too, as MAILGLASS_SECTION__KEY. Relative paths start at this file's folder.
"""

_PAGE_HEAD = """\
# Configuration

This page and the `relay.toml` in the repository are printed from `config/settings.py` (`python -m config.reference`).

`mailglass check` reads the configuration and the certificates, keys and lists that it names, and lists every fault with
its place; a fault ends any command with exit status 78. An unknown key is a fault, with a suggestion.

**Environment.** Every setting can be given as `MAILGLASS_SECTION__KEY`, which wins over the file:
`MAILGLASS_DATA_DIR=/srv/mailglass`, `MAILGLASS_LISTENER__0__BIND=127.0.0.1:2525`,
`MAILGLASS_UPSTREAM__DEFAULT__HOST=smtp.example.com`. Lists are separated by commas. A name with a double underscore
that is no setting is a fault, and so is one without that nearly spells a setting (`MAILGLASS_TRACKING_PUBLIC_URL`);
other names beginning so are not mailglass's, such as those of Docker's links and Kubernetes' services.

**Secrets.** `password_file` and `url_file` name a file that holds the secret alone (a line end after it does not
count), in the file or in the environment. Secrets are never shown or logged.

**Spelling.** Sizes: `"500kB"`, `"32MB"` (1 MB is 1,000,000 bytes). Durations: `"30s"`, `"5m"`, `"12h"`, `"400d"`.
Relative paths start at the configuration file's folder, the file of the ledger's database at `data_dir`.
"""


def spelt(name: str, value: object) -> str:
    """The value as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if name in _SIZES:
            return f'"{format_size(value)}"'
        case int():
            return str(value)
        case timedelta():
            return f'"{format_duration(value)}"'
        case None | SecretStr():
            return '""'
        case tuple():
            return "[" + ", ".join(spelt(name, item) for item in value) + "]"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def relay_toml() -> str:
    """The text of relay.toml: every setting at its default with its one-line comment, and a sandbox upstream."""
    blocks = [_FILE_HEAD, "".join(_lines(Settings, "data_dir"))]
    for heading, table in _sections():
        body = "".join(_upstream_lines() if table is Upstream else _lines(table, *table.model_fields))
        blocks.append(f"# {_first_line(table)}\n{heading}\n{body}")
    return "\n".join(blocks)


def configuration_page() -> str:
    """The text of docs/configuration.md."""
    blocks = [_PAGE_HEAD, _rows("Top level", "Where things are kept.", Settings, ("data_dir",))]
    blocks += (
        _rows(f"`{heading}`", _first_line(table), table, tuple(table.model_fields)) for heading, table in _sections()
    )
    return "\n".join(blocks)


def write(folder: Path) -> None:
    """Writes both files into the project's folder."""
    (folder / "relay.toml").write_text(relay_toml(), encoding="utf-8")
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "configuration.md").write_text(configuration_page(), encoding="utf-8")


def _sections() -> Iterator[tuple[str, type[Table]]]:
    for name, field in Settings.model_fields.items():
        if name == "listener":
            yield "[[listener]]", Listener
        elif name == "upstream":
            yield "[upstream.default]", Upstream
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Table):
            yield f"[{name}]", field.annotation


def _first_line(table: type[Table]) -> str:
    return (table.__doc__ or "").splitlines()[0]


def _lines(table: type[Table], *names: str) -> Iterator[str]:
    for name in names:
        field = table.model_fields[name]
        yield _line(f"{name} = {spelt(name, field.default)}", field)


def _upstream_lines() -> Iterator[str]:
    for name, field in Upstream.model_fields.items():
        value = "smtp.example.com" if name == "host" else field.default
        yield (
            _line("sandbox = true", field) if name == "sandbox" else _line(f"# {name} = {spelt(name, value)}", field)
        )


def _line(setting: str, field: FieldInfo) -> str:
    return f"{setting:<{_COMMENT_COLUMN - 2}}  # {field.description}\n"


def _rows(heading: str, sentence: str, table: type[Table], names: tuple[str, ...]) -> str:
    rows = "".join(
        f"| `{name}` | `{spelt(name, table.model_fields[name].default)}` | {_cell(table.model_fields[name])} |\n"
        for name in names
    )
    return f"## {heading}\n\n{sentence}\n\n| setting | default | meaning |\n|---|---|---|\n{rows}"


def _cell(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[1])
