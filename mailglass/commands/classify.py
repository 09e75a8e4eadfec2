"""``mailglass classify``: tries the rules on hits given as JSON, one verdict a line.

Reads the form of the labelled hits (method, path_kind, headers, ip, delay_s, context), as JSON lines, as an array, or
as an object with "vectors". Decides nothing itself; reads no ledger.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from config.settings import Hits
from mailglass.commands.labelled_hits import LabelledHit, LabelledHitFault, read_hit
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.failures import Failed
from pixel_server.public.classify import decide
from pixel_server.public.signs.loading import SignsFault, load_signs
from pixel_server.public.signs.tables import Signs, observe
from pixel_server.public.windows import Windows, windows_from
from pixel_server.rule_words import words_of

File = Annotated[str, typer.Argument(metavar="[FILE|-]", help='hits as JSON lines, an array or {"vectors": …}')]
Networks = Annotated[Path | None, typer.Option(help="network lists, as in [hits] networks_file")]
Crawlers = Annotated[bool, typer.Option("--crawler-list", help="also ask the package crawler-user-agents (R20)")]
Why = Annotated[bool, typer.Option("--why", help="add what the rule says and what it matched")]


def classify(
    file: File = "-",
    config: Config = DEFAULT_CONFIG,
    networks: Networks = None,
    crawler_list: Crawlers = False,
    why: Why = False,
) -> None:
    """Say who made each hit: class, confidence and rule, one JSON line a hit.

    A hit looks like this; all but path_kind may be left out:

    \b
      {"path_kind": "pixel", "headers": {"User-Agent": "curl/8.5"}, "ip": "192.0.2.7", "delay_s": 90}
    """
    # Rules can be tried without an installation; the file's windows and lists count where there is one.
    hits = settings_from_file(config).hits if config != DEFAULT_CONFIG or config.exists() else Hits()
    windows = windows_from(hits)
    try:
        signs = load_signs(networks or hits.networks_file, crawler_list)
    except SignsFault as error:
        _leave(str(error), 2)
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except OSError as fault:
        raise Failed(f"cannot read {file}: {fault.strerror or fault}") from None
    except UnicodeDecodeError:
        raise Failed(f"cannot read {file}: it is not UTF-8") from None
    faults = 0
    for place, value in _values(text):
        try:
            hit = read_hit(value)
        except LabelledHitFault as error:
            faults += 1
            typer.echo(f"{place}: {error}", err=True)
        else:
            typer.echo(json.dumps(answer(hit, signs, windows, why), ensure_ascii=False))
    if faults:
        _leave(f"{faults} could not be read", 1)


def answer(hit: LabelledHit, signs: Signs, windows: Windows, why: bool = False) -> dict[str, object]:
    """What is printed for one hit."""
    marks = observe(hit.facts, signs, hit.context.asn)
    verdict = decide(marks, hit.context, windows)
    said: dict[str, object] = {
        "class": str(verdict.hit_class), "confidence": str(verdict.confidence), "rule": verdict.rule,
    }  # fmt: skip
    if why:
        said["why"] = words_of(verdict.rule, "en")
        said["signs"] = {str(sign): text for sign, text in marks.tokens.items()}
        said["networks"] = sorted(map(str, marks.networks))
    return said


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """Each hit with the words for its place; what is no JSON comes out as the fault itself."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(text)
        return
    if isinstance(whole, dict) and isinstance(whole.get("vectors"), list):
        whole = whole["vectors"]
    if isinstance(whole, list):
        yield from ((f"hit {number}", value) for number, value in enumerate(whole, 1))
    else:
        yield "line 1", whole


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number}", LabelledHitFault(f"no JSON: {error}")


def _leave(words: str, status: int) -> None:
    typer.echo(f"mailglass classify: {words}", err=True)
    raise typer.Exit(status)
