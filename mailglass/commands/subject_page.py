"""The export of a person's data as a page for reading. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ledger.people import ERASED

_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>What is kept about you</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #ccc}
</style>
"""


def subject_page(exported: Mapping[str, Any]) -> str:
    """HTML for what ``mailglass subject-export`` prints."""
    parts = [_HEAD, f"<h1>What is kept about {escape(exported['address'])}</h1>"]
    parts.append(f"<p>Drawn up on {escape(str(exported['exported_at']))}.</p><h2>Messages to you</h2>")
    for message in exported["messages"]:
        parts.append(
            f"<h3>{escape(message['subject'] or '(no subject)')}</h3>"
            f"<p>From {escape(_sender(message['sender']))}, {escape(str(message['submitted_at']))}.</p>"
        )
        parts.append(_table(message["hits"], ("at", "kind", "link", "class", "user_agent", "ip")))
        if message["days"]:
            parts.append("<p>Of earlier records only numbers a day are left.</p>")
            parts.append(_table(message["days"], ("day", "kind", "link", "class", "number")))
        parts.append(_table([{"what": name, "is": value} for name, value in message["kept"].items()], ("what", "is")))
        if not message["assignable"]:
            parts.append("<p>It went to several people in one copy: what was recorded cannot be assigned to you.</p>")
    parts.append("<h2>Consents</h2>")
    consents = [{**one, "sender": _sender(one["sender"])} for one in exported["consents"]]
    parts.append(_table(consents, ("at", "action", "purpose", "sender", "method", "evidence")))
    for version, text in exported["texts"].items():
        parts.append(f"<h3>Text shown to you</h3><p><small>{escape(version)}</small></p><p>{escape(text)}</p>")
    return "".join(parts) + "</html>\n"


def _sender(name: str) -> str:
    return "a sender who was erased" if name == ERASED else name


def _table(rows: Sequence[Mapping[str, Any]], columns: tuple[str, ...]) -> str:
    if not rows:
        return "<p>Nothing.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row.get(name) or ''))}</td>" for name in columns) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
