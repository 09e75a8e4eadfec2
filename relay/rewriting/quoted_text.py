"""Where in plain text an earlier mail begins that no ``>`` marks.

Decides by the line that a mail program or a writer puts above it: ``-----Original Message-----`` or ``On … wrote:``,
each alone on its line. All below it is quoted. Where ``>`` follows, the marks say what is quoted and what is an answer.
"""

from __future__ import annotations

import re

_FORWARD_WORDS = (
    "original", "forward", "urspr", "weitergel", "origine", "transf", "inoltrat", "reenviad", "oorspronk",
    "doorgestuurd", "vidarebe", "videresend", "encaminh",
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
_END = rb"[ \t]*+\r?$"
_DASHED_LINE = re.compile(
    rb"^[ \t]*+-{4,80}+[^-\r\n]{0,40}?(?:" + "|".join(_FORWARD_WORDS).encode() + rb")[^-\r\n]{0,60}-{4,80}+" + _END,
    re.IGNORECASE | re.MULTILINE,
)
_ATTRIBUTION = re.compile(
    rb"^[ \t]{0,3}(?:" + b"|".join(_ATTRIBUTIONS) + rb")(?:\xc2?\xa0| )?(?::|\xef\xbc\x9a)" + _END, re.MULTILINE
)
_MARKED = re.compile(rb"\s*+(?:>|\|[ \t])")


def quoted_from(text: bytes) -> int:
    """The offset of the line above the earlier mail; the text's length when there is none."""
    dashed = _DASHED_LINE.search(text)
    end = dashed.start() if dashed else len(text)
    for attribution in _ATTRIBUTION.finditer(text, 0, end):
        if not _MARKED.match(text, attribution.end()):
            return attribution.start()
    return end
