"""The words with which people are asked whether they may be tracked. Pure; drafts, to be looked over by counsel.

Each language is one value; what was shown to somebody is kept word for word (consent_text), so words may change.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """``body`` takes sender, kept (what is stored, in the words of the page on privacy), url."""

    code: str
    subject: str
    body: str
    title: str
    question: str
    opens: str
    links: str
    save: str
    refuse: str
    thanks: str
    failed: str


_ENGLISH = ConsentWords(
    "en",
    "May we see when you read our mail?",
    "May {sender} see when you open our messages, and which links you follow?\n\n"
    "You get our messages either way. You can stop at any time with a link in each message. If you agree, this is\n"
    "stored.\n\n{kept}\n\nDecide here:\n{url}\n\nIf you do nothing, nothing is recorded.\n",
    "May we see when you read our mail?",
    "{sender} asks for your consent. You get the messages either way, and you can stop at any time.",
    "You may see when I open your messages.",
    "You may see which links in your messages I follow.",
    "Save",
    "No, thank you",
    "Thank you. Your answer is stored. You can change it here at any time.",
    "That did not work just now. Nothing was stored; please try again in a few minutes.",
)
_JAPANESE = ConsentWords(
    "ja",
    "メールの開封を確認してもよろしいですか",
    "{sender} が、メールの開封と、どのリンクを開いたかを確認することに同意いただけますか。\n\n"
    "同意の有無にかかわらずメールはお届けします。各メールのリンクからいつでも停止できます。同意された場合、次のものを\n"
    "保存します。\n\n{kept}\n\n"
    "こちらでお選びください:\n{url}\n\n何もされなければ、何も記録されません。\n",
    "メールの開封を確認してもよろしいですか",
    "{sender} があなたの同意を求めています。同意の有無にかかわらずメールは届き、いつでも停止できます。",
    "メールの開封を確認することに同意します。",
    "メール内のどのリンクを開いたかを確認することに同意します。",
    "保存",
    "同意しない",
    "ありがとうございます。回答を保存しました。いつでもこのページで変更できます。",
    "保存できませんでした。何も記録されていません。数分後にもう一度お試しください。",
)
_GERMAN = ConsentWords(
    "de",
    "Dürfen wir sehen, wann Sie unsere Post lesen?",
    "Darf {sender} sehen, wann Sie unsere Nachrichten öffnen und welchen Links Sie folgen?\n\n"
    "Sie bekommen unsere Nachrichten in jedem Fall. Sie können es jederzeit mit einem Link in jeder Nachricht\n"
    "beenden. Wenn Sie zustimmen, wird dies gespeichert.\n\n{kept}\n\nEntscheiden Sie hier:\n{url}\n\n"
    "Wenn Sie nichts tun, wird nichts aufgezeichnet.\n",
    "Dürfen wir sehen, wann Sie unsere Post lesen?",
    "{sender} bittet um Ihre Einwilligung. Sie bekommen die Nachrichten in jedem Fall und können jederzeit aufhören.",
    "Sie dürfen sehen, wann ich Ihre Nachrichten öffne.",
    "Sie dürfen sehen, welchen Links in Ihren Nachrichten ich folge.",
    "Speichern",
    "Nein, danke",
    "Danke. Ihre Antwort ist gespeichert. Sie können sie hier jederzeit ändern.",
    "Das ging gerade nicht. Nichts wurde gespeichert; bitte versuchen Sie es in einigen Minuten noch einmal.",
)
_FRENCH = ConsentWords(
    "fr",
    "Pouvons-nous savoir quand vous lisez nos messages ?",
    "{sender} peut-il savoir quand vous ouvrez nos messages et quels liens vous suivez ?\n\n"
    "Vous recevez nos messages dans tous les cas. Vous pouvez arrêter à tout moment grâce à un lien dans chaque\n"
    "message. Si vous acceptez, voici ce qui est conservé.\n\n{kept}\n\nDécidez ici :\n{url}\n\n"
    "Si vous ne faites rien, rien n'est enregistré.\n",
    "Pouvons-nous savoir quand vous lisez nos messages ?",
    "{sender} demande votre consentement. Vous recevez les messages dans tous les cas et pouvez arrêter à tout moment.",
    "Vous pouvez savoir quand j'ouvre vos messages.",
    "Vous pouvez savoir quels liens de vos messages je suis.",
    "Enregistrer",
    "Non, merci",
    "Merci. Votre réponse est enregistrée. Vous pouvez la changer ici à tout moment.",
    "Cela n'a pas fonctionné. Rien n'a été enregistré ; veuillez réessayer dans quelques minutes.",
)
_ITALIAN = ConsentWords(
    "it",
    "Possiamo sapere quando legge i nostri messaggi?",
    "{sender} può sapere quando apre i nostri messaggi e quali link segue?\n\n"
    "Riceve i nostri messaggi in ogni caso. Può smettere in ogni momento con un link in ogni messaggio. Se\n"
    "acconsente, si conserva questo.\n\n{kept}\n\nDecida qui:\n{url}\n\nSe non fa nulla, nulla viene registrato.\n",
    "Possiamo sapere quando legge i nostri messaggi?",
    "{sender} chiede il suo consenso. Riceve i messaggi in ogni caso e può smettere in ogni momento.",
    "Potete sapere quando apro i vostri messaggi.",
    "Potete sapere quali link dei vostri messaggi seguo.",
    "Salva",
    "No, grazie",
    "Grazie. La sua risposta è registrata. Può cambiarla qui in ogni momento.",
    "Non ha funzionato. Nulla è stato registrato; riprovi fra qualche minuto.",
)
CONSENT_WORDS = {words.code: words for words in (_ENGLISH, _JAPANESE, _GERMAN, _FRENCH, _ITALIAN)}


def text_shown(words: ConsentWords, sender: str, kept: str) -> str:
    """What the page shows, as it is kept for proof."""
    return "\n".join((words.question.format(sender=sender), words.opens, words.links, kept))


def text_version(language: str, shown: str) -> str:
    """The name of exactly this text."""
    return hashlib.sha256(f"{language}\n{shown}".encode()).hexdigest()
