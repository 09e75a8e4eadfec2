"""The page that says what this installation records, made from its live configuration, so that the two cannot drift.

Pure. The same facts make the record of processing activities (``mailglass ropa``, Article 30 GDPR). A draft for
counsel, not legal advice.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from config.settings import Settings
from pixel_server.public.page_look import page
from pixel_server.public.privacy_words import PRIVACY_WORDS, PrivacyWords
from pixel_server.public.recipient_words import WORDS


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the page: what it is about, and what is so here."""

    topic: str
    words: str


def facts(settings: Settings, words: PrivacyWords) -> tuple[Fact, ...]:
    """What is recorded here, why, for how long, and who answers for it."""
    privacy = settings.privacy
    told = (
        privacy.controller or words.no_controller,
        privacy.contact or words.no_contact,
        words.purposes,
        _how(settings, words),
        _basis(settings, words),
        _kept(settings, words),
        _periods(settings, words),
        words.others,
        words.links,
        words.rights,
    )
    return tuple(Fact(topic, one) for topic, one in zip(words.topics, told, strict=True))


def privacy_page(settings: Settings, language: str = "en") -> str:
    """The page as HTML."""
    words = PRIVACY_WORDS[language]
    rows = "".join(f"<h2>{escape(fact.topic)}</h2>\n<p>{escape(fact.words)}</p>\n" for fact in facts(settings, words))
    return page(words.code, words.title, rows, {other.code: other.own_name for other in WORDS.values()})


def told_when_asked(settings: Settings, language: str) -> str:
    """What is kept, for how long, and who else gets it: what somebody has to know who is asked for consent."""
    words = PRIVACY_WORDS[language]
    return words.join.join(
        (_kept(settings, words), _periods(settings, words), f"{words.topics[7]}{words.colon}{words.others}")
    )


def record_of_processing(settings: Settings) -> str:
    """The record of processing activities as plain text, to be completed by the controller."""
    privacy, words = settings.privacy, PRIVACY_WORDS["en"]
    consents = "consents with their proof" if privacy.consent == "required" else "withdrawals"
    lines = [
        ("Controller", privacy.controller or "(fill in privacy.controller)"),
        ("Contact", privacy.contact or "(fill in privacy.contact)"),
        ("Purpose", "knowing whether single mails were received and read"),
        ("How", _how(settings, words)),
        ("Legal basis", _basis(settings, words)),
        ("Persons", "recipients of tracked mail; people who send it"),
        ("Data", f"{_kept(settings, words)} Of recipients: address, {consents}. Of senders: account, login times."),
        ("Recipients of data", "none (name the hosting provider here, as processor, if there is one)"),
        ("Third countries", "none"),
        ("Erasure", _periods(settings, words)),
        (
            "Security",
            "TLS, access control by account, keyed hashes in place of addresses in the register, tokens without "
            "personal data, append-only logs that show tampering, no access log of pixels and links",
        ),
    ]
    return "".join(f"{name + ':':<20}{text}\n" for name, text in lines)


def _how(settings: Settings, words: PrivacyWords) -> str:
    how = words.identity[settings.tracking.identity].format(minimum=settings.tracking.aggregate_minimum)
    return words.join.join((how, words.notice)) if settings.privacy.notice else how


def _basis(settings: Settings, words: PrivacyWords) -> str:
    privacy = settings.privacy
    periods = words.consent_periods.format(valid=privacy.consent_valid.days, pause=privacy.ask_again.days)
    return words.join.join((words.basis[privacy.consent], periods))


def _kept(settings: Settings, words: PrivacyWords) -> str:
    privacy = settings.privacy
    sentences = []
    if settings.tracking.identity == "individual":
        told = (words.time[privacy.whole_minutes], words.agent[privacy.user_agent], words.address[privacy.ip_address])
        sentences.append(f"{words.each_hit}{words.colon}{words.comma.join((*told, words.verdict))}")
    sentences.append(words.message[privacy.keep_subject])
    if settings.tracking.record_untracked:
        sentences.append(words.untracked)
    if privacy.honour_gpc:
        sentences.append(words.gpc)
    return words.join.join(sentences)


def _periods(settings: Settings, words: PrivacyWords) -> str:
    privacy = settings.privacy
    return words.periods.format(
        hits=privacy.keep_hits.days, recipients=privacy.keep_recipients.days, evidence=privacy.keep_evidence.days
    )
