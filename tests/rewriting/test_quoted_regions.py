"""Quoted and forwarded text of the mail programs people use: nothing in it is tracked, the pixel stands before it."""

from __future__ import annotations

import pytest

from ledger.records import LinkReason
from relay.rewriting.plan import Plan, Quoted, Tracked
from relay.rewriting.rewrite import rewrite
from tests.rewriting.corpus import CORPUS
from tests.rewriting.oracles import URLS, check_message

_OLD = '<p><a href="https://www.example.com/old">old</a></p>'
PROGRAMS = {
    "Gmail": f'<div class="gmail_quote">On Monday Ben:<br><blockquote class="gmail_quote">{_OLD}</blockquote></div>',
    "Gmail's forward": f'<div class="gmail_quote"><div>---------- Forwarded message ---------<br></div>{_OLD}</div>',
    "Gmail through Outlook": f'<div class="x_gmail_quote">{_OLD}</div>',
    "Thunderbird": f'<div class="moz-cite-prefix">Ben wrote:</div><blockquote type="cite">{_OLD}</blockquote>',
    "Thunderbird's forward": f'<div class="moz-forward-container">-------- Forwarded Message --------{_OLD}</div>',
    "Apple Mail": f'<blockquote type="cite"><div>On 1 Jan 2026, Ben wrote:</div>{_OLD}</blockquote>',
    "Outlook on the web": f'<div id="appendonsend"></div><hr><div id="divRplyFwdMsg">From: Ben</div>{_OLD}',
    "new Outlook": f'<div id="mail-editor-reference-message-container">{_OLD}</div>',
    "Outlook for phones": f'<div id="ms-outlook-mobile-body-separator-line"></div>{_OLD}',
    "Outlook for Windows": '<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
    f"<p><b><span>From:</span></b> Ben<br><b>Sent:</b> Monday</p></div></div>{_OLD}",
    "Outlook without its line": "<p><b><span>Von:</span></b> Ben<br><b>Gesendet:</b> Montag<br><b>An:</b> Anna</p>"
    + _OLD,
    "Outlook for the Mac": f'<span id="OLK_SRC_BODY_SECTION">{_OLD}</span>',
    "Hotmail": f'<hr id="stopSpelling">Date: Monday<br>{_OLD}',
    "Yahoo": f'<div class="yahoo_quoted" id="yahoo_quoted_12"><div>On Monday Ben wrote:</div>{_OLD}</div>',
    "new Yahoo": f'<div class="ydp123yahoo_quoted">{_OLD}</div>',
    "Yandex": f"<div>01.01.2026, 10:00, Ben:</div><blockquote>{_OLD}</blockquote>",
    "mail.ru": f'<br><div class="js-helper js-readmsg-msg">{_OLD}</div>',
    "Proton": f'<div class="protonmail_quote">{_OLD}</div>',
    "Zimbra": f'<hr id="zwchr" data-marker="__DIVIDER__">{_OLD}',
    "GMX": f'<div name="quote" style="margin:10px">{_OLD}</div>',
    "Spark": f'<div name="messageReplySection">{_OLD}</div>',
    "an old forward": f"-----Original Message-----<br>{_OLD}",
    "a Spanish forward": f"-------- Mensaje Original --------<br>{_OLD}",
    "a Swedish forward": f"-------- Originalmeddelande --------<br>{_OLD}",
    "a Lithuanian forward": f"-------- Originalus pranešimas --------<br>{_OLD}",
    "a German forward": f"-----Urspr&uuml;ngliche Nachricht-----<br>{_OLD}",
    "a Danish forward": f"-------- Oprindelig besked --------<br>{_OLD}",
    "Notes": f"<div>-----&quot;Ben&quot; &lt;ben-b@example.com&gt; wrote: -----</div>{_OLD}",
    "a Japanese forward": f"----- 元のメッセージ -----<br>{_OLD}",
    "a Czech forward": f"<p>---------- P&#367;vodní e-mail ----------<br></p>{_OLD}",
    "a Turkish forward": f"<p>-------- Orijinal mesaj --------</p>{_OLD}",
    "a Hebrew forward": f"<p>-------- הודעה מקורית --------</p>{_OLD}",
    "QQ": f"<div>------------------&nbsp;原始邮件&nbsp;------------------</div>{_OLD}",
    "QQ in English": f"<div>------------------&nbsp;Original&nbsp;------------------</div>{_OLD}",
    "Mail Master": f'<div class="J-reply ntes-mailmaster-quote"><div>---- 回复的原邮件 ----</div>{_OLD}</div>',
    "Mail Master without its mark": f"<div>---- Replied Message ----</div>{_OLD}",
    "139": f'<div id="reply139content">{_OLD}</div>',
    "Aliyun": f'<blockquote><div class="alimail-quote"><div>发件人：Ben</div>{_OLD}</div></blockquote>',
    "Feishu": f'<div class="history-quote-wrapper" id="lark-mail-quote-1">{_OLD}</div>',
    "Foxmail": '<div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
    f"<div><b>发件人：</b>&nbsp;Ben</div><div><b>主题：</b>&nbsp;old</div></div>{_OLD}",
    "Outlook in Chinese": f"<p><b>发件人：</b> Ben<br><b>发送时间：</b> 周一<br><b>收件人：</b> Anna</p>{_OLD}",
    "Outlook in Korean": f"<p><b>보낸 사람:</b> Ben<br><b>보낸 날짜:</b> 월요일<br><b>받는 사람:</b> Anna</p>{_OLD}",
    "Outlook in Japanese": f"<p><b>差出人:</b> Ben<br><b>送信日時:</b> 月曜日<br><b>宛先:</b> Anna</p>{_OLD}",
    "Outlook in French": f"<p><b>De&nbsp;:</b> Ben<br><b>Envoyé&nbsp;:</b> lundi<br><b>À&nbsp;:</b> Anna</p>{_OLD}",
    "Outlook for iOS": f'<div class="ms-outlook-mobile-reference-message skipProofing">{_OLD}</div>',
    "Zoho": f'<div>---- Ben wrote ---</div><div title="beforequote:::"><br></div><div>{_OLD}</div>',
    "Front": f'<blockquote class="front-blockquote">{_OLD}</blockquote>',
    "Missive": f'<div class="missive_quote">{_OLD}</div>',
    "Freshdesk": f'<div class="freshdesk_quote">{_OLD}</div>',
    "Zendesk": f'<div class="quotedReply"><blockquote>{_OLD}</blockquote></div>',
    "Notes on the web": f'<div class="iNotesHistory">{_OLD}</div>',
    "Libero": f"<blockquote>Il 1 gennaio 2026 Ben ha scritto:<br>{_OLD}</blockquote>",
    "old mail.ru": '<blockquote style="margin:10px">\n\tЧетверг, 1 января 2026, 12:00 +03:00 от Ben'
    f" &lt;ben@example.com&gt;:<br>\n\t{_OLD}</blockquote>",
    "Nylas": '<blockquote class="x">On Jul 6 2026, at 3:58 pm, Ben &lt;ben@example.com&gt; wrote: <br> Hey'
    f"{_OLD}</blockquote>",
    "a list's archive": f"<blockquote>\nOn 01/03/26 7:07 PM, Ben wrote:\n> Hi {_OLD}</blockquote>",
    "NetEase": f"<div>在 2026-01-01，Ben 写道：</div><blockquote>{_OLD}</blockquote>",
}
# Those whose words are other octets in other charsets.
IN_CHARSETS = [
    ("Outlook in Chinese", "gbk"), ("Foxmail", "gb18030"), ("QQ", "gb2312"), ("NetEase", "gbk"),
    ("a Japanese forward", "iso-2022-jp"), ("Outlook in Japanese", "iso-2022-jp"),
    ("Outlook in Japanese", "shift_jis"), ("Outlook in Japanese", "euc-jp"), ("Outlook in French", "iso-8859-1"),
    ("Outlook in Korean", "euc-kr"),
    ("a Hebrew forward", "windows-1255"),
]  # fmt: skip


def message(html: str, charset: str = "utf-8") -> bytes:
    head = f"From: a@example.com\r\nContent-Type: text/html; charset={charset}\r\n\r\n"
    return head.encode() + html.encode(charset)


@pytest.mark.parametrize("program", PROGRAMS)
def test_links_in_a_quotation_stay_and_the_pixel_stands_before_it(program: str) -> None:
    mine = '<p>Yes, <a href="https://www.example.com/new">new</a></p>\r\n'
    result = rewrite(message(mine + PROGRAMS[program]), Plan(opens=True, html_links=True), URLS)
    assert isinstance(result, Tracked)
    assert [(row.tracked, row.reason) for row in result.link_list] == [(True, None), (False, LinkReason.QUOTED)]
    pixel = result.raw.index(URLS.pixel().encode())
    assert pixel < result.raw.index(b"/old")
    assert pixel > result.raw.index(b"</a></p>")


@pytest.mark.parametrize(("program", "charset"), IN_CHARSETS)
def test_links_in_a_quotation_stay_in_every_charset(program: str, charset: str) -> None:
    mine = '<p><a href="https://www.example.com/new">new</a></p>\r\n'
    result = rewrite(message(mine + PROGRAMS[program], charset), Plan(opens=True, html_links=True), URLS)
    assert isinstance(result, Tracked)
    assert [row.reason for row in result.link_list] == [None, LinkReason.QUOTED]


@pytest.mark.parametrize("program", PROGRAMS)
def test_our_links_lead_back_and_our_pixel_goes_out_of_a_quotation(program: str) -> None:
    own = URLS.link(5, "https://www.example.com/old")
    pixel = f'<img src="{URLS.pixel(3)}" width="1" height="1" alt="">'
    html = PROGRAMS[program].replace("https://www.example.com/old", own).replace("old</a>", "old</a>" + pixel)
    result = rewrite(message("<p>Yes</p>\r\n" + html), Plan(opens=True, html_links=True), URLS)
    assert isinstance(result, Tracked)
    assert own.encode() not in result.raw
    assert URLS.pixel(3).encode() not in result.raw
    assert b'href="https://www.example.com/old"' in result.raw


def test_a_pixel_over_several_lines_goes_out_of_a_line_without_room() -> None:
    pixel = f'<img\r\nsrc="{URLS.pixel(3)}"\r\nwidth="1"\r\nheight="1"\r\nalt="">'
    long = f"<p>{'x' * 980}</p>"
    html = f'<p>Yes</p>\r\n<div class="gmail_quote">{long}{pixel}</div><p>{"y" * 100}</p>\r\n'
    result = check_message(message(html), Plan(opens=True, html_links=True))
    assert isinstance(result, Tracked)
    assert result.raw.endswith(f"{long}\r\n</div><p>{'y' * 100}</p>\r\n".encode())


def test_googles_copy_of_our_pixel_goes_out_of_a_quotation() -> None:
    copy = f'<img src="https://ci3.example.net/meips/ADKq=s0-d-e1-ft#{URLS.pixel(3)}" alt="">'
    theirs = '<img src="https://ci3.example.net/meips/ADKq=s0-d-e1-ft#https://www.example.com/o/a.gif" alt="">'
    html = f"<p>Yes</p>\r\n{copy}" + PROGRAMS["Gmail"].replace("old</a>", f"old</a>{copy}{theirs}")
    result = rewrite(message(html), Plan(opens=True, html_links=True), URLS)
    assert isinstance(result, Tracked)
    assert result.raw.count(copy.encode()) == 1  # above the quotation it is nobody's business
    assert theirs.encode() in result.raw


def test_quoted_links_are_tracked_where_the_settings_say_so() -> None:
    result = rewrite(message(PROGRAMS["Gmail"]), Plan(opens=False, html_links=True, quoted=Quoted.TRACK), URLS)
    assert isinstance(result, Tracked)
    assert result.link_list[0].tracked


@pytest.mark.parametrize(
    "html",
    [
        f'<blockquote style="color:red">{_OLD}</blockquote>',  # somebody's words, set apart
        f"<p><b>Price:</b> 5 <b>Size:</b> 3 <b>Colour:</b> red</p>{_OLD}",
        f"<p>----- News -----</p>{_OLD}",
        f"<p>----- お知らせ -----</p>{_OLD}",
        f"<p>-------- Neu für Sie --------</p>{_OLD}",
        f"<p>-------- Caf&eacute; --------</p>{_OLD}",
        f"<p><b>商品：</b> 5<br><b>数量：</b> 3<br><b>价格：</b> 9</p>{_OLD}",
        f"<p><b>特集</b> <b>新着情報</b> <b>お知らせ一覧</b></p>{_OLD}",
        f'<p class="pull-quote">{_OLD}</p><div class="testimonial-quote">{_OLD}</div>',
        f'<div style="border-top:solid 1px">{_OLD}</div>',
        f'<a class="quote-button" href="https://www.example.com/quote">get a quote</a>{_OLD}',
        f"<blockquote>{_OLD}</blockquote>",
        f"<p>Our customers say:</p><blockquote>Great! {_OLD}</blockquote>",
        f"<blockquote>Ingredients:<br>{_OLD}</blockquote>",
        f"<blockquote>Ben wrote this. {_OLD}</blockquote>",
        # journeys, parcels and gifts have somebody they are from, too
        f"<p><strong>Von:</strong> Bonn<br><strong>Nach:</strong> Köln<br><strong>Abfahrt:</strong> 10:00</p>{_OLD}",
        f"<p><b>From:</b> Ann<br><b>To:</b> Tim<br><b>Message:</b> Happy birthday</p>{_OLD}",
        f"<p><b>寄件者：</b>王<br><b>收件者：</b>李<br><b>运单号：</b>123</p>{_OLD}",
        f"<p>---- Forward-looking statements ----</p>{_OLD}",
        f"<p>----- Original fit -----</p>{_OLD}",
        f"<p>----- The original recipe -----</p>{_OLD}",
        f"<p>----- Original-Zubehör -----</p>{_OLD}",
        f"<p>----- Netflix originals -----</p>{_OLD}",
        f"<p>----- Bank transfer -----</p>{_OLD}",
        f"<p>-----転送サービスのご案内-----</p>{_OLD}",
        f"<pre>v1.2\n-----\nFixed original bug\n-----\nmore</pre>{_OLD}",
    ],
)
def test_what_only_looks_like_a_quotation_is_tracked(html: str) -> None:
    result = rewrite(message(html), Plan(opens=True, html_links=True), URLS)
    assert isinstance(result, Tracked)
    assert all(row.tracked for row in result.link_list)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no shared/corpus beside the project")
@pytest.mark.parametrize(
    "name",
    ["gmail", "hotmail", "mail_ru", "ms_outlook_2003", "ms_outlook_2007", "ms_outlook_2010", "thunderbird",
     "windows_mail", "yandex_ru"],
)  # fmt: skip
def test_replies_of_real_programs_are_seen_as_quoting(name: str) -> None:
    html = (CORPUS / "html" / "mailgun-talon" / f"html_replies__{name}.html").read_bytes()
    marked = html.replace(b"Hello! How are you?", _OLD.encode()).replace(b"Blah-blah", _OLD.encode())
    result = rewrite(b"From: a@example.com\r\nContent-Type: text/html\r\n\r\n" + marked, Plan(True, True), URLS)
    assert isinstance(result, Tracked)
    assert not [row for row in result.link_list if row.url.endswith("/old") and row.tracked]
