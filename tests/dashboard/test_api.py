from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from config.settings import Tracking
from ledger.journal import Journal
from ledger.records import CopyRecord, HitClass, HitKind, State
from ledger.retention import purge
from pixel_server.dashboard.keys import Rates
from pixel_server.dashboard.rates import Rate
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor

MESSAGE = {
    "id", "submitted_at", "sender", "recipients", "subject", "message_id", "tags", "meta", "opens", "links",
    "individually", "state", "reason", "stopped", "first_opened_at", "last_opened_at", "first_clicked_at", "counts",
}  # fmt: skip
HIT = {"id", "at", "kind", "message", "copy", "link", "class", "confidence", "rule", "user_agent", "ip"}
COUNTS = {"confirmed", "possible", "machine", "own"}


class Script:
    """A program with a token."""

    def __init__(self, visitor: Visitor, token: str) -> None:
        self.visitor, self._token = visitor, token

    async def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._token}", **options.pop("headers", {})}
        reply = await self.visitor.ask(method, f"/api/v1/{path}", headers=headers, **options)
        return reply.status, json.loads(reply.text) if reply.text else None


@pytest.fixture
def script(house: House, visitor: Visitor) -> Script:
    return Script(visitor, house.add_token(house.add_account("hanna", admin=True)))


async def test_a_message_has_the_promised_fields(house: House, script: Script):
    record = letter(tags=("offer",), meta={"order": "7"})
    house.register(record)
    house.add_hits(hit(record.id), hit(record.id, HitKind.CLICK), hit(record.id, hit_class=HitClass.OWN))
    status, listed = await script.ask("messages")
    assert status == 200
    assert set(listed) == {"items", "next"}
    assert listed["next"] is None
    (item,) = listed["items"]
    assert set(item) == MESSAGE
    assert item["id"] == str(record.id)
    assert item["recipients"] == ["mia@example.net"]
    assert item["stopped"] is False
    assert datetime.fromisoformat(item["submitted_at"]) == record.submitted_at
    assert item["counts"] == {
        "opens": {"confirmed": 1, "possible": 0, "machine": 0, "own": 1},
        "clicks": {"confirmed": 1, "possible": 0, "machine": 0, "own": 0},
    }
    _, one = await script.ask(f"messages/{record.id}")
    assert set(one) == MESSAGE | {"copies", "link_list", "hits"}
    assert set(one["copies"][0]) == {"n", "address", "state", "reply", "counts"}
    assert set(one["link_list"][0]) == {"n", "url", "text", "name", "tracked", "reason", "counts"}
    assert set(one["link_list"][0]["counts"]) == COUNTS
    assert [set(one_hit) for one_hit in one["hits"]] == [HIT] * 3


async def test_filters_are_those_of_the_page(house: House, script: Script):
    opened, old, plain = letter(), letter(NOW - timedelta(days=5), tags=("t",)), letter(opens=False, links=False)
    for record in (old, opened, plain):
        house.register(record)
    house.add_hits(hit(opened.id))

    async def found(query: str) -> list[str]:
        status, listed = await script.ask("messages?" + query)
        assert status == 200
        return [item["id"] for item in listed["items"]]

    assert await found("opened=true") == [str(opened.id)]
    assert await found("opened=false") == [str(old.id)]
    assert await found("tracked=false") == [str(plain.id)]
    assert await found("unopened_for=3") == [str(old.id)]
    assert await found("tag=t") == [str(old.id)]
    assert await found("clicked=true") == []
    assert await found("until=" + (NOW - timedelta(days=1)).isoformat()) == [str(old.id)]
    assert str(old.id) not in await found("since=2026-11-20T00:00:00Z")


async def test_pages_follow_one_another_by_cursor(house: House, script: Script):
    records = [letter() for _ in range(5)]
    for record in records:
        house.register(record)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        _, listed = await script.ask(f"messages?limit=2&cursor={cursor}")
        seen += [item["id"] for item in listed["items"]]
        cursor = listed["next"]
    assert seen == [str(record.id) for record in reversed(records)]


async def test_hits_come_newest_first_and_after_gives_only_newer_ones(house: House, script: Script):
    record = letter()
    house.register(record)
    hits = [hit(record.id, at=NOW - timedelta(minutes=9 - n)) for n in range(3)]
    house.add_hits(*hits, hit(record.id, HitKind.CLICK, HitClass.BOT))
    _, listed = await script.ask(f"hits?message={record.id}&kind=open")
    assert [item["id"] for item in listed["items"]] == [one.id for one in reversed(hits)]
    _, newer = await script.ask(f"hits?kind=open&after={hits[1].id}")
    assert [item["id"] for item in newer["items"]] == [hits[2].id]
    _, the_same = await script.ask(f"hits?kind=open&after={hits[1].id.lower()}")
    assert the_same == newer
    _, machines = await script.ask("hits?class=bot")
    assert [item["kind"] for item in machines["items"]] == ["click"]
    _, first = await script.ask("hits?limit=3")
    _, second = await script.ask(f"hits?limit=3&cursor={first['next']}")
    assert (len(first["items"]), len(second["items"]), second["next"]) == (3, 1, None)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("messages?opened=yes", "opened"),
        ("messages?limit=0", "limit"),
        ("messages?limit=501", "limit"),
        ("messages?state=lost", "state"),
        ("messages?since=tomorrow", "since"),
        ("messages?unopened_for=-1", "unopened_for"),
        ("messages?unopened_for=0", "unopened_for"),
        ("messages?cursor=x", "cursor"),
        ("messages?openend=true", "openend"),
        ("messages?opened=true&opened=false", "opened"),
        ("messages?tag=%00", "tag"),
        ("hits?kind=view", "kind"),
        ("hits?after=x", "after"),
        ("hits?after=999999", "after"),
        ("hits?after=8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "after"),
        ("stats?from=2026-11-30&to=2026-11-01", "to"),
        ("hits?class=person", "class"),
        ("hits?message=7", "message"),
        ("stats?from=x", "from"),
        ("consents?limit=x", "limit"),
        ("subjects/nobody", "address"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(script: Script, path: str, named: str):
    status, fault = await script.ask(path)
    assert status == 400
    assert named in fault["message"]
    assert set(fault) == {"error", "message", "status"}


async def test_stopping_needs_a_token_that_may_change_things(house: House, visitor: Visitor):
    account = house.add_account("hanna", admin=True)
    record = letter()
    house.register(record)
    reading, changing = (Script(visitor, house.add_token(account, scope)) for scope in ("read", "write"))
    for answer, scope in (
        (await reading.ask(f"messages/{record.id}/stop", "POST"), "write"),
        (await changing.ask("messages"), "read"),
    ):
        assert (answer[0], answer[1]["message"]) == (403, f"This token has no scope to {scope}.")
    status, stopped = await changing.ask(f"messages/{record.id}/stop", "POST")
    assert (status, stopped["stopped"]) == (200, True)


async def test_a_member_finds_only_their_own(house: House, visitor: Visitor):
    member = Script(visitor, house.add_token(house.add_account("joris", addresses=["joris@example.com"])))
    mine, other = letter(sender="joris@example.com"), letter()
    house.register(mine)
    house.register(other)
    house.add_hits(hit(mine.id), hit(other.id))
    assert [item["id"] for item in (await member.ask("messages"))[1]["items"]] == [str(mine.id)]
    assert [item["message"] for item in (await member.ask("hits"))[1]["items"]] == [str(mine.id)]
    assert (await member.ask(f"messages/{other.id}"))[0] == 404
    assert (await member.ask(f"messages/{other.id}/stop", "POST"))[0] == 404
    assert (await member.ask("hits?message=" + str(other.id)))[1]["items"] == []
    _, stats = await member.ask("stats")
    assert stats["to"] == "2026-11-24T16:20:00.000Z"
    assert stats["totals"]["opens"]["confirmed"] == 1
    for path in ("consents", "subjects/a@example.com"):
        status, told = await member.ask(path)
        assert (status, told["message"]) == (403, "Only an administrator may do this.")


async def test_mail_submitted_under_their_login_is_a_members_own(house: House, visitor: Visitor):
    member = Script(visitor, house.add_token(house.add_account("joris")))
    mine = letter(login="joris", sender="any@example.com")
    house.register(mine)
    assert [item["id"] for item in (await member.ask("messages"))[1]["items"]] == [str(mine.id)]


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Basic aGFubmE6cHc=", "Bearer " + "x" * 300, "mg_token"])
async def test_a_token_that_is_none_opens_nothing(house: House, visitor: Visitor, header: str):
    house.add_account("hanna")
    assert (await visitor.get("/api/v1/messages", headers={"Authorization": header})).status == 401


async def test_a_revoked_token_opens_nothing(house: House, visitor: Visitor):
    account = house.add_account("hanna")
    script = Script(visitor, house.add_token(account))
    assert (await script.ask("messages"))[0] == 200
    await visitor.log_in()
    await visitor.submit("/settings", "/settings/tokens/1/revoke")
    visitor.forget_cookies()
    assert (await script.ask("messages"))[0] == 401


async def test_a_token_made_on_the_page_works(house: House, visitor: Visitor):
    house.add_account("hanna")
    await visitor.log_in()
    shown = await visitor.submit("/settings", "/settings/tokens", label="backup", scope="read")
    token = shown.page.select_one(".done code").text
    assert token not in (await visitor.get("/settings")).text
    visitor.forget_cookies()
    assert (await Script(visitor, token).ask("messages"))[0] == 200


async def test_the_same_answer_is_not_sent_twice(house: House, visitor: Visitor, script: Script):
    house.register(letter())
    token = {"Authorization": f"Bearer {script._token}"}
    first = await visitor.get("/api/v1/messages", headers=token)
    tag = first.headers["ETag"]
    again = await visitor.get("/api/v1/messages", headers={**token, "If-None-Match": tag})
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
    house.register(letter())
    assert (await visitor.get("/api/v1/messages", headers={**token, "If-None-Match": tag})).status == 200


async def test_asking_too_often_has_to_wait(tmp_path: Path):
    house = House(tmp_path / "var", rates=Rates(api=Rate(3, 60)))
    try:
        async with aiohttp.ClientSession() as session:
            visitor = Visitor(house.url, session)
            token = {"Authorization": "Bearer " + house.add_token(house.add_account("hanna"))}
            replies = [await visitor.get("/api/v1/messages", headers=token) for _ in range(4)]
            assert [reply.status for reply in replies] == [200, 200, 200, 429]
            assert int(replies[-1].headers["Retry-After"]) >= 1
    finally:
        house.close()


async def test_aggregate_mode_gives_counts_and_no_single_hit(tmp_path: Path):
    house = House(tmp_path / "var", tracking=Tracking(identity="aggregate"))
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            script = Script(Visitor(house.url, session), house.add_token(house.add_account("hanna", admin=True)))
            record = letter()
            house.register(record)
            house.add_hits(hit(record.id))
            _, one = await script.ask(f"messages/{record.id}")
            assert one["hits"] == (await script.ask("hits"))[1]["items"] == []
            assert one["counts"]["opens"]["confirmed"] == 1
            await script.visitor.log_in()
            for path in ("/activity?all=1", f"/messages/{record.id}"):
                page = await script.visitor.get(path)
                assert "records no single opens and clicks" in page.words
                assert "Firefox" not in page.text
    finally:
        house.close()


async def test_a_message_whose_single_hits_are_gone_or_never_were_says_so(house: House, script: Script):
    counted, purged = letter(counts_only=True), letter()
    for record in (counted, purged):
        house.register(record)
        house.add_hits(hit(record.id))
    house.run(purge(house.ledger, timedelta()))
    await script.visitor.log_in()
    for record, words in ((counted, "Of this message no single"), (purged, "Single hits are not kept any more")):
        page = await script.visitor.get(f"/messages/{record.id}")
        assert words in page.words
        assert "has asked for it yet" not in page.words


async def test_consents_and_subjects(house: House, script: Script):
    copies = (CopyRecord(1, "mia@example.net", State.SENT),)
    record = letter(individually=True, copies=copies)
    house.register(record)
    house.add_hits(hit(record.id, copy=1))
    new = {"address": "mia@example.net", "purposes": ["opens"], "evidence": "form of 2026-03-01"}
    status, consent = await script.ask("consents", "POST", json=new)
    assert status == 201
    assert consent["purposes"] == {"opens": "confirmed", "links": "unknown"}
    nobody: dict[str, list[str]] = {"opens": [], "links": []}
    assert (consent["not_from"], consent["only_from"]) == (nobody, nobody)
    _, listed = await script.ask("consents")
    assert [item["address"] for item in listed["items"]] == ["mia@example.net"]
    assert (await script.ask("consents", "POST", json={**new, "evidence": ""}))[0] == 400
    assert (await script.ask("consents", "POST", data=b"{"))[0] == 400
    _, kept = await script.ask("subjects/mia@example.net")
    assert [one["id"] for one in kept["messages"]] == [str(record.id)]
    status, erased = await script.ask("subjects/mia@example.net", "DELETE")
    assert (status, erased) == (200, {"messages": 1, "hits": 1})
    _, one = await script.ask(f"messages/{record.id}")
    assert "mia@example.net" not in json.dumps(one)


async def test_stats_have_three_numbers_and_the_own_apart(house: House, script: Script):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id), hit(record.id, HitKind.CLICK, HitClass.SECURITY_SCANNER))
    _, stats = await script.ask("stats?from=2026-11-20&to=2026-11-24")
    assert set(stats) == {"from", "to", "totals", "days", "week"}
    assert stats["totals"] == {
        "sent": 1,
        "tracked": 1,
        "opens": {"confirmed": 1, "possible": 0, "machine": 0, "own": 0},
        "clicks": {"confirmed": 0, "possible": 0, "machine": 1, "own": 0},
    }
    assert [day["day"] for day in stats["days"]] == ["2026-11-24"]


async def test_metrics_tell_numbers_and_nobody(house: House, visitor: Visitor):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id))
    reply = await visitor.get("/metrics")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert 'mailglass_hits_total{column="confirmed",kind="open"} 1.0' in reply.text
    assert "example" not in reply.text
    assert (await visitor.get("/healthz")).status == 200


async def test_metrics_tell_of_hits_that_wait_in_any_process(house: House, visitor: Visitor):
    assert "mailglass_journals_waiting 0.0" in (await visitor.get("/metrics")).text
    journal = Journal(house.settings.data_dir / "journal")  # as a worker keeps one
    journal.append([{"a": 1}])
    assert "mailglass_journals_waiting 1.0" in (await visitor.get("/metrics")).text
    assert "mailglass_ledger_up 1.0" in (await visitor.get("/metrics")).text
