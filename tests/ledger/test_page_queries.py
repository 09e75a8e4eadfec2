"""What the pages ask beside lists: labels, statistics by tag, link and domain, notices. On both databases."""

from __future__ import annotations

from datetime import timedelta

from ledger.accounts import add_account, secret_hash
from ledger.first_account import is_first_secret, make_first_account, offer_first_account
from ledger.notices import add_notices, settle_notice
from ledger.own_words import set_note, set_tags
from ledger.people import ERASED
from ledger.queries import notices
from ledger.queries.activity import count_unread, newest_hit_id
from ledger.queries.labels import used_senders, used_tags
from ledger.queries.messages import message_detail
from ledger.queries.rows import ADMINISTRATOR, Viewer
from ledger.queries.statistics import by_domain, by_link, by_tag, looked_through
from ledger.records import HitKind
from ledger.store import Store
from tests.ledger.samples import NOW, a_hit, a_record

DAY = timedelta(days=1)
PERIOD = (NOW - DAY, NOW + DAY)


async def test_labels_and_lines_of_a_period(store: Store) -> None:
    first = a_record(recipients=("a@Example.net",), tags=("offer", "spring"))
    second = a_record(recipients=("b@example.org", "c@example.org"), tags=("offer",))
    for record in (first, second):
        await store.register(record)
    await store.add_hits([a_hit(first.id), a_hit(first.id, kind=HitKind.CLICK, link=1)])
    async with store.read() as connection:
        assert await used_tags(connection, ADMINISTRATOR) == ["offer", "spring"]
        assert await used_senders(connection, ADMINISTRATOR) == [first.sender.lower()]
        assert await used_tags(connection, Viewer("nobody")) == []
        assert await looked_through(connection, ADMINISTRATOR, *PERIOD) == 2
        tags = await by_tag(connection, ADMINISTRATOR, *PERIOD)
        assert [(one.name, one.messages, one.opened, one.opens.confirmed) for one in tags] == [
            ("offer", 2, 1, 1),
            ("spring", 1, 1, 1),
        ]
        # Whom a shared copy reached is not known, so its recipients' domain is counted for nobody.
        domains = await by_domain(connection, ADMINISTRATOR, *PERIOD)
        assert [(one.name, one.messages, one.opened) for one in domains] == [("example.net", 1, 1)]
        links = await by_link(connection, ADMINISTRATOR, *PERIOD)
        assert links[0].clicks.confirmed == 1
        assert await count_unread(connection, ADMINISTRATOR, 0) == 2
        assert len(await newest_hit_id(connection)) == 26


async def test_others_see_nothing_of_it(store: Store) -> None:
    record = a_record(recipients=("a@Example.net",), tags=("offer",))
    await store.register(record)
    await store.add_hits([a_hit(record.id), a_hit(record.id, kind=HitKind.CLICK, link=1)])
    nobody = Viewer("nobody", ("nobody@example.com",))
    async with store.read() as connection:
        for ask in (used_tags, used_senders):
            assert await ask(connection, ADMINISTRATOR)
            assert await ask(connection, nobody) == []
        for lines in (by_tag, by_domain, by_link):
            assert await lines(connection, ADMINISTRATOR, *PERIOD)
            assert await lines(connection, nobody, *PERIOD) == []
        assert await looked_through(connection, nobody, *PERIOD) == 0
        assert await count_unread(connection, nobody, 0) == 0


async def test_an_erased_address_is_of_no_domain(store: Store) -> None:
    await store.register(a_record(recipients=(ERASED,)))
    async with store.read() as connection:
        assert await by_domain(connection, ADMINISTRATOR, *PERIOD) == []


async def test_own_words_replace_what_was_there(store: Store) -> None:
    record = a_record(tags=("old",))
    await store.register(record)
    assert await store.write(set_note, record.id, "ask again")
    assert await store.write(set_tags, record.id, ["new", "new", "other"])
    async with store.read() as connection:
        detail = await message_detail(connection, ADMINISTRATOR, record.id)
        assert detail is not None
        assert (detail.message.own_note, detail.message.tags) == ("ask again", ("new", "other"))
        assert await used_tags(connection, ADMINISTRATOR) == ["new", "other"]


async def test_the_first_account_is_made_once(store: Store) -> None:
    path = await offer_first_account(store)
    secret = str(path).rpartition("/")[2]
    async with store.read() as connection:
        assert await is_first_secret(connection, secret)
        assert not await is_first_secret(connection, "another")
    hashed = secret_hash(secret).hex()
    assert await store.write(make_first_account, secret_hash("x").hex(), "eve", "hash", NOW) is None
    assert await store.write(make_first_account, hashed, "hanna", "hash", NOW) is not None
    assert await store.write(make_first_account, hashed, "eve", "hash", NOW) is None
    assert await offer_first_account(store) is None


async def test_notices_are_kept_once_and_settled(store: Store) -> None:
    account = await store.write(add_account, "hanna", "hash", True, (), NOW)
    record = a_record(notify="unopened=3d")
    await store.register(record)
    async with store.read() as connection:
        assert [one.id for one in await notices.to_be_reminded(connection, NOW + DAY)] == [record.id]
        seq = (await message_detail(connection, ADMINISTRATOR, record.id)).message.seq  # type: ignore[union-attr]
    made = {
        "account_id": account, "message_seq": seq, "cause": "unopened", "way": "webhook", "made_at": NOW,
        "next_at": NOW, "said": {"kind": "unopened"},
    }  # fmt: skip
    await store.write(add_notices, [made], 7)
    await store.write(add_notices, [made], 9)
    async with store.read() as connection:
        assert await notices.looked_at(connection) == 9
        (due,) = await notices.due(connection, NOW)
        assert (due.message_id, due.said) == (record.id, {"kind": "unopened"})
        assert await notices.to_be_reminded(connection, NOW + DAY) == []
    await store.write(settle_notice, due.seq, "waiting", "500", NOW + DAY)
    async with store.read() as connection:
        assert await notices.due(connection, NOW) == []
        assert await notices.next_due(connection) == NOW + DAY
    await store.write(settle_notice, due.seq, "done", "200")
    async with store.read() as connection:
        (listed,) = await notices.list_deliveries(connection, account or 0)
        assert (listed.state, listed.attempts, listed.answer) == ("done", 2, "200")


async def test_news_are_confirmed_hits_and_the_first_is_known(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id), a_hit(record.id, timedelta(hours=3))])
    async with store.read() as connection:
        news, last = await notices.news_after(connection, 0)
        assert [one.first for one in news] == [True, False]
        assert await notices.is_confirmed(connection, news[0].hit.id)
        assert await notices.news_after(connection, last) == ([], last)
