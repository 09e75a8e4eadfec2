"""Values into pages: one Jinja environment a language, and what every page of a logged-in reader shows round it.

All values are escaped by Jinja; nothing here marks a value as safe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ledger.people import ERASED
from ledger.queries.activity import count_unread, newest_hit_id
from pixel_server.dashboard.keys import DESK, READER, WORDING, Reader
from pixel_server.dashboard.languages import Language, codes, language
from pixel_server.dashboard.links import decoded_host
from pixel_server.dashboard.note_words import address_in, note_in
from pixel_server.dashboard.reasons import CONFIDENCE_WORDS, STATE_WORDS
from pixel_server.dashboard.sessions import form_token
from pixel_server.dashboard.visitors import way_back
from pixel_server.dashboard.wording import fill_of

if TYPE_CHECKING:
    from jinja2 import Environment

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class MenuEntry:
    path: str
    name: str
    icon: str
    here: bool


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Our own files by name, with their version; read once."""
    files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in TYPES}
    return {name: (raw, hashlib.sha256(raw).hexdigest()[:12]) for name, raw in files.items()}


def static_path(name: str) -> str:
    return f"/static/{name}?v={static_files()[name][1]}"


@cache
def environment(code: str) -> Environment:
    # 2 MB and a twentieth of a second, which a relay whose pages nobody opens can do without.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # noqa: PLC0415

    spoken: Language = language(code)
    made = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.install_gettext_translations(spoken.sentences, newstyle=True)  # type: ignore[attr-defined]
    say = spoken.sentences.gettext
    made.filters |= {"note": partial(note_in, say), "address": partial(address_in, say)}
    made.globals |= {
        "static": static_path,
        "fill_of": fill_of,
        "erased": ERASED,
        "host_of": decoded_host,
        "state_words": STATE_WORDS,
        "confidence_words": CONFIDENCE_WORDS,
    }
    return made


def answer_json(value: Any, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(value, ensure_ascii=False), status=status, content_type="application/json")


async def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """The page for whoever asks: with the menu and the bell for a reader, without them for a stranger."""
    reader = request.get(READER)
    words = request[WORDING]
    context: dict[str, Any] = {"words": words, "reader": reader, "csrf": ""}
    if reader is not None:
        context |= await _round_it(request, reader)
    html = environment(words.language.code).get_template(template).render(context | values)
    return web.Response(text=html, status=status, content_type="text/html")


async def _round_it(request: web.Request, reader: Reader) -> dict[str, Any]:
    desk = request.app[DESK]
    async with desk.ledger.read() as connection:
        unread = await count_unread(connection, reader.viewer, reader.account.seen_hit_seq)
        last_hit = await newest_hit_id(connection)
    return {
        "csrf": form_token(reader.session),
        "here": way_back(request),
        "menu": _menu(request),
        "unread": unread,
        "last_hit": last_hit,
        "ledger_fault": desk.ledger.fault,
        "languages": [language(code) for code in codes()],
    }


def _menu(request: web.Request) -> list[MenuEntry]:
    say = request[WORDING]._
    entries = [
        ("/messages", say("Messages"), "messages"),
        ("/activity", say("Activity"), "activity"),
        ("/statistics", say("Statistics"), "statistics"),
        ("/people", say("People"), "people"),
        ("/outbox", say("Outbox"), "outbox"),
        ("/set-up", say("Set-up"), "set-up"),
        ("/settings", say("Settings"), "settings"),
    ]
    left_out = {
        "outbox": not request.app[DESK].settings.sandboxed,
        "people": not request[READER].account.admin,
    }
    return [
        MenuEntry(path, name, icon, request.path == path or request.path.startswith(path + "/"))
        for path, name, icon in entries
        if not left_out.get(icon)
    ]
