"""The API described for programs: OpenAPI 3.1, made from the words that the handlers use. Pure but for its route."""

from __future__ import annotations

from functools import cache
from typing import Any

from aiohttp import web

from ledger.consent_events import ConsentPurpose
from ledger.queries.messages import HIGHEST_LIMIT
from ledger.records import Confidence, HitClass, HitKind, LinkReason, Reason, State
from pixel_server.dashboard.api.replies import answer
from pixel_server.dashboard.filters import LONGEST_DAYS, LONGEST_TEXT

ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
# Narrower than what is understood, so that whatever fits is taken: plain mail addresses, days that every month has.
ADDRESS = "^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,250}$"
MOMENT = "^(2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?)?$"
MESSAGE_CURSOR = "^([0-9]{1,18}(\\.[0-9]{1,18})?)?$"
HIT_CURSOR = "^([0-9]{1,18})?$"
NO_NUL = "^[^\\u0000]*$"


async def show_description(request: web.Request) -> web.Response:
    return answer(request, description())


@cache
def description() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailglass",
            "version": "1",
            "description": "Messages, hits and numbers of one installation. Lists are newest first; times are UTC.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
            "responses": _responses(),
        },
    }


def _paths() -> dict[str, Any]:
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": ULID}}
    address = {"name": "address", "in": "path", "required": True, "schema": {"type": "string", "pattern": ADDRESS}}
    return {
        "/api/v1/messages": {"get": _asks("List messages", "MessageList", _message_filters())},
        "/api/v1/messages/{id}": {"get": _asks("One message", "MessageDetail", [one], missing=True)},
        "/api/v1/messages/{id}/stop": {"post": _asks("Stop recording", "MessageDetail", [one], missing=True)},
        "/api/v1/hits": {"get": _asks("List hits", "HitList", _hit_filters())},
        "/api/v1/stats": {
            "get": _asks("Numbers of a time", "Stats", [_parameter("from", _MOMENT), _parameter("to", _MOMENT)])
        },
        "/api/v1/consents": {
            "get": _asks("List people", "ConsentList", [_text("q"), _limit(), _text("cursor")]),
            "post": _asks("Record a consent", "Consent", [], body="NewConsent", status="201"),
        },
        "/api/v1/subjects/{address}": {
            "get": _asks("Everything kept about a person", "Subject", [address]),
            "delete": _asks("Erase a person", "Erased", [address]),
        },
        "/api/v1/events": {"get": _events()},
    }


def _asks(
    summary: str, schema: str, parameters: list[dict[str, Any]], missing: bool = False, body: str = "",
    status: str = "200",
) -> dict[str, Any]:  # fmt: skip
    refusals = {code: {"$ref": f"#/components/responses/{code}"} for code in ("401", "403", "400", "429", "503")}
    if missing:
        refusals["404"] = {"$ref": "#/components/responses/404"}
    operation: dict[str, Any] = {
        "summary": summary,
        "operationId": summary.lower().replace(" ", "-"),
        "parameters": parameters,
        "responses": {status: _json(summary, _ref(schema)), **refusals},
    }
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return operation


def _events() -> dict[str, Any]:
    last = {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}}
    return {
        "summary": "Hits and changes as they come, as server-sent events",
        "operationId": "follow-events",
        "parameters": [last, _parameter("after", {"type": "string"})],
        "responses": {
            "200": {"description": "A stream that does not end", "content": {"text/event-stream": {}}},
            **{code: {"$ref": f"#/components/responses/{code}"} for code in ("400", "401", "403", "429", "503")},
        },
    }


# An empty parameter asks nothing.
_TRUTH = {"type": "string", "enum": ["true", "false", ""]}
_MOMENT = {"type": "string", "pattern": MOMENT, "description": "a day or a time, ISO 8601", "examples": ["2026-11-24"]}


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _text(name: str) -> dict[str, Any]:
    return _parameter(name, {"type": "string", "maxLength": LONGEST_TEXT, "pattern": NO_NUL})


def _limit() -> dict[str, Any]:
    return _parameter("limit", {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": 50})


def _message_filters() -> list[dict[str, Any]]:
    days = {"type": "integer", "minimum": 1, "maximum": LONGEST_DAYS}
    return [
        *(_parameter(name, _TRUTH) for name in ("tracked", "opened", "clicked")),
        _parameter("unopened_for", days),
        *(_text(name) for name in ("tag", "sender", "q")),
        _parameter("state", {"type": "string", "enum": [*State, ""]}),
        _parameter("since", _MOMENT),
        _parameter("until", _MOMENT),
        _limit(),
        _parameter("cursor", {"type": "string", "pattern": MESSAGE_CURSOR}),
    ]


def _hit_filters() -> list[dict[str, Any]]:
    return [
        _parameter("message", {"type": "string", "pattern": f"^$|{ULID}"}),
        _parameter("kind", {"type": "string", "enum": [*HitKind, ""]}),
        _parameter("class", {"type": "string", "enum": [*HitClass, ""]}),
        _limit(),
        _parameter("cursor", {"type": "string", "pattern": HIT_CURSOR}),
        _parameter("after", {"type": "string", "pattern": "^([0-9A-Za-z]{26})?$"}),
    ]


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _responses() -> dict[str, Any]:
    texts = {
        "401": "No token, or one that is not valid",
        "403": "The token may not do that",
        "404": "There is nothing there, or it is not yours to see",
        "400": "A parameter cannot be read; the message names it",
        "429": "Too many requests; Retry-After says how long to wait",
        "503": "The ledger does not answer",
    }
    return {code: _json(text, _ref("Fault")) for code, text in texts.items()}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list_of(name: str) -> dict[str, Any]:
    return _object({"items": {"type": "array", "items": _ref(name)}, "next": {"type": ["string", "null"]}})


def _words(words: Any, null: bool = False) -> dict[str, Any]:
    return {"enum": [*words, None]} if null else {"type": "string", "enum": list(words)}


def _schemas() -> dict[str, Any]:
    text, truth, number = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
    at = {"type": "string", "format": "date-time"}
    at_or_null = {"type": ["string", "null"], "format": "date-time"}
    texts = {"type": "array", "items": text}
    counts = _object(dict.fromkeys(("confirmed", "possible", "machine", "own"), number))
    message = {
        "id": text, "submitted_at": at, "sender": text, "recipients": texts, "subject": text, "message_id": text,
        "tags": texts, "meta": {"type": "object", "additionalProperties": text}, "opens": truth, "links": truth,
        "individually": truth, "state": _words(State), "reason": _words(Reason, null=True), "stopped": truth,
        "first_opened_at": at_or_null, "last_opened_at": at_or_null, "first_clicked_at": at_or_null,
        "counts": _ref("BothCounts"),
    }  # fmt: skip
    copy = {"n": number, "address": text, "state": _words(State), "reply": text, "counts": _ref("BothCounts")}
    link = {
        "n": number, "url": text, "text": text, "name": text, "tracked": truth,
        "reason": _words(LinkReason, null=True), "counts": _ref("Counts"),
    }  # fmt: skip
    hit = {
        "id": text, "at": at, "kind": _words(HitKind), "message": {"type": ["string", "null"]}, "copy": number,
        "link": number, "class": _words(HitClass), "confidence": _words(Confidence), "rule": text,
        "user_agent": text, "ip": text,
    }  # fmt: skip
    slot = {"sent": number, "tracked": number, "opens": _ref("Counts"), "clicks": _ref("Counts")}
    detail = {
        **message,
        "copies": {"type": "array", "items": _object(copy) | {"properties": {**copy, "opens": truth, "links": truth}}},
        "link_list": {"type": "array", "items": _object(link)},
        "hits": {"type": "array", "items": _ref("Hit")},
    }
    purposes = {"type": "array", "items": _words(ConsentPurpose), "minItems": 1, "maxItems": 2}
    stats = {
        "from": at, "to": at, "totals": _object(slot),
        "days": {"type": "array", "items": _object({"day": {"type": "string", "format": "date"}, **slot})},
        "week": {"type": "array", "items": _object({"weekday": number, "hour": number, **slot})},
    }  # fmt: skip
    senders = _object({purpose.value: texts for purpose in ConsentPurpose})
    consent = {"address": text, "purposes": {"type": "object"}, "not_from": senders, "only_from": senders}
    return {
        "Counts": counts,
        "BothCounts": _object({"opens": _ref("Counts"), "clicks": _ref("Counts")}),
        "Message": _object(message),
        "MessageList": _list_of("Message"),
        "MessageDetail": _object(detail) | {"properties": {**detail, "different_readers": number}},
        "Hit": _object(hit),
        "HitList": _list_of("Hit"),
        "Stats": _object(stats),
        "Consent": _object(consent | {"last_event_at": at_or_null}),
        "ConsentList": _list_of("Consent"),
        "NewConsent": _object(
            {
                "address": {"type": "string", "pattern": ADDRESS},
                "purposes": purposes,
                "evidence": {"type": "string", "pattern": "^[^\\u0000]*[A-Za-z0-9][^\\u0000]*$", "maxLength": 2000},
            }
        ),
        "Subject": {"type": "object"},
        "Erased": {"type": "object"},
        "Fault": _object({"error": text, "message": text, "status": number}),
    }


ROUTES = (web.get("/api/v1/openapi.json", show_description),)
