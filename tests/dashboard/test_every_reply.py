"""What holds for every reply, whatever it is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from tests.dashboard.house import House
from tests.dashboard.visits import Visitor

WANTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PATHS = (
    "/login", "/", "/messages", "/nowhere", "/messages/nonsense", "/static/page.css", "/static/../app.py", "/healthz",
    "/metrics", "/api/v1/messages", "/api/v1/nowhere", "/api/v1/openapi.json", "/welcome/x", "/outbox/x/body",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_it_carries_the_security_headers(guest: Visitor, path: str, method: str):
    reply = await guest.ask(method, path)
    assert {name: reply.headers.get(name) for name in WANTED} == WANTED
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "no-store" in reply.headers["Cache-Control"] or path.startswith(("/static", "/api"))
    assert "aiohttp" not in reply.headers.get("Server", "")
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8026", "127.0.0.1.evil.example", "127.0.0.1:1", "", "localhost:99999", "[::2]"],
)
async def test_a_foreign_host_is_turned_away_before_anything_is_looked_at(guest: Visitor, host: str):
    for path in ("/login", "/messages", "/api/v1/messages", "/static/page.css"):
        reply = await guest.get(path, headers={"Host": host})
        assert reply.status in (400, 421)
        assert "mailglass" not in reply.text


async def test_two_hosts_in_one_request_are_none(filled_house: House):
    reader, writer = await asyncio.open_connection("127.0.0.1", filled_house.port)
    ours = f"127.0.0.1:{filled_house.port}".encode()
    writer.write(b"GET /login HTTP/1.1\r\nHost: " + ours + b"\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    status = (await reader.readline()).split()[1]
    writer.close()
    assert status in (b"400", b"421")


async def test_no_page_has_script_or_style_inside(guest: Visitor):
    await guest.log_in()
    for path in ("/messages", "/activity", "/statistics", "/set-up", "/settings", "/people", "/outbox", "/login"):
        page = (await guest.get(path)).page
        assert all(script.get("src", "").startswith("/static/") for script in page.find_all("script"))
        assert not page.find_all("style")
        assert not page.find_all(style=True)
        events = [tag for tag in page.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
        assert not events


async def test_a_fault_of_ours_is_told_without_what_is_inside(house: House, visitor: Visitor):
    house.add_account("hanna")
    await visitor.log_in()
    with sqlite3.connect(house.settings.data_dir / "mailglass.db") as database:
        database.execute("ALTER TABLE message RENAME TO elsewhere")
    reply = await visitor.get("/messages")
    assert reply.status == 503
    for word in ("sqlite", "no such table", "Traceback", str(house.settings.data_dir)):
        assert word not in reply.text
    assert reply.headers["X-Frame-Options"] == "DENY"


async def test_a_locked_ledger_is_still_read_and_says_so_to_who_wants_to_change_it(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    token = house.add_token(house.add_account("hanna", admin=True))
    await visitor.log_in()
    monkeypatch.setattr("ledger.store.LOCK_PATIENCE_SECONDS", 0.1)
    bearer = {"Authorization": f"Bearer {token}"}
    consent = {"address": "ann@example.net", "purposes": ["opens"], "evidence": "a letter"}
    with closing(sqlite3.connect(house.settings.data_dir / "mailglass.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await visitor.ask("POST", "/api/v1/consents", json=consent, headers=bearer)).status == 503
        assert (await visitor.get("/api/v1/messages", headers=bearer)).status == 200
        assert (await visitor.get("/messages")).status == 200
        other.execute("ROLLBACK")
    assert json.loads((await visitor.get("/api/v1/consents", headers=bearer)).text)["items"] == []


async def test_faults_of_the_api_are_json(guest: Visitor):
    for path, status in (("/api/v1/messages", 401), ("/api/v1/nowhere", 401)):
        reply = await guest.get(path)
        assert (reply.status, reply.headers["Content-Type"]) == (status, "application/json; charset=utf-8")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
