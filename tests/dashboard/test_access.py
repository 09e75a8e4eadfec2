from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher

from ledger.accounts import Passwords, secret_hash, set_preferences
from ledger.first_account import make_first_account, offer_first_account
from ledger.outbox import Outbox
from pixel_server.dashboard.keys import DESK, Rates
from pixel_server.dashboard.pages.letters import PER_PAGE
from pixel_server.dashboard.rates import Buckets, Rate
from tests.dashboard.house import NOW, PASSWORD, House
from tests.dashboard.letters import letter
from tests.dashboard.visits import Visitor

COOKIE = "mailglass_session"


async def test_a_stranger_is_sent_to_the_login_and_from_there_to_where_they_wanted(house: House, visitor: Visitor):
    house.add_account("hanna", admin=True)
    wanted = "/messages?opened=false&tag=spring"
    reply = await visitor.get(wanted)
    assert (reply.status, reply.headers["Location"].partition("?")[0]) == (303, "/login")
    page = (await visitor.get(reply.headers["Location"])).page
    sent = {"name": "hanna", "password": PASSWORD, "next": page.find("input", {"name": "next"})["value"]}
    reply = await visitor.ask("POST", "/login", data=sent)
    assert (reply.status, reply.headers["Location"]) == (303, wanted)
    assert (await visitor.get(wanted)).status == 200


@pytest.mark.parametrize(
    "following",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\r\nX: y", "javascript:1"],
)
async def test_the_login_leads_to_no_other_site(house: House, visitor: Visitor, following: str):
    house.add_account("hanna")
    sent = {"name": "hanna", "password": PASSWORD, "next": following}
    assert (await visitor.ask("POST", "/login", data=sent)).headers["Location"] == "/messages"


async def test_a_wrong_password_and_an_unknown_name_are_told_the_same(house: House, visitor: Visitor):
    house.add_account("hanna")
    wrong, unknown = await visitor.log_in("hanna", "nope"), await visitor.log_in("nobody", "nope")
    assert wrong.status == unknown.status == 403
    assert wrong.page.find(role="alert").text == unknown.page.find(role="alert").text


async def test_the_cookie_is_new_at_each_login_and_only_its_hash_is_kept(house: House, visitor: Visitor):
    house.add_account("hanna")
    preset = {"Cookie": f"{COOKIE}=chosen-by-somebody-else"}
    reply = await visitor.ask("POST", "/login", data={"name": "hanna", "password": PASSWORD}, headers=preset)
    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    secret = cookie.split(";")[0].partition("=")[2]
    assert secret != "chosen-by-somebody-else"
    with sqlite3.connect(house.settings.data_dir / "mailglass.db") as database:
        stored = [bytes(row[0]) for row in database.execute("SELECT id_hash FROM session")]
    assert len(stored) == 1
    assert secret.encode() not in stored[0]
    again = await visitor.log_in()
    assert again.headers["Set-Cookie"].split(";")[0].partition("=")[2] != secret


async def test_after_logging_out_the_old_cookie_opens_nothing(house: House, visitor: Visitor):
    house.add_account("hanna")
    cookie = (await visitor.log_in()).headers["Set-Cookie"].split(";")[0]
    assert (await visitor.submit("/messages", "/logout")).status == 303
    visitor.forget_cookies()
    assert (await visitor.get("/messages", headers={"Cookie": cookie})).status == 303


async def test_a_session_ends_by_itself(house: House, visitor: Visitor):
    house.add_account("hanna")
    await visitor.log_in()
    assert (await visitor.get("/messages")).status == 200
    house.now = house.now.replace(year=house.now.year + 1)
    assert (await visitor.get("/messages")).status == 303


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("/messages/{id}/words", "/messages/{id}"),
        ("/messages/{id}/stop", "/messages/{id}"),
        ("/messages/{id}/hits/01M8/own", "/messages/{id}"),
        ("/activity/seen", "/activity"),
        ("/people", "/people"),
        ("/people/erase", "/people"),
        ("/set-up/test", "/set-up"),
        ("/settings/tokens", "/settings"),
        ("/settings/tokens/3/revoke", "/settings"),
        ("/logout", "/messages"),
        ("/nowhere/at/all", "/messages"),
    ],
)
async def test_who_was_logged_out_before_a_form_went_off_comes_back_to_its_page(
    house: House, visitor: Visitor, form: str, page: str
):
    house.add_account("hanna", admin=True)
    record = letter()
    house.register(record)
    sent = await visitor.ask("POST", form.format(id=record.id), data={"note": "half a word"})
    assert sent.status == 303
    login = (await visitor.get(sent.headers["Location"])).page
    assert "nothing was changed" in login.select_one(".alarm").text
    fields = {"name": "hanna", "password": PASSWORD, "next": login.select_one("[name=next]")["value"]}
    following = (await visitor.ask("POST", "/login", data=fields)).headers["Location"]
    assert following == page.format(id=record.id)
    assert (await visitor.get(following)).status == 200


async def test_a_session_in_use_lives_on(house: House, visitor: Visitor):
    house.add_account("hanna")
    await visitor.log_in()
    for _ in range(4):
        house.now += timedelta(days=10)
        house.app[DESK].refresh_rate = Buckets(Rate(1, 3600))  # an hour has passed, as well
        assert (await visitor.get("/messages")).status == 200


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Origin": "https://evil.example"}, "another site"),
        ({"Origin": "null"}, "a page without origin, and no browser's word where it is"),
        ({"Sec-Fetch-Site": "cross-site"}, "the browser says so itself"),
        ({"Sec-Fetch-Site": "same-site"}, "a neighbour under the same domain is not us"),
        ({}, "no form token"),
    ],
)
async def test_nothing_is_changed_from_elsewhere(house: House, visitor: Visitor, headers: dict[str, str], why: str):
    house.add_account("hanna")
    await visitor.log_in()
    fields = {"language": "ja", "zone": "", "csrf": "wrong"} if not headers else {"language": "ja", "zone": ""}
    reply = await visitor.ask("POST", "/settings/look", data=fields, headers=headers)
    assert reply.status == 403, why


async def test_logging_in_from_another_site_is_refused(house: House, visitor: Visitor):
    house.add_account("hanna")
    sent = {"name": "hanna", "password": PASSWORD}
    refused = await visitor.ask("POST", "/login", data=sent, headers={"Origin": "http://evil.example"})
    assert refused.status == 403


def stop_the_clock_of_attempts(house: House) -> None:
    """As many as the usual burst, of which a busy machine that is slow to try them gets none back."""
    house.app[DESK].login_rate = Buckets(Rate(Rates().login.burst, 3600))


async def test_the_eleventh_attempt_of_a_minute_has_to_wait(house: House, visitor: Visitor):
    house.add_account("hanna")
    stop_the_clock_of_attempts(house)
    statuses = [(await visitor.log_in("hanna", "guess")).status for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    assert int((await visitor.log_in()).headers["Retry-After"]) > 0


async def test_who_has_to_wait_takes_no_attempt_from_others(visitor_of: Callable[..., tuple[House, Visitor]]):
    house, visitor = visitor_of(pixel_server={"trusted_proxies": ["127.0.0.0/8"]})
    house.add_account("hanna")
    sent = {"name": "hanna", "password": PASSWORD}
    guesses = [
        await visitor.ask("POST", "/login", data=sent | {"password": "guess"}, headers={"X-Forwarded-For": "192.0.2.1"})
        for _ in range(80)
    ]
    assert {guess.status for guess in guesses[10:]} == {429}
    reply = await visitor.ask("POST", "/login", data=sent, headers={"X-Forwarded-For": "192.0.2.2"})
    assert reply.status == 303


async def test_logging_in_between_buys_no_further_guesses_at_others(house: House, visitor: Visitor):
    house.add_account("hanna", admin=True)
    house.add_account("joris")
    for _ in range(9):
        assert (await visitor.log_in("hanna", "guess")).status == 403
    assert (await visitor.log_in("joris")).status == 303
    visitor.forget_cookies()
    assert [(await visitor.log_in("hanna", "guess")).status for _ in range(3)][1:] == [429, 429]


async def test_an_old_password_is_not_guessed_without_end(house: House, visitor: Visitor):
    """Whoever finds a page open has a session, and not the password."""
    house.add_account("hanna")
    await visitor.log_in()
    stop_the_clock_of_attempts(house)
    fields = {"old": "guess", "new": "another long password"}
    told = [(await visitor.submit("/settings", "/settings/password", **fields)).status for _ in range(11)]
    assert told == [403] * 10 + [429]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--c\r\n\r\nx\r\n--c--"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Transfer-Encoding: x\r\n\r\nx\r\n--b--"),
        ("application/x-www-form-urlencoded; charset=none", b"name=hanna"),
        ("application/x-www-form-urlencoded", b"name=\xff"),
    ],
)
async def test_a_form_that_is_none_is_no_fault_of_ours(
    house: House, visitor: Visitor, caplog: pytest.LogCaptureFixture, kind: str, body: bytes
):
    for path in ("/login", "/logout", "/welcome/x", "/api/v1/consents"):
        reply = await visitor.ask("POST", path, data=body, headers={"Content-Type": kind})
        assert reply.status in (400, 401, 303), path
    odd = await visitor.ask("POST", "/login", data=b"", headers={"Origin": "http://["})
    assert odd.status == 403
    assert "a page failed" not in caplog.text


async def test_the_first_account_is_made_once_by_its_one_time_address(house: House, visitor: Visitor):
    path = house.run(offer_first_account(house.ledger))
    assert path is not None
    assert (await visitor.get("/welcome/some-other-secret")).status == 404
    assert (await visitor.ask("POST", path, data={"name": "hanna", "password": "short"})).status == 422
    made = await visitor.ask("POST", path, data={"name": "hanna", "password": PASSWORD, "zone": "Asia/Tokyo"})
    assert (made.status, made.headers["Location"]) == (303, "/set-up")
    assert (await visitor.get("/settings")).status == 200
    assert (await visitor.get(path)).status == 404
    assert (await visitor.ask("POST", path, data={"name": "eve", "password": PASSWORD})).status in (403, 404)
    assert house.run(offer_first_account(house.ledger)) is None


@pytest.mark.parametrize(
    ("chosen", "zone", "shown", "why"),
    [
        (None, "Asia/Tokyo", "Asia/Tokyo", "nobody said anything, and the browser's clock is the reader's"),
        (None, "No/Where", None, "no zone that is known here"),
        ("", "Asia/Tokyo", None, "the server's zone was chosen"),
        ("Europe/Paris", "Asia/Tokyo", "Europe/Paris", "another zone was chosen, and the reader is on a journey"),
    ],
)
async def test_a_login_learns_the_zone_of_who_chose_none(
    house: House, visitor: Visitor, chosen: str | None, zone: str, shown: str | None, why: str
):
    number = house.add_account("hanna")
    if chosen is not None:
        house.run(house.ledger.write(set_preferences, number, {"zone": chosen}))
    await visitor.ask("POST", "/login", data={"name": "hanna", "password": PASSWORD, "zone": zone})
    selected = (await visitor.get("/settings")).page.select_one("[name=zone] option[selected]")
    assert (selected.text if selected else None) == shown, why


async def test_a_new_start_makes_the_older_set_up_address_worthless(house: House, visitor: Visitor):
    older = house.run(offer_first_account(house.ledger))
    newer = house.run(offer_first_account(house.ledger))
    assert (await visitor.get(str(older))).status == 404
    assert (await visitor.get(str(newer))).status == 200


async def test_an_account_made_otherwise_makes_the_set_up_address_worthless(house: House, visitor: Visitor):
    path = str(house.run(offer_first_account(house.ledger)))
    house.add_account("hanna", admin=True)
    assert (await visitor.get(path)).status == 404
    assert (await visitor.ask("POST", path, data={"name": "eve", "password": PASSWORD})).status == 404
    # Also when it is made between the look at the secret and the making.
    hashed = secret_hash(path.removeprefix("/welcome/")).hex()
    assert house.run(house.ledger.write(make_first_account, hashed, "eve", "x", NOW)) is None


async def test_a_changed_password_ends_every_other_session(house: House, visitor: Visitor):
    house.add_account("hanna")
    old = (await visitor.log_in()).headers["Set-Cookie"].split(";")[0]
    visitor.forget_cookies()  # as another browser would
    await visitor.log_in()
    done = await visitor.submit("/settings", "/settings/password", old=PASSWORD, new="another long password")
    assert done.status == 303
    assert (await visitor.get("/messages")).status == 200
    visitor.forget_cookies()
    assert (await visitor.get("/messages", headers={"Cookie": old})).status == 303


async def test_a_member_can_neither_make_accounts_nor_see_people(house: House, visitor: Visitor):
    house.add_account("joris")
    await visitor.log_in("joris")
    refused = await visitor.get("/people")
    assert (refused.status, refused.page.select_one("main a")["href"]) == (403, "/messages")
    token = (await visitor.get("/settings")).page.find("input", {"name": "csrf"})["value"]
    sent = {"csrf": token, "name": "x", "password": PASSWORD, "admin": "1"}
    assert (await visitor.ask("POST", "/settings/accounts", data=sent)).status == 403


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"password": "123456789"}, "10"),
        ({"password": "s" * 1001}, "10"),
        ({"name": "  "}, "name"),
        ({"addresses": "joris@example.com, junk"}, "junk"),
    ],
)
async def test_an_account_that_could_not_be_used_is_not_made(
    house: House, visitor: Visitor, changed: dict[str, str], told: str
):
    house.add_account("hanna", admin=True)
    await visitor.log_in("hanna")
    token = (await visitor.get("/settings")).page.find("input", {"name": "csrf"})["value"]
    sent = {"csrf": token, "name": "joris", "password": PASSWORD, "addresses": "<Joris@example.com>"}
    refused = await visitor.ask("POST", "/settings/accounts", data=sent | changed)
    assert refused.status == 422
    assert told in refused.page.select_one("[role=alert]").text
    fields = refused.page.select_one("form[action='/settings/accounts']")
    assert fields.select_one("[name=addresses]")["value"] == (sent | changed)["addresses"]  # nobody types it twice
    assert (await visitor.ask("POST", "/settings/accounts", data=sent)).status == 303
    assert "joris@example.com" in (await visitor.get("/settings")).page.select_one("[aria-labelledby=accounts]").text


async def test_a_member_sees_only_their_own_letters_in_the_outbox(house: House, visitor: Visitor):
    house.add_account("hanna", admin=True)
    house.add_account("joris", addresses=["joris@example.com"])
    outbox, raw = Outbox(house.settings.outbox_dir), b"Subject: x\r\n\r\nx"
    times = [NOW - timedelta(minutes=minute) for minute in range(2 * PER_PAGE + 2)]
    senders = ("Joris@Example.com", "mia@example.com")
    sent = [outbox.deliver(raw, senders[place % 2], ["joris@example.com"], at) for place, at in enumerate(times)]
    silent = outbox.deliver(raw, "", ["joris@example.com"], NOW)
    own, others = {str(one.id) for one in sent[::2]}, {str(one.id) for one in (*sent[1::2], silent)}

    await visitor.log_in("joris")
    first = (await visitor.get("/outbox")).page
    second = (await visitor.get(first.select_one(".paging a")["href"])).page
    shown = [row["data-key"] for page in (first, second) for row in page.select(".rows [data-key]")]
    assert (len(shown), set(shown)) == (PER_PAGE + 1, own)
    assert second.select_one(".paging a") is None
    views = ("", "/source", "/body", "/download")
    assert {(await visitor.get(f"/outbox/{sent[0].id}{view}")).status for view in views} == {200}
    for hidden in (sent[1], silent):
        assert {(await visitor.get(f"/outbox/{hidden.id}{view}")).status for view in views} == {404}

    visitor.forget_cookies()
    await visitor.log_in("hanna")
    assert {(await visitor.get(f"/outbox/{one}")).status for one in sorted(others)[:3]} == {200}


async def test_logins_and_exports_stand_in_the_audit_list(house: House, visitor: Visitor):
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    await visitor.get("/statistics/days.csv")
    with sqlite3.connect(house.settings.data_dir / "mailglass.db") as database:
        listed = database.execute("SELECT actor, action, subject FROM audit ORDER BY seq").fetchall()
    assert listed == [("hanna", "login", ""), ("hanna", "export", "statistics-days")]


async def test_a_digest_is_asked_for_on_the_settings_page(house: House, visitor: Visitor):
    house.add_account("hanna", addresses=["hanna@example.com"])
    await visitor.log_in()
    form = "/settings/notifications"
    refused = await visitor.submit("/settings", form, digest="daily", digest_to="Hanna <hanna@example.com>")
    assert refused.status == 422
    assert "needs a mail address" in refused.words
    assert (await visitor.submit("/settings", form, digest="daily", digest_to="hanna@example.com")).status == 303
    page = (await visitor.get("/settings")).page
    assert page.select_one("select[name=digest] option[selected]")["value"] == "daily"
    assert page.select_one("input[name=digest_to]")["value"] == "hanna@example.com"


async def test_an_unknown_name_costs_as_much_work_as_a_known_one():
    """W21, without a clock: what takes the time is done once for either, with the same parameters."""
    checked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            checked.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=1, memory_cost=1024))
    stored = await passwords.hash("right and long")
    assert not await passwords.verify(stored, "wrong")
    assert not await passwords.verify(None, "wrong")
    assert len(checked) == 2
    assert checked[0] == checked[1]


async def test_what_was_typed_about_notices_stays_after_a_complaint(house: House, visitor: Visitor):
    house.add_account("hanna")
    await visitor.log_in()
    wrong = {
        "notify": "every",
        "email": "1",
        "digest": "daily",
        "digest_to": "nobody",
        "webhook": "https://example.com/hook",
    }
    refused = (await visitor.submit("/settings", "/settings/notifications", **wrong)).page
    assert [one["value"] for one in refused.select("[name=notify][checked]")] == ["every"]
    assert refused.select_one("[name=email]").has_attr("checked")
    assert not refused.select_one("[name=browser]").has_attr("checked")
    typed = {name: refused.select_one(f"[name={name}]")["value"] for name in ("digest_to", "webhook")}
    assert typed == {"digest_to": "nobody", "webhook": "https://example.com/hook"}
