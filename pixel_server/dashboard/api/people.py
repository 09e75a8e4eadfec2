"""GET and POST consents; GET and DELETE subjects/{address}. For administrators: it is about everybody's mail."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from aiohttp import web

from ledger.consent_events import ConsentPurpose
from ledger.queries.consents import PersonRow, find_person, list_people
from ledger.queries.messages import HIGHEST_LIMIT
from ledger.queries.subjects import Subject, subject
from pixel_server.dashboard.api.forms import moment
from pixel_server.dashboard.api.replies import answer, answer_list, refuse_faults, refuse_unknown
from pixel_server.dashboard.bearer import READ, WRITE, demand
from pixel_server.dashboard.keys import DESK, Reader

LONGEST_EVIDENCE = 2000
_ADDRESS = re.compile(r"[^@\s<>\x00-\x1f\x7f]{1,64}@[^@\s<>\x00-\x1f\x7f]{1,255}")


async def get_consents(request: web.Request) -> web.Response:
    _administrator(request, READ)
    desk = request.app[DESK]
    refuse_unknown(request, ("q", "limit", "cursor"))
    limit, search, after = _list_parameters(request)
    async with desk.ledger.read() as connection:
        valid = desk.settings.privacy.consent_valid
        people = await list_people(connection, desk.clock(), valid, after, limit + 1, search)
    following = people[limit - 1].address if len(people) > limit else None
    return answer_list(request, [consent_form(one) for one in people[:limit]], following)


async def post_consent(request: web.Request) -> web.Response:
    reader = _administrator(request, WRITE)
    desk = request.app[DESK]
    address, purposes, evidence = await _new_consent(request)
    await desk.consents.add(address, purposes, evidence, reader.name, method="api")
    async with desk.ledger.read() as connection:
        key, valid = desk.consents.key_of(address), desk.settings.privacy.consent_valid
        found = await find_person(connection, key, desk.clock(), valid)
    response = answer(request, consent_form(found[0]) if found else {})
    response.set_status(201)
    return response


async def get_subject(request: web.Request) -> web.Response:
    reader = _administrator(request, READ)
    desk, address = request.app[DESK], _address_of(request)
    key = desk.consents.key_of(address)
    async with desk.ledger.read() as connection:
        found = await subject(connection, key, address)
    await desk.consents.note(reader.name, "subject-export", key.hex(), len(found.messages))
    return answer(request, subject_form(found, desk.clock()))


async def delete_subject(request: web.Request) -> web.Response:
    reader = _administrator(request, WRITE)
    address = _address_of(request)
    erased = await request.app[DESK].consents.erase(address, reader.name, method="api")
    return answer(request, {"messages": erased.messages, "hits": erased.hits})


def consent_form(person: PersonRow) -> dict[str, Any]:
    return {
        "address": person.address,
        "purposes": {purpose.value: standing.value for purpose, standing in person.standings.items()},
        "not_from": {purpose.value: list(senders) for purpose, senders in person.not_from.items()},
        "only_from": {purpose.value: list(senders) for purpose, senders in person.only_from.items()},
        "last_event_at": moment(person.last_event_at),
    }


def subject_form(found: Subject, now: datetime) -> dict[str, Any]:
    """All that is kept about a person, in JSON's own types."""
    return {
        "address": found.address,
        "exported_at": moment(now),
        "messages": [_plain(asdict(one)) for one in found.messages],
        "consents": [_plain(asdict(one)) for one in found.consents],
        "texts": found.texts,
    }


def is_address(text: str) -> bool:
    return bool(_ADDRESS.fullmatch(text)) and text.isprintable()


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case datetime():
            return moment(value)
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case _:
            return value


def _administrator(request: web.Request, scope: str) -> Reader:
    reader = demand(request, scope)
    if not reader.account.admin:
        raise web.HTTPForbidden(text="Only an administrator may do this.")
    return reader


def _address_of(request: web.Request) -> str:
    address = request.match_info["address"]
    if not is_address(address):
        raise web.HTTPBadRequest(text="address is not a mail address")
    return address


def _list_parameters(request: web.Request) -> tuple[int, str, str]:
    written = request.query.get("limit", "") or "50"
    search, after = request.query.get("q", ""), request.query.get("cursor", "")
    faults = {}
    if not (re.fullmatch(r"\d{1,4}", written, re.ASCII) and 1 <= int(written) <= HIGHEST_LIMIT):
        faults["limit"] = f"must be a whole number from 1 to {HIGHEST_LIMIT}"
    for name, text in (("q", search), ("cursor", after)):
        if len(text) > 320 or "\0" in text:
            faults[name] = "must be text of at most 320 characters"
    refuse_faults(faults)
    return int(written), search, after


async def _new_consent(request: web.Request) -> tuple[str, list[ConsentPurpose], str]:
    """Raises HTTPBadRequest."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body is not an object")
    address, purposes, evidence = (body.get(name) for name in ("address", "purposes", "evidence"))
    faults = {}
    if not isinstance(address, str) or not is_address(address):
        faults["address"] = "is not a mail address"
    if (
        not isinstance(purposes, list)
        or not 1 <= len(purposes) <= len(ConsentPurpose)
        or any(one not in list(ConsentPurpose) for one in purposes)
    ):
        faults["purposes"] = "must list " + ", ".join(ConsentPurpose)
    if not isinstance(evidence, str) or not evidence.strip() or len(evidence) > LONGEST_EVIDENCE:
        faults["evidence"] = "must say where the proof lies"
    elif any(0xD800 <= ord(letter) <= 0xDFFF or letter == "\0" for letter in evidence):
        faults["evidence"] = "holds characters that are no text"
    refuse_faults(faults)
    return str(address), [ConsentPurpose(one) for one in dict.fromkeys(purposes or ())], str(evidence)


ROUTES = (
    web.get("/api/v1/consents", get_consents),
    web.post("/api/v1/consents", post_consent),
    web.get("/api/v1/subjects/{address}", get_subject),
    web.delete("/api/v1/subjects/{address}", delete_subject),
)
