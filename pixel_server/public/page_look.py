"""How the few pages for recipients look, and the headers they go out with: no script, no cookie, nothing from
elsewhere, seen by nobody who was not given the link."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from html import escape

from aiohttp import web

STYLE = """
:root { color-scheme: light dark; --line: #8887; --accent: #1f6f47; --on-accent: #fff; --quiet: #5a5f66; }
@media (prefers-color-scheme: dark) { :root { --accent: #7fd3a5; --on-accent: #10221a; --quiet: #a6adb5; } }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 2rem auto 3rem; padding: 0 1.25rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 1.5rem 0 1rem; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 0; }
h2 + p { margin-top: .15rem; }
section, fieldset { border: 1px solid var(--line); border-radius: .75rem; padding: .5rem 1.25rem; margin: 1.25rem 0; }
legend { padding: 0; margin: .5rem 0; float: left; width: 100%; }
label { display: flex; gap: .75rem; align-items: baseline; padding: .35rem 0; clear: both; cursor: pointer; }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; flex: none; accent-color: var(--accent);
  transform: translateY(.15rem); }
[role=status] { border-left: .3rem solid var(--accent); padding: .25rem 1rem; }
button { font: inherit; font-weight: 600; padding: .65rem 1.3rem; margin: .25rem .75rem .25rem 0; min-height: 2.75rem;
  border-radius: .5rem; border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent);
  cursor: pointer; }
button.plain { background: transparent; color: inherit; border-color: var(--line); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
a { color: inherit; }
nav, footer { font-size: .9rem; color: var(--quiet); display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
nav a, footer a { padding: .35rem 0; }
footer { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: .5rem; }
"""
PAGE_LANGUAGES = ("en", "ja", "de", "fr", "it")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'",
    ),
)


def page(language: str, title: str, body: str, languages: Mapping[str, str], footer: str = "") -> str:
    """A whole page; ``body`` and ``footer`` are HTML. ``languages``: codes and own names of all it can be read in."""
    others = " ".join(
        f'<a href="?lang={code}" lang="{code}" hreflang="{code}">{escape(name)}</a>'
        for code, name in languages.items()
        if code != language
    )
    if language == "fr":  # its double punctuation must not begin a line
        body = re.sub(r" (?=[?!:;])", "\u00a0", body)
    nav = f"<nav>{others}</nav>\n" if others else ""
    foot = f"<footer>{footer}</footer>\n" if footer else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{nav}<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n{foot}</body>\n</html>\n"
    )


def language_for(request: web.BaseRequest, otherwise: str) -> str:
    """What the reader chose on the page, else what their browser asks for, else the installation's."""
    chosen = request.query.get("lang", "")
    if chosen in PAGE_LANGUAGES:
        return chosen
    wishes = []
    for item in request.headers.get("Accept-Language", "")[:500].split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((code for _, code in sorted(wishes, key=lambda wish: wish[0]) if code in PAGE_LANGUAGES), otherwise)
