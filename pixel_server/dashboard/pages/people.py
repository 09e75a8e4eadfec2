"""The People page: where recipients stand with consent; add, withdraw, export, erase. For administrators."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from ledger.consent_events import ConsentPurpose
from ledger.queries.consents import list_people
from ledger.queries.subjects import Subject, subject
from pixel_server.dashboard.api.people import LONGEST_EVIDENCE, is_address, subject_form
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.reasons import STANDING_WORDS
from pixel_server.dashboard.rendering import answer_json, page

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form for a consent. Nothing is ticked unless somebody did: a consent is for what was said."""

    address: str = ""
    purposes: tuple[ConsentPurpose, ...] = ()
    evidence: str = ""


async def show_people(
    request: web.Request, complaint: str = "", status: int = 200, typed: Typed = Typed()
) -> web.Response:
    _demand_administrator(request)
    desk = request.app[DESK]
    search, after = request.query.get("q", "")[:320].replace("\0", ""), request.query.get("cursor", "")[:320]
    async with desk.ledger.read() as connection:
        valid = desk.settings.privacy.consent_valid
        people = await list_people(connection, desk.clock(), valid, after.replace("\0", ""), PER_PAGE + 1, search)
    last = people[PER_PAGE - 1].address if len(people) > PER_PAGE else None
    return await page(
        request,
        "people.html",
        status=status,
        complaint=complaint,
        typed=typed,
        people=people[:PER_PAGE],
        q=search,
        older="/people?" + urlencode({"q": search, "cursor": last}) if last else None,
        standing_words=STANDING_WORDS,
        required=desk.settings.privacy.consent == "required",
        saved=request.query.get("saved", ""),
        erased={name: _number(request, name) for name in ("messages", "hits")},
    )


async def add(request: web.Request) -> web.Response:
    _demand_administrator(request)
    form = await request.post()
    address, evidence = str(form.get("address", "")).strip(), str(form.get("evidence", "")).strip()
    purposes = [ConsentPurpose(str(one)) for one in form.getall("purpose", []) if one in list(ConsentPurpose)]
    if not is_address(address) or not purposes or not evidence or len(evidence) > LONGEST_EVIDENCE:
        complaint = request[WORDING]._("A consent needs an address, a purpose, and where its proof lies.")
        return await show_people(request, complaint, 422, Typed(address, tuple(purposes), evidence))
    await request.app[DESK].consents.add(
        address, purposes, evidence.replace("\0", ""), request[READER].name, method="page"
    )  # fmt: skip
    return _done("added")


async def withdraw(request: web.Request) -> web.Response:
    address = await _address_in_form(request)
    await request.app[DESK].consents.withdraw(address, method="page", actor=request[READER].name)
    return _done("withdrawn")


async def erase(request: web.Request) -> web.Response:
    """Asks first: nothing brings it back."""
    address = await _address_in_form(request)
    if (await request.post()).get("sure") != "1":
        found = await _kept_about(request, address)
        hits = sum(len(one.hits) for one in found.messages)
        return await page(
            request, "erase.html", address=address, messages=len(found.messages), hits=hits, said=len(found.consents)
        )
    erased = await request.app[DESK].consents.erase(address, request[READER].name, method="page")
    return _done(f"erased&messages={erased.messages}&hits={erased.hits}")


async def export(request: web.Request) -> web.Response:
    """By POST, since it leaves a line in the audit log."""
    address = await _address_in_form(request)
    desk, found = request.app[DESK], await _kept_about(request, address)
    key = desk.consents.key_of(address).hex()
    await desk.consents.note(request[READER].name, "subject-export", key, len(found.messages))
    response = answer_json(subject_form(found, desk.clock()))
    response.headers["Content-Disposition"] = 'attachment; filename="about-a-person.json"'
    return response


async def _kept_about(request: web.Request, address: str) -> Subject:
    desk = request.app[DESK]
    async with desk.ledger.read() as connection:
        return await subject(connection, desk.consents.key_of(address), address)


def _number(request: web.Request, name: str) -> int:
    written = request.query.get(name, "")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0


async def _address_in_form(request: web.Request) -> str:
    _demand_administrator(request)
    address = str((await request.post()).get("address", "")).strip()
    if not is_address(address):
        raise web.HTTPUnprocessableEntity
    return address


def _demand_administrator(request: web.Request) -> None:
    if not request[READER].account.admin:
        raise web.HTTPForbidden


def _done(what: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/people?saved={what}"})


ROUTES = (
    web.get("/people", show_people),
    web.post("/people", add),
    web.post("/people/withdraw", withdraw),
    web.post("/people/export", export),
    web.post("/people/erase", erase),
)
