"""A link whose words say nothing is judged by its sentence: "To unsubscribe, click here"."""

from __future__ import annotations

import pytest

from ledger.records import LinkReason
from relay.rewriting.plan import Plan, Tracked
from tests.rewriting.oracles import check_message

X = "https://example.com/r/8Q2x"


def reasons(html: str) -> list[LinkReason | None]:
    raw = "From: a@example.com\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello.</p>" + html + "\r\n"
    result = check_message(raw.encode(), Plan(opens=True, html_links=True))
    assert isinstance(result, Tracked)
    return [row.reason for row in result.link_list]


@pytest.mark.parametrize(
    "html",
    [
        f"<p>To unsubscribe, <a href={X}>click here</a>.</p>",
        f"<p>Click <a href={X}>here</a> to unsubscribe.</p>",
        f"<p>If you no longer wish to receive these e-mails, please follow <a href={X}>this link</a></p>",
        f"<td>Unsubscribe: <a href={X}>{X}</a></td>",
        f"<td>You get this since you signed up. To <b>unsubscribe</b>, go <a href={X}><span>here</span></a></td>",
        f"<p>To opt out<br>\r\n<a href={X}>click here</a></p>",
        f"<p>Unsubscribe <a href={X}><img src=x.png></a></p>",
        f"<p>To be removed from our database, <a href={X}>click here</a></p>",
        f"<p>If you would like to be removed, please go <a href={X}>here</a></p>",
        f"<p>Should you not wish to be taken off, do nothing; to be removed click <a href={X}>here</a></p>",
        f"<p>Hier <a href={X}>klicken</a>, um den Newsletter abzubestellen oder Newsletter abbestellen</p>",
        f"<p>If you no longer wish to receive these, you may unsubscribe by <a href={X}>clicking here</a></p>",
        f"<p>To no longer receive offers from us click <a href={X}>here</a></p>",
        f"<p>Click <a href={X}>here</a> to remove yourself from our mailing list</p>",
        f"<p>Wenn Sie diese E-Mails nicht mehr erhalten möchten, klicken Sie <a href={X}>hier</a></p>",
        f"<p>So melden Sie sich von unserer Liste ab, <a href={X}>klicken Sie hier</a></p>",
        f"<p>Sie können sich abmelden, <a href={X}>indem Sie hier klicken</a></p>",
        f"<p>Als u deze e-mails niet langer wilt ontvangen, <a href={X}>klik dan hier</a></p>",
        f"<p>Vous pouvez vous désabonner <a href={X}>en cliquant ici</a></p>",
        f"<p>Si ya no desea recibir estos correos, puede hacerlo <a href={X}>haciendo clic aquí</a></p>",
        f"<p>Se você não deseja mais receber nossos e-mails, <a href={X}>clique aqui</a></p>",
        f"<p>Caso não queira receber, cancele sua inscrição <a href={X}>aqui</a></p>",
        f"<p>Jeśli nie chcesz otrzymywać wiadomości, kliknij <a href={X}>tutaj</a></p>",
        f"<p>Если вы не хотите больше получать письма, нажмите <a href={X}>здесь</a></p>",
        f"<p>メール配信をご希望されない方は<a href={X}>こちら</a></p>",
        f"<p>如果您不想再收到此类邮件，请<a href={X}>点击这里</a></p>",
        f"<p>수신을 원하지 않으시면 <a href={X}>여기</a></p>",
        f"<p>Pour vous désabonner, <a href={X}>cliquez ici</a></p>",
        f"<p>Para darse de baja, haga clic <a href={X}>aquí</a></p>",
        f"<p>メルマガの配信停止は<a href={X}>こちら</a></p>",
        f"<p>配信停止のお手続きは<a href={X}>こちらのページ</a></p>",
        f"<p>今後メールを受け取らない方は<a href={X}>こちらをクリックしてください</a></p>",
        f"<p>退订请<a href={X}>点击这里</a></p>",
        f"<p>Чтобы отписаться, нажмите <a href={X}>здесь</a></p>",
        f"<p>Om u af te melden: <a href={X}>klik hier</a> (afmelden)</p>",
    ],
)
def test_a_link_in_a_sentence_on_unsubscribing_is_left_alone(html: str) -> None:
    assert reasons(html) == [LinkReason.UNSUBSCRIBE]


@pytest.mark.parametrize(
    "html",
    [
        f"<p>Click <a href={X}>here</a> to see our offers. To unsubscribe, answer this mail.</p>",
        f"<p>To unsubscribe, answer this mail.</p><p>Our offers are <a href={X}>here</a></p>",
        f"<p>You may unsubscribe at any time. Read more <a href={X}>here</a></p>",
        f"<p>To unsubscribe, answer this mail.<br><br>Our offers: <a href={X}>here</a></p>",
        f"<p>Why people unsubscribe: read it <a href={X}>here</a></p>",
        f"<p>To unsubscribe, write to us or read <a href={X}>our new story</a></p>",
        f"<!-- To unsubscribe --><a href={X}>here</a>",
        f"<p title='To unsubscribe'><a href={X}>here</a></p>",
    ],
)
def test_a_link_beside_such_a_sentence_is_tracked(html: str) -> None:
    assert reasons(html) == [None]


def test_of_two_links_each_has_its_own_part_of_the_sentence() -> None:
    html = f"<p>View this <a href={X}>here</a>, or unsubscribe <a href={X}u>here</a></p>"
    assert reasons(html)[1] is LinkReason.UNSUBSCRIBE


@pytest.mark.parametrize(
    ("text", "tracked"),
    [
        (f"To unsubscribe: {X}\r\n", [False]),
        (f"To unsubscribe, go to\r\n{X}\r\n", [False]),
        (f"Unsubscribe <{X}>\r\n", [False]),
        (f"Go to {X} to unsubscribe\r\n", [False]),
        (f"Our letter: {X}\r\nUnsubscribe: {X}u\r\n", [True, False]),
        (f"Unsubscribe: {X}\r\nOur letter: {X}u\r\n", [False, True]),
        (f"You may unsubscribe at any time.\r\n\r\n{X}\r\n", [True]),
    ],
)
def test_in_plain_text_the_line_says_so(text: str, tracked: list[bool]) -> None:
    raw = f"From: a@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}".encode()
    result = check_message(raw, Plan(opens=False, html_links=False, text_links=True))
    rows = [row.tracked for row in result.link_list]
    assert rows == tracked
