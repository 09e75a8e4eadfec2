"""Reads the tables of signs from the files beside it, and network lists that the operator supplies.

A faulty list is ``SignsFault``, with file and line. Fetches nothing from anywhere.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pixel_server.public.signs.networks import Network, NetworkTable
from pixel_server.public.signs.tables import Sign, Signs, Token

_FILES = {
    Sign.SCANNER: "scanners.toml",
    Sign.GMAIL_PREFETCH: "gmail_prefetch.toml",
    Sign.IMAGE_PROXY: "image_proxies.toml",
    Sign.PREVIEW: "previews.toml",
    Sign.OFFICE: "office.toml",
    Sign.MAIL_CLIENT: "mail_clients.toml",
    Sign.PROGRAM: "programs.toml",
}
_CRAWLER_LIST = "crawleruseragents"  # of the package crawler-user-agents


class SignsFault(ValueError):
    """A network list cannot be read; the text names file and line."""


def load_signs(networks_file: Path | None = None, crawler_list: bool = False) -> Signs:
    """All tables; ``networks_file`` is a list of the operator's (or a folder of them), in the form of docs/classes.md.

    ``crawler_list`` adds the patterns of the package crawler-user-agents to R20. They find more machines and take
    some people's programs for machines, so they are asked for, never used because they happen to be installed.
    Raises SignsFault when a list is missing or cannot be read.
    """
    tables = {sign: _table(name) for sign, name in _FILES.items()}
    tokens = {sign: tuple(_tokens(table)) for sign, table in tables.items()}
    more = _crawlers() if crawler_list else ()
    networks = _table("networks.toml")
    supplied = list(_supplied(networks_file)) if networks_file else []
    return Signs(
        tokens={**tokens, Sign.PROGRAM: (*tokens[Sign.PROGRAM], *more)},
        filters=NetworkTable(_networks(networks["filter"], supplied, "filter")),
        apple_relay=NetworkTable(_networks(networks["apple_relay"], supplied, "apple-relay")),
        vendor_asns=frozenset(entry["asn"] for entry in networks["vendor"]),
        asns=NetworkTable([(network, int(label[2:])) for network, label in supplied if label.startswith("AS")]),
        checked=max(table["checked"] for table in [*tables.values(), networks]).isoformat(),
    )


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text("utf-8"))


def _tokens(table: dict[str, Any]) -> Iterator[Token]:
    for entry in table["signs"]:
        for word in entry["words"]:
            yield Token(word, _condition(word, entry))


def _condition(word: str, entry: dict[str, Any]) -> re.Pattern[str] | None:
    escaped = re.escape(word)
    match entry.get("place", "regex" if "regex" in entry else "anywhere"):
        case "anywhere":
            return None
        case "start":
            pattern = f"^{escaped}"
        case "end":
            pattern = f"{escaped}$"
        case "whole":
            before = r"(?<!\w)" if word[0].isalnum() else ""
            after = r"(?!\w)" if word[-1].isalnum() else ""
            pattern = before + escaped + after
        case _:
            pattern = entry["regex"]
    return re.compile(pattern, re.IGNORECASE)


def _crawlers() -> Iterator[Token]:
    spec = find_spec(_CRAWLER_LIST)
    if spec is None or not spec.submodule_search_locations:
        raise SignsFault("the package crawler-user-agents is not installed")
    path = Path(spec.submodule_search_locations[0]) / "crawler-user-agents.json"
    for entry in json.loads(path.read_text("utf-8")):
        yield _crawler(entry["pattern"])


def _crawler(pattern: str) -> Token:
    # Most of that list's patterns are plain words with escaped punctuation: those are looked for as words first.
    without_escapes = re.sub(r"\\[^\w\s]", "", pattern)
    is_word = not re.search(r"[\\^$.*+?()\[\]{}|]", without_escapes)
    word = re.sub(r"\\([^\w\s])", r"\1", pattern) if is_word else ""
    return Token(word, re.compile(pattern))


def _networks(
    entries: list[dict[str, Any]], supplied: list[tuple[Network, str]], label: str
) -> list[tuple[Network, int]]:
    shipped = [(ip_network(entry["network"]), 0) for entry in entries]
    return shipped + [(network, 0) for network, theirs in supplied if theirs == label]


def _supplied(path: Path) -> Iterator[tuple[Network, str]]:
    try:
        sources = sorted(path.iterdir()) if path.is_dir() else [path]
        for source in sources:
            for number, line in enumerate(source.read_text("utf-8").splitlines(), 1):
                entry = line.partition("#")[0].strip()
                if entry:
                    yield _entry(entry, f"{source}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise SignsFault(f"{path}: {error}") from error


def _entry(line: str, place: str) -> tuple[Network, str]:
    network, label, *_ = [*re.split(r"[\s,]+", line), ""]
    try:
        parsed = ip_network(network, strict=False)
    except ValueError as error:
        raise SignsFault(f"{place}: {network!r} is no network") from error
    if label in ("filter", "apple-relay") or re.fullmatch(r"AS\d{1,10}", label):
        return parsed, label
    if re.fullmatch(r"[A-Z]{2}|", label):  # as Apple publishes it: network,country,region,city,
        return parsed, "apple-relay"
    raise SignsFault(f'{place}: {label!r} is neither "filter", "apple-relay" nor a number like AS64496')
