"""Reads the tables of signs from the files beside it, and network lists that the operator supplies.

A faulty list is ``SignsFault``, with file and line. Fetches nothing from anywhere.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from pixel_server.public.signs.networks import NetworkTable, Span
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
_SEPARATOR = re.compile(r"[\s,]+")
_ASN = re.compile(r"AS\d{1,10}", re.ASCII)
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
    supplied = _supplied(networks_file) if networks_file else {}
    return Signs(
        tokens={**tokens, Sign.PROGRAM: (*tokens[Sign.PROGRAM], *more)},
        filters=NetworkTable((span, 0) for span in _shipped(networks["filter"]) + supplied.get("filter", [])),
        apple_relay=NetworkTable(
            (span, 0) for span in _shipped(networks["apple_relay"]) + supplied.get("apple-relay", [])
        ),
        vendor_asns=frozenset(entry["asn"] for entry in networks["vendor"]),
        asns=NetworkTable(
            (span, int(label[2:])) for label, spans in supplied.items() if label.startswith("AS") for span in spans
        ),
        checked=max(table["checked"] for table in [*tables.values(), networks]).isoformat(),
    )


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text("utf-8"))


def _tokens(table: dict[str, Any]) -> Iterator[Token]:
    people = re.compile(table["people"], re.VERBOSE) if "people" in table else None
    for entry in table["signs"]:
        for word in entry["words"]:
            yield Token(word, _condition(word, entry), people if entry.get("alone") else None)


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


def _shipped(entries: list[dict[str, Any]]) -> list[Span]:
    return [_span(entry["network"]) for entry in entries]


def _supplied(path: Path) -> dict[str, list[Span]]:
    """The networks of the operator's lists, by what they are."""
    found: dict[str, list[Span]] = defaultdict(list)
    try:
        for source in sorted(path.iterdir()) if path.is_dir() else [path]:
            with source.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    entry = line.partition("#")[0].strip()
                    if entry:
                        label, span = _entry(entry, source, number)
                        found[label].append(span)
    except OSError as error:
        raise SignsFault(f"{error.filename or path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SignsFault(f"{source} is not UTF-8") from error
    return found


def _entry(line: str, source: Path, number: int) -> tuple[str, Span]:
    network, label, *_ = [*_SEPARATOR.split(line, 2), ""]
    try:
        span = _span(network)
    except (ValueError, OSError) as error:
        raise SignsFault(f"{source}, line {number}: {network!r} is no network") from error
    if label in ("filter", "apple-relay") or _ASN.fullmatch(label):
        return label, span
    if not label or (len(label) == 2 and label.isupper()):  # as Apple publishes it: network,country,region,city,
        return "apple-relay", span
    raise SignsFault(f'{source}, line {number}: {label!r} is neither "filter", "apple-relay" nor a number like AS64496')


def _span(text: str) -> Span:
    """By the system's own reading of addresses, since lists can be long. Raises ValueError or OSError."""
    address, slash, bits = text.partition("/")
    version = 6 if ":" in address else 4
    raw = inet_pton(AF_INET6 if version == 6 else AF_INET, address)
    width = len(raw) * 8
    free = width - int(bits) if slash else 0
    if not 0 <= free <= width:
        raise ValueError(f"/{bits} is too long")
    first = int.from_bytes(raw, "big") >> free << free
    return version, first, first + (1 << free) - 1
