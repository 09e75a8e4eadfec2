"""Where in plain text an earlier mail begins that no ``>`` marks.

Decides by what a mail program or a writer puts above it: ``-----Original Message-----`` or ``On … wrote:``, each alone
on its line, or Outlook's lines of From, Sent, To, Subject. All below it is quoted. Where ``>`` follows, the marks say
what is quoted and what is an answer.
"""

from __future__ import annotations

import re

_FORWARD_WORDS = (
    "original", "forward", "urspr", "weitergel", "origine", "transf", "inoltrat", "reenviad", "oorspronk",
    "doorgestuurd", "vidarebe", "videresend", "encaminh", "oprindelig", "opprinnelig", "oryginaln",
    "исходн", "пересыл", "元のメッセージ", "転送", "原始", "转发", "轉寄", "원본",
)  # fmt: skip
_ATTRIBUTIONS = (
    rb"On\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\bwrote",
    rb"Am\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\bschrieb\b[^\r\n]{0,100}",
    rb"Op\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\bschreef\b[^\r\n]{0,100}",
    "Le\\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\\ba écrit".encode(),
    rb"Il\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\bha scritto",
    "El\\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\\bescribió".encode(),
    rb"Em\b[^\r\n]{2,200}(?:\r?\n[^\r\n>]{0,200})?\bescreveu",
    "[0-9]{4}年[^\r\n@]{4,100}@[^\r\n]{3,100}".encode(),
)
# Outlook's lines: who, right under it when, right under that to whom, then what about. Forms and memos have other
# orders.
_SENDER_WORDS = (
    "From", "Von", "De", "Da", "Van", "Från", "Fra", "Od", "От", "Lähettäjä", "Kimden", "差出人", "送信者", "发件人",
    "寄件者", "보낸 사람",
)  # fmt: skip
_DATE_WORDS = (
    "Sent", "Date", "Gesendet", "Datum", "Envoyé", "Envoyé le", "Inviato", "Data", "Verzonden", "Enviado", "Enviado el",
    "Fecha", "Skickat", "Sendt", "Dato", "Wysłano", "Odesláno", "Отправлено", "Дата", "Lähetetty", "Gönderildi",
    "Tarih", "送信日時", "日時", "日付", "发送时间", "日期", "寄件日期", "보낸 날짜", "날짜",
)  # fmt: skip
_RECIPIENT_WORDS = (
    "To", "An", "À", "A", "Para", "Aan", "Till", "Til", "Do", "Komu", "Кому", "Vastaanottaja", "Kime", "宛先", "收件人",
    "收件者", "받는 사람",
)  # fmt: skip
_SUBJECT_WORDS = (
    "Subject", "Betreff", "Objet", "Oggetto", "Onderwerp", "Asunto", "Assunto", "Ämne", "Emne", "Temat", "Předmět",
    "Тема", "Aihe", "Konu", "件名", "主题", "主旨", "제목",
)  # fmt: skip
_MOST_LINES = 4  # between those, with Cc, Importance, and recipients that go over several
_END = rb"[ \t]*+\r?$"
_DASHED_LINE = re.compile(
    rb"^[ \t]*+-{4,80}+[^-\r\n]{0,40}?(?:" + "|".join(_FORWARD_WORDS).encode() + rb")[^-\r\n]{0,60}-{4,80}+" + _END,
    re.IGNORECASE | re.MULTILINE,
)
# Zoho and Notes: -----"Ben" <ben@example.com> wrote: -----
_DASHED_ATTRIBUTION = re.compile(rb"^[ \t]*+-{4,80}+[^\r\n]{2,200}?\bwrote:?+[ \t]?+-{4,80}+" + _END, re.MULTILINE)
_ATTRIBUTION = re.compile(
    rb"^[ \t]{0,3}(?:" + b"|".join(_ATTRIBUTIONS) + rb")(?:\xc2?\xa0| )?(?::|\xef\xbc\x9a)" + _END, re.MULTILINE
)


def _label(words: tuple[str, ...]) -> bytes:
    either = "|".join(words).encode()
    return rb"[ \t]{0,8}+\*?(?:" + either + rb")\*?(?:\xc2?\xa0| )?(?::|\xef\xbc\x9a)"


_REST = rb"[^\r\n]{0,300}\r?\n"
_HEADER_BLOCK = re.compile(
    rb"^" + _label(_SENDER_WORDS) + _REST + _label(_DATE_WORDS) + _REST + _label(_RECIPIENT_WORDS) + _REST
    + rb"(?:[^\r\n]{1,300}\r?\n){0,%d}?" % _MOST_LINES + _label(_SUBJECT_WORDS),
    re.MULTILINE,
)  # fmt: skip
_MARKED = re.compile(rb"\s*+(?:>|\|[ \t])")


def quoted_from(text: bytes) -> int:
    """The offset of the line above the earlier mail; the text's length when there is none."""
    end = len(text)
    for sign in (_DASHED_LINE, _DASHED_ATTRIBUTION, _HEADER_BLOCK):
        found = sign.search(text, 0, end)
        end = found.start() if found else end
    for attribution in _ATTRIBUTION.finditer(text, 0, end):
        if not _MARKED.match(text, attribution.end()):
            return attribution.start()
    return end
