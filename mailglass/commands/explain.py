"""``mailglass explain``: what would be tracked in a message, what not, and why, in words.

Decides how a message without opt-in is explained: its verdict first, and then what would happen if it asked. What is
done to a message is decided in ``relay.rewriting``. Nothing is recorded, nothing sent, no key is needed.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Listener, Settings
from ledger.message_id import MessageId
from ledger.reason_words import Words
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar
from mailglass.commands.options import DEFAULT_CONFIG, Config, ListenerName, listener_named, settings_from_file
from mailglass.failures import Failed
from relay.rewriting.explain import explanation
from relay.rewriting.optin import OptInPolicy, decide, under_ceiling
from relay.rewriting.plan import Tracked, Unchanged, Wanted
from relay.rewriting.worker import RewritingWorker
from relay.tracking_rules import plan_for


class Lang(StrEnum):
    EN = "en"
    JA = "ja"


# X-Track-Tag or X-Track-Individually alone are a wish for nothing: the reply is silent then, so here it is said.
_NONE_ASKS = Words(
    "It has headers for tracking, and none of them asks for any: X-Track: all does.",
    "追跡用のヘッダーはありますが、追跡を求めるものがありません。X-Track: all を付けてください。",
)
_IF_ASKED = Words("If it asked for tracking (X-Track: all):", "追跡を指定した場合（X-Track: all）:")


def explain(
    file: Annotated[str, typer.Argument(metavar="FILE", help="a message, or - for stdin")],
    opens: Annotated[bool, typer.Option("--opens", help="as if an open pixel were asked for")] = False,
    links: Annotated[bool, typer.Option("--links", help="as if tracked links were asked for")] = False,
    text_links: Annotated[bool, typer.Option("--text-links", help="as if tracked links in plain text were")] = False,
    listener: ListenerName = "",
    lang: Annotated[Lang, typer.Option("--lang", help="language of the explanation")] = Lang.EN,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Say what of a message would be tracked, what not, and why."""
    settings = settings_from_file(config)
    at = listener_named(settings, listener)
    raw = _read(file)
    worker = RewritingWorker()
    try:
        typer.echo(
            _explained(raw, settings, _wanted(raw, settings, at, Wanted(opens, links, text_links)), worker, lang)
        )
    finally:
        worker.close()


def _explained(raw: bytes, settings: Settings, wanted: Wanted, worker: RewritingWorker, lang: str) -> str:
    paragraphs = [explanation(_outcome(raw, settings, wanted, worker), lang, wanted.notes)]
    if not _asks(wanted) and wanted.header_edits:
        paragraphs += ["", _NONE_ASKS.in_language(lang)]
    if not _asks(wanted) and settings.tracking.identity != "off":
        would = replace(wanted, opens=True, html_links=True, asked=True)
        supposed = explanation(_outcome(raw, settings, would, worker), lang)
        paragraphs += ["", _IF_ASKED.in_language(lang), *(f"  {line}".rstrip() for line in supposed.splitlines())]
    return "\n".join(paragraphs)


def _wanted(raw: bytes, settings: Settings, listener: Listener, flags: Wanted) -> Wanted:
    tracking = settings.tracking
    asked = decide(raw, OptInPolicy(listener.default, tracking.dialects, tracking.subject_tag))
    both = replace(
        asked,
        opens=asked.opens or flags.opens,
        html_links=asked.html_links or flags.html_links,
        text_links=asked.text_links or flags.text_links,
    )
    return under_ceiling(both, tracking.identity)


def _asks(wanted: Wanted) -> bool:
    return wanted.opens or wanted.html_links or wanted.text_links


def _outcome(raw: bytes, settings: Settings, wanted: Wanted, worker: RewritingWorker) -> Tracked | Unchanged:
    # The tokens of an explanation are shown to nobody, so it needs no key of the installation.
    urls = TrackingUrls(UrlGrammar(settings.tracking.public_url), KeyRing({1: bytes(32)}), MessageId(bytes(16)))
    return worker.rewrite(raw, plan_for(settings, wanted), urls)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as fault:
        raise Failed(f"cannot read {file}: {fault.strerror}") from None
