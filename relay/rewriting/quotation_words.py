"""What mail programs write above an earlier mail, language by language. Data only."""

from __future__ import annotations

import re

# Between dashes: "-----Original Message-----". Beginnings of words, casefolded.
FORWARD_WORDS = (
    "forwarded", "forward message", "replied message", "urspr", "weitergel", "origine", "transfér",
    "inoltrat", "reenviad", "reenviat", "oorspronk", "doorgestuurd", "vidarebe", "videresend", "encaminh",
    "oprindelig", "opprinnelig", "oryginaln", "przekazan", "przesłan", "původní", "přeposlan", "pôvodn",
    "preposlan", "eredeti", "továbbít", "alkuperäi", "välitet", "orijinal", "özgün", "iletilen", "yönlendir",
    "redirected", "izvorn", "proslijeđen", "pesan asli", "diteruskan", "gốc", "chuyển tiếp", "αρχικ", "προωθ",
    "исходн", "пересыл", "переслан", "перенаправ", "оригинал", "початков", "вихідн", "מקורי", "הועבר", "أصلي",
    "توجيه", "元のメッセージ", "元のメール", "転送メ", "転送され", "オリジナルメッセージ", "原始邮", "原始郵",
    "原始信", "原始消息", "原始訊息", "原件", "原邮件", "原郵件", "转发", "轉寄", "轉發", "원본", "원래", "전달된",
    "전달한",
)  # fmt: skip

# "Original" is said of clothes and recipes too: it counts alone, as QQ has it, with an ending, as in "Originalpost", or
# beside what an earlier mail is called. Beginnings of words, too.
ORIGINAL = re.compile(r"\boriginal(?:(?!(?:s|ly|ity)\b)[^\W\d_])|\A\W*original\W*\Z")
ORIGINAL_OF = re.compile(
    r"\boriginal\b(?=.*\b(MAIL))|\b(MAIL).*\boriginal\b".replace(
        "MAIL",
        "mess|mens|mesa|missat|mail|e-?mail|msg|nachricht|post|meddel|melding|bericht|besked|e-post|corre|letter|lettre"
        "|text|note|memo|item|task|appointment|meeting|event|termin|request|invit|header|subject|article|sender",
    )
)

# Outlook's lines: who, right under it when, right under that to whom, then what about.
SENDER_WORDS = (
    "From", "Von", "De", "Da", "Van", "Från", "Fra", "Od", "От", "Від", "Lähettäjä", "Kimden", "Feladó", "De la",
    "差出人", "送信者", "发件人", "寄件者", "보낸 사람",
)  # fmt: skip
SENT_WORDS = (
    "Sent", "Gesendet", "Envoyé", "Envoyé le", "Inviato", "Verzonden", "Enviado", "Enviado el", "Enviado em",
    "Enviada em", "Enviada", "Skickat", "Sendt", "Wysłano", "Odesláno", "Отправлено", "Надіслано", "Lähetetty",
    "Gönderildi", "Elküldve", "Trimis", "送信日時", "发送时间", "寄件日期", "보낸 날짜",
)  # fmt: skip
DATE_WORDS = (*SENT_WORDS, "Date", "Datum", "Data", "Fecha", "Dato", "Дата", "Tarih", "日時", "日付", "日期", "날짜")
REPLY_TO_WORDS = (
    "Reply-To", "Antwort an", "Antworten an", "Répondre à", "Risposta", "Rispondi a", "Responder a", "Responder para",
    "Antwoord aan", "返信先", "答复",
)  # fmt: skip
RECIPIENT_WORDS = (
    "To", "An", "À", "A", "Para", "Aan", "Till", "Til", "Do", "Komu", "Кому", "Vastaanottaja", "Kime", "Címzett",
    "Către", "宛先", "收件人", "收件者", "받는 사람",
)  # fmt: skip
SUBJECT_WORDS = (
    "Subject", "Betreff", "Objet", "Oggetto", "Onderwerp", "Asunto", "Assunto", "Ämne", "Emne", "Temat", "Předmět",
    "Тема", "Aihe", "Konu", "Tárgy", "Subiect", "件名", "主题", "主旨", "제목",
)  # fmt: skip

# Who wrote, at the end of a line that also says when, or whose address it is.
WROTE = (
    r"\b(?:wrote|writes|schrieb|geschrieben|schreef|escribió|escreveu|ha scritto|skrev|kirjoitti|napisa[łl]a?|pisze"
    r"|napsala?|napísala?|ezt írta|a scris|va escriure|yazdı|đã viết|menulis|napisao je|napisala je|написала?|пишет"
    r"|пише|написав|έγραψε)\b"
    r"|\ba écrit\b|(?:[写寫]道|님이 작성|のメール|のメッセージ)(?=\s*[:：]?\s*\Z)|เขียนว่า"
)
