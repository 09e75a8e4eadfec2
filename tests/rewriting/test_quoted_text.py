"""Plain text of an earlier mail that no ``>`` marks: its links stay as they are."""

from __future__ import annotations

import time

import pytest

from ledger.records import LinkReason, Reason
from ledger.urls import TrackingUrls, UrlGrammar
from relay.rewriting.charsets import read_text
from relay.rewriting.plan import Plan, Quoted, Tracked, Unchanged
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
    "From: Ben\r\nReply-To: Ben <x@example.com>\r\nDate: 5 January\r\nTo: Anna\r\nSubject: Old",
    "发件人： Ben\r\n日期： 2026年1月5日\r\n收件人： anna@example.com\r\n主题： 旧",
    "Gesendet: Montag, 5. Januar 2026 um 10:00 Uhr\r\nVon: Ben\r\nAn: anna@example.com\r\nBetreff: Alt",
    "De: Ben\r\nEnviada em: segunda-feira\r\nPara: Anna\r\nAssunto: velho",
    "Feladó: Ben\r\nElküldve: hétfő\r\nCímzett: Anna\r\nTárgy: régi",
    "In a message dated 1/5/2026 10:00:00 AM Eastern Standard Time, ben@example.com writes:",
    "Ben <ben@example.com> wrote:",
    'At 2026-01-05 10:00:00, "Ben" <ben@example.com> wrote:',
    "Am Montag, 5. Januar 2026, 10:00:00 MEZ hat Ben <ben@example.com> Folgendes geschrieben:",
    "Ben <ben@example.com> schrieb am Mo., 5. Jan. 2026, 10:00:",
    "A segunda, 5/01/2026, 10:00, Ben <ben@example.com> escreveu:",
    "Den mån 5 jan. 2026 kl 10:00 skrev Ben <ben@example.com>:",
    "ma 5. tammik. 2026 klo 10.00 Ben (ben@example.com) kirjoitti:",
    "pon., 5 sty 2026 o 10:00 Ben <ben@example.com> napisał(a):",
    "W dniu 05.01.2026 o 10:00, Ben pisze:",
    "Dne 05. 01. 26 v 10:00 Ben napsal(a):",
    "Ben <ben@example.com> ezt írta (időpont: 2026. jan. 5., H, 10:00):",
    "lun., 5 ian. 2026 la 10:00, Ben <ben@example.com> a scris:",
    "пн, 5 янв. 2026 г. в 10:00, Ben <ben@example.com>:",
    "пн, 5 янв. 2026 г. в 10:00, Ben of a Board with a Very Long Name <\r\nben@example.com>:",
    "05.01.2026 10:00, Ben пишет:",
    "Ben <ben@example.com>, 5 Oca 2026 Pzt, 10:00 tarihinde şunu yazdı:",
    "‫בתאריך יום ב׳, 5 בינו׳ 2026 ב-10:00 מאת ‪Ben‬‏ <‪ben@example.com‬‏>:‏",
    "2026/01/05 10:00、Ben <ben@example.com>のメール:",
    "Ben <ben@example.com> 于2026年1月5日周一 10:00写道：",
    "2026년 1월 5일 (월) 오전 10:00, Ben <ben@example.com>님이 작성:",
    "Vào Th 2, 5 thg 1, 2026 vào lúc 10:00 Ben <ben@example.com> đã viết:",
    "-------- Původní zpráva --------",
    "---------- Původní e-mail ----------",
    "-------- Eredeti üzenet --------",
    "-------- Alkuperäinen viesti --------",
    "-------- Przekazana wiadomość --------",
    "-------- Перенаправленное сообщение --------",
    "-------- Αρχικό μήνυμα --------",
    "---- 回复的原邮件 ----",
    "---- Replied Message ----",
    "---------- 전달된 메시지 ---------",
]
# Programs write these, and what follows, in other charsets.
IN_CHARSETS = [
    ("Le lun. 5 janv. 2026 à 10:00, Ben <ben@example.com> a écrit :", "iso-8859-1"),
    ("-----元のメッセージ-----", "iso-2022-jp"),
    ("2026年1月5日(月) 10:00 Ben <ben@example.com>:", "iso-2022-jp"),
    ("差出人: Ben\r\n送信日時: 2026年1月5日\r\n宛先: Anna\r\n件名: 古い", "shift_jis"),
    ("-------- Исходное сообщение --------", "koi8-r"),
    ("------------------ 原始邮件 ------------------", "gb2312"),
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


@pytest.mark.parametrize("mark", [">", "> ", ">>", " > ", "BE> ", "| "])
def test_a_marked_line_is_left(mark: str) -> None:
    text = f"{mark}See https://www.example.com/old\r\n\r\nSee https://www.example.com/new\r\n"
    assert reasons(text) == [None]


@pytest.mark.parametrize("public_url", ["https://t.example.org", "https://t.example.org/track"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-2022-jp", "shift_jis"])
@pytest.mark.parametrize(
    "quoted",
    ["> See {own}.\r\n", ">> <{own}>\r\n", "BE> ({own})\r\n", "-----元のメッセージ-----\r\n{own}\r\n",
     "On Monday Ben wrote:\r\n> a {own} b {own}\r\n", "> link={own} x\r\n",
     "-----元のメッセージ-----\r\nlink={own}\r\n"],
)  # fmt: skip
def test_our_links_in_a_quotation_lead_back(quoted: str, charset: str, public_url: str) -> None:
    urls = TrackingUrls(UrlGrammar(public_url), URLS.ring, URLS.message)
    address = "https://www.example.com/old?a=1&b=%20"
    new = "See https://www.example.com/new\r\n\r\n"
    head = f"From: a@example.com\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    old = f"こ\r\n{quoted}"
    raw = head + (new + old.format(own=urls.link(5, address))).encode(charset)
    result = rewrite(raw, Plan(opens=False, html_links=False, text_links=True), urls)
    assert isinstance(result, Tracked)
    assert result.raw.endswith(old.format(own=address).encode(charset))
    assert [row.tracked for row in result.link_list][:1] == [True]
    assert isinstance(rewrite(result.raw, Plan(False, False, text_links=True), urls), Unchanged)


@pytest.mark.parametrize(
    ("quoted", "back"),
    [
        ("> {T.EXAMPLE}\r\n", "> https://www.example.com/old\r\n"),
        ("> https://a.example/?x={own}\r\n", None),  # inside somebody else's address
        ("> {own}です\r\n", None),  # where it ends is in doubt
        ("NEW>{own}\r\n", None),  # no initials before a quotation
    ],
)
def test_only_whole_links_of_ours_lead_back(quoted: str, back: str | None) -> None:
    own = URLS.link(5, "https://www.example.com/old")
    old = quoted.replace("{own}", own).replace("{T.EXAMPLE}", own.replace("t.example", "T.EXAMPLE"))
    raw = message(f"See https://www.example.com/new\r\n\r\n{old}").decode("latin-1").encode("latin-1")
    result = rewrite(raw, Plan(opens=False, html_links=False, text_links=True), URLS)
    assert isinstance(result, Tracked)
    assert result.raw.decode().endswith(back or old)


@pytest.mark.parametrize(
    "destination", ["https://www.example.com/a b", "https://www.example.com/a'", 'https://a.example/"']
)
def test_what_plain_text_would_cut_stays_ours_in_a_quotation(destination: str) -> None:
    old = f"> {URLS.link(5, destination)}\r\n"
    result = rewrite(
        message(f"See https://www.example.com/new\r\n\r\n{old}"), Plan(False, False, text_links=True), URLS
    )
    assert isinstance(result, Tracked)
    assert result.raw.decode().endswith(old)


def test_a_url_that_goes_on_in_the_next_line_stays_in_a_quotation() -> None:
    """With DelSp the space at the line's end is none (RFC 3676, section 4.2)."""
    old = f"> {URLS.link(5, 'https://www.example.com/old')} \r\n> more\r\n"
    raw = message(f"See https://www.example.com/new\r\n\r\n{old}")
    raw = raw.replace(b"text/plain", b"text/plain; format=flowed; delsp=yes")
    assert b"delsp" in raw
    result = rewrite(raw, Plan(opens=False, html_links=False, text_links=True), URLS)
    assert isinstance(result, Tracked)
    assert result.raw.decode().endswith(old)


@pytest.mark.parametrize("url", ["https://t.example.org/c/AAAA?u=https://www.example.com/", "https://t.example.org/"])
def test_what_only_looks_like_our_link_stays_in_a_quotation(url: str) -> None:
    raw = message(f"See https://www.example.com/new\r\n\r\n> {url}\r\n")
    result = check_message(raw, Plan(opens=False, html_links=False, text_links=True))
    assert isinstance(result, Tracked)
    assert result.raw.endswith(f"> {url}\r\n".encode())


def test_our_links_in_a_quotation_stay_where_text_is_left_alone() -> None:
    raw = message(f"> {URLS.link(5, 'https://www.example.com/old')}\r\n")
    assert rewrite(raw, Plan(opens=True, html_links=True), URLS) == Unchanged(Reason.NO_HTML, (), ())


@pytest.mark.parametrize(("above", "charset"), IN_CHARSETS)
def test_what_stands_below_the_line_is_left_in_every_charset(above: str, charset: str) -> None:
    text = f"Grüße\r\n{above}\r\n" if charset == "iso-8859-1" else f"{above[:1]}\r\n{above}\r\n"
    body = f"{text}\r\nSee https://www.example.com/old\r\n".encode(charset)
    head = f"From: a@example.com\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"
    above_it = b"See https://www.example.com/new\r\n\r\n"
    result = check_message(head.encode() + above_it + body, Plan(opens=False, html_links=False, text_links=True))
    assert [row.reason for row in result.link_list] == [None, LinkReason.QUOTED]


@pytest.mark.parametrize(
    "text",
    [
        "On Monday Ben wrote:\r\n> old\r\n\r\nMy answer: https://www.example.com/a\r\n",  # an answer below its question
        "On Monday Ben wrote:\r\n\r\n> old\r\nhttps://www.example.com/a\r\n",
        "On Monday I wrote: see https://www.example.com/a\r\n",  # words of a sentence
        "----------\r\nForward this to a friend: https://www.example.com/a\r\n----------\r\n",
        "----- News -----\r\nhttps://www.example.com/a\r\n",
        "----- Original fit -----\r\nhttps://www.example.com/a\r\n",
        "The original message was https://www.example.com/a\r\n",
        "> -----Original Message-----\r\n> old\r\n\r\nhttps://www.example.com/a\r\n",
        "From: Berlin\r\nTo: Hamburg\r\nDate: Monday\r\nSee https://www.example.com/a\r\n",  # a journey
        "From: Ben\r\nSubject: Hello\r\nMessage: https://www.example.com/a\r\n",  # a form
        "From: Ben\r\n\r\nDate: Monday\r\nSubject: Hello\r\nhttps://www.example.com/a\r\n",
        "To: All\r\nFrom: Jane\r\nDate: 5 May\r\nSubject: Policy\r\nhttps://www.example.com/a\r\n",  # a memo
        "Von: Max\r\nDatum: 5.5.\r\nBetreff: Frage\r\nhttps://www.example.com/a\r\n",
        "Thursday, January 5, 2026, 10:00:18 PM, you wrote:\r\n\r\nBE> old\r\n\r\nhttps://www.example.com/a\r\n",
        "Ben <ben@example.com> wrote:\r\n\r\n<snip>\r\n> old\r\n\r\nhttps://www.example.com/a\r\n",
        "Meet us on 5 May 2026 at 10:00:\r\nhttps://www.example.com/a\r\n",
        "Ben <ben@example.com> can help with:\r\nhttps://www.example.com/a\r\n",
        "What Ben wrote:\r\nhttps://www.example.com/a\r\n",
        "----- お知らせ -----\r\nhttps://www.example.com/a\r\n",
        "> On 5 Jan 2026 at 10:00, Ben <ben@example.com> wrote:\r\nhttps://www.example.com/a\r\n",
        "пн, 5 янв. 2026 г. в 10:00, Ben <ben@example.com>:\r\n\r\n> old\r\n\r\nhttps://www.example.com/a\r\n",
        "差出人: 山田\r\n日時: 明日\r\n件名: 予約\r\nhttps://www.example.com/a\r\n",
        # what shops, tickets and invitations say has a time and an address, too
        "New sign-in on 2026-01-05 10:00 to your account (ann@example.com):\r\nhttps://www.example.com/a\r\n",
        "Ihre Bestellung vom 05.01.2026, 10:00 Uhr, an <ann@example.com>:\r\nhttps://www.example.com/a\r\n",
        "Order placed 05/01/26 10:00 for <ann@example.com>. Track it:\r\nhttps://www.example.com/a\r\n",
        "Webinar on 2026-01-05 10:00. Questions? Mail\r\n<ann@example.com>, or join here:\r\nhttps://www.example.com/\r\n",
        "Ticket #123 updated 2026-01-05 10:00 by Ben <ben@example.com>:\r\nhttps://www.example.com/a\r\n",
        "Ben Smith (ben@example.com) commented on 2026-01-05 10:00:\r\nhttps://www.example.com/a\r\n",
        "2026/01/05 10:00 のメールでお知らせした件：\r\nhttps://www.example.com/a\r\n",
        "2026년 1월 5일 10:00까지 작성:\r\nhttps://www.example.com/a\r\n",
        "---- Forward to a friend ----\r\nhttps://www.example.com/a\r\n",
        "----- Bank transfer -----\r\nhttps://www.example.com/a\r\n",
        "-----転送サービスのご案内-----\r\nhttps://www.example.com/a\r\n",
        "NEW>https://www.example.com/a\r\n",
    ],
)
def test_what_only_looks_like_such_a_line_is_tracked(text: str) -> None:
    assert reasons(text) == [None]


@pytest.mark.parametrize(
    "line",
    [b"On ", b"On a\n", b"-----", b"----- original ", b"On wrote", b"2026\xe5\xb9\xb4@", b"From: a\n", b"---- wrote ",
     b"From: a\nDate: b\n", b":\n", b"a wrote:\n", b"10:00 2026 wrote:\n> ", b"<a@b>:\n", b"1.1.11 ", b"---- \xc3\xa9"],
)  # fmt: skip
def test_no_text_takes_long(line: bytes) -> None:
    text = read_text(line * (200_000 // len(line)), "utf-8")
    assert text
    started = time.process_time()
    quoted_from(text)
    assert time.process_time() - started < 2
