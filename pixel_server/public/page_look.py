"""How the few pages for recipients look, and the headers they go out with: no script, no cookie, nothing from
elsewhere, seen by nobody who was not given the link."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.3; }
section { border: 1px solid var(--line); border-radius: .75rem; padding: .5rem 1.25rem; margin: 1.25rem 0; }
[role=status] { border-left: .3rem solid #2a7d4f; padding: .25rem 1rem; }
button { font: inherit; padding: .6rem 1.1rem; border-radius: .5rem; border: 1px solid var(--line); cursor: pointer; }
form { display: inline-block; margin: .25rem .75rem .25rem 0; }
nav { font-size: .9rem; }
"""
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
