"""The recipient's page: says what is recorded, names nobody, changes nothing when looked at, stops and erases."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from bs4 import BeautifulSoup

from ledger.records import CopyRecord
from pixel_server.public.recipient_words import WORDS
from tests.ledger.samples import rows, the_row
from tests.public.public_port import PublicPort, new_id

LINK = "https://example.org/?a=1"


async def test_it_says_what_is_recorded_and_names_nobody(port: PublicPort) -> None:
    urls = await port.message()
    for url in (urls.pixel(), urls.pixel(), urls.link(1, LINK)):
        await port.get(url)
    page = await port.get(urls.page())
    assert page.status == 200
    assert "pictures loaded: 2; links followed: 1" in page.text
    assert "Firefox" in page.text
    for secret in ("ann@", "me@", "A subject", "127.0.0.1"):
        assert secret not in page.text


async def test_looking_changes_nothing(port: PublicPort) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    before = [await rows(port.ledger, f"SELECT * FROM {table}") for table in ("message", "copy", "hit", "silence")]
    for method in ("GET", "HEAD", "GET"):
        await port.get(urls.page() + "?do=erase&lang=ja", method)
    after = [await rows(port.ledger, f"SELECT * FROM {table}") for table in ("message", "copy", "hit", "silence")]
    assert before == after


async def test_stopping_ends_recording_of_that_senders_mail_and_keeps_what_was(port: PublicPort) -> None:
    urls, other, elses = await port.message(), await port.message(), await port.message(sender="x@example.org")
    await port.get(urls.pixel())
    answer = await port.get(urls.page(), "POST", b"do=stop")
    assert answer.status == 200
    assert 'role="status"' in answer.text
    for one in (urls, other, elses):
        assert (await port.get(one.pixel())).status == 200
        assert (await port.get(one.link(1, LINK))).headers["Location"] == LINK
    kept = await rows(
        port.ledger, "SELECT m.sender, count(*) FROM hit JOIN message m ON m.seq = message_seq GROUP BY 1"
    )
    assert sorted(kept) == [("me@example.com", 1), ("x@example.org", 2)]
    assert "Nothing more is recorded." in (await port.get(urls.page())).text


async def test_erasing_takes_hits_and_counts_away(port: PublicPort) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    await port.get(urls.link(1, LINK))
    await port.get(urls.page(), "POST", b"do=erase")
    assert await the_row(port.ledger, "SELECT count(*) FROM hit") == (0,)
    sums = "SELECT opens_confirmed, clicks_confirmed, first_opened_at FROM message"
    assert await the_row(port.ledger, sums) == (0, 0, None)
    assert (await port.get(urls.link(1, LINK))).status == 302
    assert "nothing is recorded" in (await port.get(urls.page())).text


async def test_while_the_ledger_is_locked_a_wish_is_refused_in_plain_words_and_not_done_later(
    port: PublicPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    monkeypatch.setattr("ledger.store.LOCK_PATIENCE_SECONDS", 0.1)
    with closing(sqlite3.connect(port.settings.data_dir / "mailglass.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for wish in (b"do=stop", b"do=erase"):
            answer = await port.get(urls.page(), "POST", wish)
            assert "or not completely. Please try again" in answer.text
        other.execute("ROLLBACK")
    monkeypatch.undo()
    page = await port.get(urls.page())
    assert "pictures loaded: 1" in page.text
    assert 'value="stop"' in page.text
    assert "Done." in (await port.get(urls.page(), "POST", b"do=stop")).text


async def test_one_recipients_no_leaves_the_others_copies_alone(port: PublicPort) -> None:
    copies = (CopyRecord(1, "ann@example.net"), CopyRecord(2, "bob@example.net"))
    urls = await port.message(recipients=tuple(copy.address for copy in copies), copies=copies, individually=True)
    await port.get(urls.page(1), "POST", b"do=stop")
    for number in (1, 2):
        await port.get(urls.pixel(number))
    assert await rows(port.ledger, "SELECT copy FROM hit") == [(2,)]


async def test_a_shared_copy_says_that_nobody_can_tell_who_it_was(port: PublicPort) -> None:
    urls = await port.message(recipients=("ann@example.net", "bob@example.net"))
    assert "nobody can tell" in (await port.get(urls.page())).text


async def test_of_a_shared_copy_nobody_reads_what_the_others_look_at_it_with(port: PublicPort) -> None:
    urls = await port.message(recipients=("ann@example.net", "bob@example.net"))
    await port.get(urls.pixel())
    page = await port.get(urls.page())
    assert "pictures loaded: 1" in page.text
    assert "Firefox" not in page.text


@pytest.mark.parametrize("language", ["en", "ja", "de", "fr", "it"])
async def test_a_shared_copy_promises_nothing_about_other_mail(port: PublicPort, language: str) -> None:
    """The next message to one of them alone is tracked: nobody knows which of them said no."""
    words = WORDS[language]
    urls = await port.message(recipients=("ann@example.net", "bob@example.net"))
    page = BeautifulSoup((await port.get(urls.page() + f"?lang={language}")).body, "html.parser").text
    assert words.question not in page
    for wish, said in ((b"do=stop", words.stopped), (b"do=erase", words.erased)):
        answer = await port.get(urls.page() + f"?lang={language}", "POST", wish)
        page = BeautifulSoup(answer.body, "html.parser").text.replace("\u00a0", " ")
        assert said not in page
        assert words.others_stay in page


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("", "What this message records about you"),
        ("ja", "このメールで記録されること"),
        ("ja-JP,en;q=0.8", "このメールで記録されること"),
        ("en;q=0.2, ja;q=0.9", "このメールで記録されること"),
        ("xx, *;q=0.1", "What this message records about you"),
        ("ja;q=nonsense", "What this message records about you"),
    ],
)
async def test_it_speaks_the_readers_language(port: PublicPort, wish: str, said: str) -> None:
    urls = await port.message()
    assert said in (await port.get(urls.page(), Accept_Language=wish)).text
    assert "このメール" in (await port.get(urls.page() + "?lang=ja", Accept_Language=wish)).text


async def test_wrong_tokens_and_other_purposes_have_no_page(port: PublicPort) -> None:
    urls = await port.message()
    page = urls.page()
    for url in (page[:-1], page[:-3] + "AAA", urls.pixel().replace("/o/", "/p/")[:-4]):
        for method in ("GET", "POST"):
            answer = await port.get(url, method, b"do=erase" if method == "POST" else b"")
            assert (answer.status, answer.body) == (404, b"There is nothing here.\n")


async def test_a_message_that_is_gone_still_has_a_page(port: PublicPort) -> None:
    page = port.urls(new_id()).page()
    assert "Nothing is known here" in (await port.get(page)).text
    assert (await port.get(page, "POST", b"do=erase")).status == 200


@pytest.mark.parametrize("body", [b"do=", b"do=burn", b"x", b"do=stop&do=erase;", b"\xff\xfe=%zz", b"do[]=erase"])
async def test_other_wishes_do_nothing(port: PublicPort, body: bytes) -> None:
    urls = await port.message()
    await port.get(urls.pixel())
    answer = await port.get(urls.page(), "POST", body)
    assert answer.status in (200, 400)
    assert (await the_row(port.ledger, "SELECT count(*) FROM hit"))[0] == 1


async def test_no_script_no_frame_no_cookie(port: PublicPort) -> None:
    urls = await port.message()
    page = await port.get(urls.page())
    policy = page.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"] == "no-store"
