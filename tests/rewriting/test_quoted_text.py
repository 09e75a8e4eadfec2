"""Plain text of an earlier mail that no ``>`` marks: its links stay as they are."""

from __future__ import annotations

import time

import pytest

from ledger.records import LinkReason
from relay.rewriting.plan import Plan, Quoted, Tracked
from relay.rewriting.quoted_text import quoted_from
from relay.rewriting.rewrite import rewrite
from tests.rewriting.oracles import URLS, check_message

ABOVE = [
    "-----Original Message-----",
    "  ----- Original Message ----- ",
    "---------- Forwarded message ---------",
    "-----Ursprüngliche Nachricht-----",
    "-----元のメッセージ-----",
    "On Mon, 5 Jan 2026 at 10:00, Ben <ben@example.com> wrote:",
    "On Mon, 5 Jan 2026 at 10:00, Ben Example of the Board <ben@example.com>\r\nwrote:",
    "On Monday Ben wrote:",
    "Am 05.01.2026 um 10:00 schrieb Ben:",
    "Le lun. 5 janv. 2026 à 10:00, Ben <ben@example.com> a écrit :",
    "Le lun. 5 janv. 2026 à 10:00, Ben <ben@example.com> a écrit\u00a0:",
    "2026年1月5日(月) 10:00 Ben <ben@example.com>:",
    "---- On Mon, 05 Jan 2026 10:00:00 +0100 ben-b@example.com wrote ----",
    '-----"Ben Example" <ben-b@example.com> wrote: -----',
    "-------- Oprindelig besked --------",
    "________________________________\r\nFrom: Ben <ben@example.com>\r\nSent: Monday\r\nTo: Anna\r\nSubject: Old",
    "*From:* Ben\r\n*Sent:* Monday\r\n*To:* Anna;\r\n Carl\r\n*Cc:* Dora\r\n*Subject:* Old",
    "Von: Ben\r\nGesendet: Montag\r\nAn: Anna\r\nBetreff: Alt",
    "De\u00a0: Ben\r\nEnvoyé le\u00a0: lundi\r\nÀ\u00a0: Anna\r\nObjet\u00a0: Vieux",
    "  差出人: Ben\r\n  送信日時: 2026年1月5日\r\n  宛先: Anna\r\n  件名: 古い",
]


def message(text: str) -> bytes:
    return b"From: a@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()


def reasons(text: str, quoted: Quoted = Quoted.LEAVE) -> list[LinkReason | None]:
    result = rewrite(message(text), Plan(opens=False, html_links=False, text_links=True, quoted=quoted), URLS)
    assert isinstance(result, Tracked)
    return [row.reason for row in result.link_list]


@pytest.mark.parametrize("above", ABOVE)
def test_what_stands_below_the_line_is_left(above: str) -> None:
    text = f"See https://www.example.com/new\r\n\r\n{above}\r\n\r\nSee https://www.example.com/old\r\n"
    assert reasons(text) == [None, LinkReason.QUOTED]
    assert reasons(text.replace("\r\n", "\n")) == [None, LinkReason.QUOTED]
    assert reasons(text, Quoted.TRACK) == [None, None]
    check_message(message(text))


@pytest.mark.parametrize(
    "text",
    [
        "On Monday Ben wrote:\r\n> old\r\n\r\nMy answer: https://www.example.com/a\r\n",  # an answer below its question
        "On Monday Ben wrote:\r\n\r\n> old\r\nhttps://www.example.com/a\r\n",
        "On Monday I wrote: see https://www.example.com/a\r\n",  # words of a sentence
        "----------\r\nForward this to a friend: https://www.example.com/a\r\n----------\r\n",
        "----- News -----\r\nhttps://www.example.com/a\r\n",
        "The original message was https://www.example.com/a\r\n",
        "> -----Original Message-----\r\n> old\r\n\r\nhttps://www.example.com/a\r\n",
        "From: Berlin\r\nTo: Hamburg\r\nDate: Monday\r\nSee https://www.example.com/a\r\n",  # a journey
        "From: Ben\r\nSubject: Hello\r\nMessage: https://www.example.com/a\r\n",  # a form
        "From: Ben\r\n\r\nDate: Monday\r\nSubject: Hello\r\nhttps://www.example.com/a\r\n",
        "To: All\r\nFrom: Jane\r\nDate: 5 May\r\nSubject: Policy\r\nhttps://www.example.com/a\r\n",  # a memo
        "Von: Max\r\nDatum: 5.5.\r\nBetreff: Frage\r\nhttps://www.example.com/a\r\n",
        "差出人: 山田\r\n日時: 明日\r\n件名: 予約\r\nhttps://www.example.com/a\r\n",
    ],
)
def test_what_only_looks_like_such_a_line_is_tracked(text: str) -> None:
    assert reasons(text) == [None]


@pytest.mark.parametrize(
    "line",
    [b"On ", b"On a\n", b"-----", b"----- original ", b"On wrote", b"2026\xe5\xb9\xb4@", b"From: a\n", b"---- wrote ",
     b"From: a\nDate: b\n"],
)  # fmt: skip
def test_no_text_takes_long(line: bytes) -> None:
    started = time.process_time()
    quoted_from(line * (200_000 // len(line)))
    assert time.process_time() - started < 2
