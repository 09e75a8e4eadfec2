"""Reads one hit in the form of the labelled hits: what was asked, and what was known round it. Pure.

A hit as ``mailglass hits --json`` prints it is one too: of its headers there is the user agent, as far as it was kept.
What cannot be read is ``LabelledHitFault``, naming the key. Keys that say nothing here (id, expect, note) are let be,
and null is the same as no key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.records import HitFacts, HitKind
from pixel_server.public.classify import HitContext, Neighbours
from pixel_server.public.windows import Windows

_KINDS = {"pixel": HitKind.OPEN, "open": HitKind.OPEN, "click": HitKind.CLICK, "link": HitKind.CLICK}
_OWN_SESSION = ("own_cookie", "own_session", "dashboard_session")
_OWN_NETWORK = ("own_ip_match", "own_network_match", "session_ip_match", "submission_ip_match")
_LINKS_WITHIN = re.compile(r"(?:distinct_)?links_(?:same|from)_source(?:_within_(\d+(?:\.\d+)?)_?s)?")
# A browser's own request for the link, after an Office program looked: told as yes or no, or as seconds until it came.
_BROWSER = re.compile(r"(?P<none>no_|not_|without_)?(?:\w+_)?(?:browser|follow(?:s|ed|up)?)(?:_\w+)?")


class LabelledHitFault(ValueError):
    """A hit that cannot be read; the text says what is wrong with which key."""


@dataclass(frozen=True, slots=True)
class LabelledHit:
    """One hit as told."""

    facts: HitFacts
    context: HitContext


def read_hit(value: Any) -> LabelledHit:
    """The hit a JSON value tells. Raises LabelledHitFault."""
    if isinstance(value, LabelledHitFault):
        raise value
    if not isinstance(value, dict):
        raise LabelledHitFault("a hit is a JSON object")
    kind = _KINDS.get((_text(value, "path_kind", "") or _text(value, "kind", "")).lower())
    if kind is None:
        raise LabelledHitFault('path_kind must be "pixel" or "click"')
    told = value.get("context") or {}
    if not isinstance(told, dict):
        raise LabelledHitFault("context must be an object")
    headers = _headers(value.get("headers"))
    agent = _text(value, "user_agent", "")
    if agent and "headers" not in value:
        headers = {"User-Agent": agent}
    facts = HitFacts(_text(value, "method", "GET"), headers, _text(value, "ip", "").partition("/")[0])
    return LabelledHit(facts, _context(kind, _number(value, "delay_s"), told))


def _context(kind: HitKind, delay: float | None, told: Mapping[str, Any]) -> HitContext:
    asn, links = _whole(told, "asn"), _whole(told, "links_in_message")
    neighbours = Neighbours(_links_from_source(told), links, _followed(told))
    return HitContext(
        kind,
        delay,
        own_session=any(_flag(told, key) for key in _OWN_SESSION),
        own_network_match=any(_flag(told, key) for key in _OWN_NETWORK),
        neighbours=neighbours,
        loopback=_flag(told, "loopback"),
        asn=asn,
    )


def _links_from_source(told: Mapping[str, Any]) -> int:
    counts = [1]
    for key in told:
        match = _LINKS_WITHIN.fullmatch(key)
        if match and (match[1] is None or float(match[1]) <= Windows().burst):
            counts.append(_whole(told, key) or 1)
    return max(counts)


def _followed(told: Mapping[str, Any]) -> bool | None:
    for key, value in told.items():
        match = _BROWSER.fullmatch(key)
        if match is None:
            continue
        if isinstance(value, bool):
            return value is not bool(match["none"])
        if isinstance(value, int | float):
            return 0 <= value <= Windows().office_browser
        if value is None and key.endswith(("_s", "_seconds")) and "within" not in key:
            return False  # so many seconds until it came, and it never did
    return None


def _headers(value: Any) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(text is None or isinstance(text, str) for text in value.values()):
        raise LabelledHitFault("headers must be an object of strings")
    return {name: text for name, text in value.items() if text is not None}


def _text(value: Mapping[str, Any], key: str, default: str) -> str:
    found = value.get(key, default)
    if found is None:
        return default
    if not isinstance(found, str):
        raise LabelledHitFault(f"{key} must be text")
    return found


def _number(value: Mapping[str, Any], key: str) -> float | None:
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise LabelledHitFault(f"{key} must be a number")
    return float(found)


def _whole(value: Mapping[str, Any], key: str) -> int | None:
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int):
        raise LabelledHitFault(f"context.{key} must be a whole number")
    return found


def _flag(value: Mapping[str, Any], key: str) -> bool:
    found = value.get(key)
    if found is None:
        return False
    if not isinstance(found, bool):
        raise LabelledHitFault(f"context.{key} must be true or false")
    return found
