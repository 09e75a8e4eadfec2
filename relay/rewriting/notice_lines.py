"""What mailglass itself writes into a mail: the pixel, and lines that tell recipients about it.

Decides words and markup. The pixel is visible for what it is; the lines are small, plain, say what is tracked and
nothing else, and lead to the recipient's page. In HTML letters beyond ASCII are character references, since a body's
charset is not ours to choose; in text parts they are written in its charset, and where that has no room for them the
line is in English.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Sentences:
    """For opens and links, opens alone, links alone."""

    both: str
    opens: str
    links: str

    def about(self, *, opens: bool, links: bool) -> str:
        return self.both if opens and links else self.opens if opens else self.links


_TOLD = {
    "en": _Sentences(
        "This message tells its sender when it is opened and which links are followed.",
        "This message tells its sender when it is opened.",
        "This message tells its sender which of its links are followed.",
    ),
    "ja": _Sentences(
        "このメールは、開封とリンクのクリックを送信者に知らせます。",
        "このメールは、開封を送信者に知らせます。",
        "このメールは、リンクのクリックを送信者に知らせます。",
    ),
    "de": _Sentences(
        "Diese Nachricht teilt dem Absender mit, wann sie geöffnet und welchen Links gefolgt wird.",
        "Diese Nachricht teilt dem Absender mit, wann sie geöffnet wird.",
        "Diese Nachricht teilt dem Absender mit, welchen ihrer Links gefolgt wird.",
    ),
    "fr": _Sentences(
        "Ce message signale à son expéditeur son ouverture et les liens suivis.",
        "Ce message signale son ouverture à son expéditeur.",
        "Ce message signale à son expéditeur les liens suivis.",
    ),
    "it": _Sentences(
        "Questo messaggio comunica al mittente quando viene aperto e quali link vengono seguiti.",
        "Questo messaggio comunica al mittente quando viene aperto.",
        "Questo messaggio comunica al mittente quali dei suoi link vengono seguiti.",
    ),
}
_AGREED = {
    "en": _Sentences(
        "You agreed that the sender sees when this message is opened and which links you follow.",
        "You agreed that the sender sees when this message is opened.",
        "You agreed that the sender sees which links in this message you follow.",
    ),
    "ja": _Sentences(
        "ご同意にもとづき、このメールの開封とリンクのクリックが送信者に知らされます。",
        "ご同意にもとづき、このメールの開封が送信者に知らされます。",
        "ご同意にもとづき、このメールのリンクのクリックが送信者に知らされます。",
    ),
    "de": _Sentences(
        "Sie haben zugestimmt, dass der Absender sieht, wann diese Nachricht geöffnet wird und welchen Links Sie "
        "folgen.",
        "Sie haben zugestimmt, dass der Absender sieht, wann diese Nachricht geöffnet wird.",
        "Sie haben zugestimmt, dass der Absender sieht, welchen Links in dieser Nachricht Sie folgen.",
    ),
    "fr": _Sentences(
        "Vous avez accepté que l'expéditeur voie quand ce message est ouvert et quels liens vous suivez.",
        "Vous avez accepté que l'expéditeur voie quand ce message est ouvert.",
        "Vous avez accepté que l'expéditeur voie quels liens de ce message vous suivez.",
    ),
    "it": _Sentences(
        "Ha acconsentito a che il mittente veda quando questo messaggio viene aperto e quali link segue.",
        "Ha acconsentito a che il mittente veda quando questo messaggio viene aperto.",
        "Ha acconsentito a che il mittente veda quali link di questo messaggio segue.",
    ),
}
_PAGE = {
    "en": "See what is recorded, or stop it:",
    "ja": "記録の確認と停止:",
    "de": "Ansehen, was aufgezeichnet wird, oder es beenden:",
    "fr": "Voir ce qui est enregistré ou l'arrêter :",
    "it": "Vedere che cosa viene registrato o interromperlo:",
}
_LINK = {
    "en": "See what is recorded, or stop it",
    "ja": "記録の確認と停止",
    "de": "Ansehen, was aufgezeichnet wird, oder es beenden",
    "fr": "Voir ce qui est enregistré ou l'arrêter",
    "it": "Vedere che cosa viene registrato o interromperlo",
}
LANGUAGES = tuple(_TOLD)


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of ours a body gets, and what of the message is tracked. ``codec``: in which the lines of a text part
    may be written; "" where only ASCII may stand."""

    language: str = "en"
    notice: bool = False
    withdrawal: bool = False
    opens: bool = True
    links: bool = True
    codec: str = ""

    def __bool__(self) -> bool:
        return self.notice or self.withdrawal


def language_of(header: str) -> str:
    """The language a Content-Language field names first (RFC 3282), if the lines are written in it; else ""."""
    first = header.partition(",")[0].strip().partition("-")[0].lower()
    return first if first in LANGUAGES else ""


def pixel_markup(url: str, newline: bytes = b" ") -> bytes:
    """The pixel; ``newline`` stands between its attributes, a line end where one line has no room."""
    return newline.join((b"<img", b'src="' + url.encode("ascii") + b'"', b'width="1"', b'height="1"', b'alt="">'))


def html_lines(lines: Lines, page_url: str) -> bytes:
    """A paragraph for an HTML body; empty when neither line is wanted."""
    if not lines:
        return b""
    language = lines.language if lines.language in LANGUAGES else "en"
    text = (
        f'<p lang="{language}" style="font-size:12px;line-height:1.5">{_sentence(lines, language)} '
        f'<a href="{page_url}">{_LINK[language]}</a></p>'
    )
    return text.encode("ascii", "xmlcharrefreplace")


def text_lines(lines: Lines, page_url: str, newline: bytes, *, ends_line: bool = True) -> bytes:
    """Lines for a text part, with a blank line before; empty when neither is wanted.

    ``ends_line``: the text before ends with a line end, and so does what comes back.
    """
    if not lines:
        return b""
    language = lines.language if lines.language in LANGUAGES else "en"
    words = _encoded((_sentence(lines, language), _PAGE[language]), lines.codec)
    if words is None:
        words = _encoded((_sentence(lines, "en"), _PAGE["en"]), "") or []
    written = [b"", *words, page_url.encode("ascii")]
    return newline.join([*written, b""] if ends_line else [b"", *written])


def _sentence(lines: Lines, language: str) -> str:
    """Who agreed is told what they agreed to; everybody else, what the message does."""
    sentences = _AGREED if lines.withdrawal else _TOLD
    return sentences[language].about(opens=lines.opens, links=lines.links)


def _encoded(words: tuple[str, ...], codec: str) -> list[bytes] | None:
    try:
        return [one.encode(codec or "ascii") for one in words]
    except UnicodeEncodeError:
        return None
