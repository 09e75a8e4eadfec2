"""How the API answers: JSON with an ETag, lists in their envelope, and faults that name the parameter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web


def answer(request: web.Request, value: Any) -> web.Response:
    """The value as JSON; 304 without it when the caller has just that (RFC 9110 section 13.1.2)."""
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    tag = hashlib.sha256(raw).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    known = request.if_none_match or ()
    if request.method in ("GET", "HEAD") and any(one.value in (tag, "*") for one in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=raw, content_type="application/json", headers=headers)


def answer_list(request: web.Request, items: list[dict[str, Any]], following: str | None) -> web.Response:
    return answer(request, {"items": items, "next": following})


def refuse_faults(faults: Mapping[str, str]) -> None:
    """Raises HTTPBadRequest that names every parameter at fault."""
    if faults:
        raise web.HTTPBadRequest(text="; ".join(f"{name} {reason}" for name, reason in sorted(faults.items())))


def refuse_unknown(request: web.Request, known: Collection[str]) -> None:
    """A misspelt filter must not be taken for no filter."""
    unknown = [name for name in request.query if name not in known]
    repeated = [name for name in dict.fromkeys(request.query) if len(request.query.getall(name)) > 1]
    faults = {ascii(name)[1:-1][:40]: "is not known here" for name in unknown}
    refuse_faults(faults | {ascii(name)[1:-1][:40]: "is given more than once" for name in repeated})
