"""The page that a request for consent leads to: two boxes, neither ticked, and a no. Only a POST does anything.

That somebody came here by the link in a mail to their address is what confirms the consent (double opt-in).
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape

from ledger.consent_events import ConsentPurpose
from ledger.consent_texts import CONSENT_WORDS, ConsentWords


def chosen(form: Collection[str]) -> tuple[ConsentPurpose, ...]:
    """What was ticked; nothing when it was a no."""
    return () if "refuse" in form else tuple(purpose for purpose in ConsentPurpose if purpose.value in form)


def consent_page(words: ConsentWords, sender: str, days: int, style: str, outcome: str = "") -> str:
    """``outcome``: "saved", "failed" or empty."""
    said = {"": "", "saved": words.thanks, "failed": words.failed}[outcome]
    status = f'<p role="status">{escape(said)}</p>\n' if said else ""
    boxes = "".join(
        f'<p><label><input type="checkbox" name="{purpose.value}"> {escape(label)}</label></p>\n'
        for purpose, label in ((ConsentPurpose.OPENS, words.opens), (ConsentPurpose.LINKS, words.links))
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{words.code}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(words.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(words.title)}</h1>\n{status}<p>{escape(words.question.format(sender=sender))}</p>\n"
        f'<form method="post"><section>\n{boxes}</section>\n'
        f"<p>{escape(words.what_is_kept.format(days=days))}</p>\n"
        f'<button name="save">{escape(words.save)}</button> '
        f'<button name="refuse">{escape(words.refuse)}</button></form>\n</main>\n</body>\n</html>\n'
    )


def words_for(language: str) -> ConsentWords:
    return CONSENT_WORDS.get(language, CONSENT_WORDS["en"])
