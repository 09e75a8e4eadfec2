"""What mailglass itself writes into a mail: the pixel, and lines that tell recipients about it.

Decides words and markup. The pixel is visible for what it is; the lines are small, plain, and lead to the recipient's
page. All text is ASCII, since a body's charset is not ours to choose: other letters are character references in HTML,
and text parts get the line in a language that ASCII can write.
"""

from __future__ import annotations

_NOTICE = {
    "en": "This message tells its sender when it is opened or its links are followed.",
    "ja": "このメールは、開封やリンクのクリックを送信者に知らせます。",
    "de": "Diese Nachricht teilt dem Absender mit, wann sie geöffnet und welchen Links gefolgt wird.",
    "fr": "Ce message signale à son expéditeur son ouverture et les liens suivis.",
    "it": "Questo messaggio comunica al mittente l'apertura e i link seguiti.",
}
_PAGE = {
    "en": "See what is recorded, or stop it:",
    "ja": "記録の確認と停止:",
    "de": "Ansehen, was aufgezeichnet wird, oder es beenden:",
    "fr": "Voir ce qui est enregistré ou l'arrêter :",
    "it": "Vedere che cosa viene registrato o interromperlo:",
}
_LINK = {
    "en": "what is recorded, and how to stop it",
    "ja": "記録の確認と停止",
    "de": "was aufgezeichnet wird und wie es endet",
    "fr": "ce qui est enregistré, et comment l'arrêter",
    "it": "che cosa viene registrato e come interromperlo",
}
LANGUAGES = tuple(_NOTICE)


def pixel_markup(url: str, newline: bytes = b" ") -> bytes:
    """The pixel; ``newline`` stands between its attributes, a line end where one line has no room."""
    return newline.join((b"<img", b'src="' + url.encode("ascii") + b'"', b'width="1"', b'height="1"', b'alt="">'))


def html_lines(language: str, page_url: str, *, notice: bool, withdrawal: bool) -> bytes:
    """A paragraph for an HTML body; empty when neither line is wanted."""
    if not (notice or withdrawal):
        return b""
    language = language if language in _NOTICE else "en"
    words = _NOTICE[language] + " " if notice else ""
    text = (
        f'<p lang="{language}" style="font-size:12px;line-height:1.5">{words}'
        f'<a href="{page_url}">{_LINK[language]}</a></p>'
    )
    return text.encode("ascii", "xmlcharrefreplace")


def text_lines(
    language: str, page_url: str, newline: bytes, *, notice: bool, withdrawal: bool, ends_line: bool = True
) -> bytes:
    """Lines for a text part, with a blank line before; empty when neither is wanted.

    ``ends_line``: the text before ends with a line end, and so does what comes back.
    """
    if not (notice or withdrawal):
        return b""
    if language not in _NOTICE or not (_NOTICE[language] + _PAGE[language]).isascii():
        language = "en"
    lines = ["", *([_NOTICE[language]] if notice else []), _PAGE[language], page_url]
    lines = [*lines, ""] if ends_line else ["", *lines]
    return newline.join(line.encode("ascii") for line in lines)
