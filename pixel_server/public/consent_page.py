"""The page that a request for consent leads to: two boxes, neither ticked, and a no. Only a POST does anything.

That somebody came here by the link in a mail to their address is what confirms the consent (double opt-in).
"""

from __future__ import annotations

from collections.abc import Collection
from html import escape

from ledger.consent_events import ConsentPurpose
from ledger.consent_texts import CONSENT_WORDS, ConsentWords
from pixel_server.public.page_look import page
from pixel_server.public.recipient_words import WORDS


def chosen(form: Collection[str]) -> tuple[ConsentPurpose, ...]:
    """What was ticked; nothing when it was a no."""
    return () if "refuse" in form else tuple(purpose for purpose in ConsentPurpose if purpose.value in form)


def consent_page(words: ConsentWords, sender: str, kept: str, version: str, outcome: str = "") -> str:
    """A yes and a no look alike. ``version`` is the text's that is shown, and comes back with the answer: an answer is
    to that text alone.
    ``outcome``: "saved", "failed", "again" (the text changed in between) or empty."""
    said = {"": "", "saved": words.thanks, "failed": words.failed, "again": words.failed}[outcome]
    status = f'<p role="status">{escape(said)}</p>\n' if said else ""
    boxes = "".join(
        f'<label><input type="checkbox" name="{purpose.value}"> {escape(label)}</label>\n'
        for purpose, label in ((ConsentPurpose.OPENS, words.opens), (ConsentPurpose.LINKS, words.links))
    )
    question = escape(words.question.format(sender=sender))
    return page(
        words.code,
        words.title,
        f'{status}<form method="post"><input type="hidden" name="text" value="{version}">\n'
        f"<fieldset><legend>{question}</legend>\n{boxes}</fieldset>\n"
        f"<p>{escape(kept)}</p>\n"
        f'<p><button name="save">{escape(words.save)}</button> '
        f'<button name="refuse">{escape(words.refuse)}</button></p></form>\n',
        {},
        f'<a href="../privacy?lang={words.code}">{escape(WORDS[words.code].privacy)}</a>',
    )


def words_for(language: str) -> ConsentWords:
    return CONSENT_WORDS.get(language, CONSENT_WORDS["en"])
