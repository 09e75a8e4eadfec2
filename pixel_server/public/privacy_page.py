"""The page that says what this installation records, made from its live configuration, so that the two cannot drift.

Pure. The same facts make the record of processing activities (``mailglass ropa``, Article 30 GDPR). A draft for
counsel, not legal advice.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from config.settings import Privacy, Settings
from pixel_server.public.page_look import STYLE


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the page: what it is about, and what is so here."""

    topic: str
    words: str


_BASIS = {
    "required": "Only recipients who confirmed their consent are tracked, for each purpose apart. They can withdraw at "
    "any time by the link in each message; that holds for mail already delivered too.",
    "sender": "The sender decides for each message. Recipients can stop it for a sender by the link to their page, for "
    "mail already delivered too.",
}
_IDENTITY = {
    "individual": "For each message, and with one copy per recipient for each recipient.",
    "aggregate": "As counts per day only, for messages to many recipients; no single opening is kept.",
    "off": "Nothing is recorded at present.",
}
_ADDRESS = {
    "truncate": "the network address without its last part",
    "none": "no network address",
    "full": "the network address",
}
_AGENT = {"family": "the kind of mail program", "none": "no mail program", "full": "the mail program's own description"}


def facts(settings: Settings) -> tuple[Fact, ...]:
    """What is recorded here, why, for how long, and who answers for it."""
    privacy = settings.privacy
    return (
        Fact("Who is responsible", privacy.controller or "Not stated: the operator has not filled in the name yet."),
        Fact("Where to write", privacy.contact or "Not stated."),
        Fact("Purposes", "Knowing whether a message was opened, and which of its links were followed."),
        Fact("How it is recorded", _IDENTITY[settings.tracking.identity]),
        Fact("On what basis", _BASIS[privacy.consent]),
        Fact("What is kept", _kept(privacy)),
        Fact("For how long", f"Single records {privacy.keep_hits.days} days, then counts per hour that name nobody."),
        Fact("Who else gets it", "Nobody. There are no cookies and nothing is loaded from elsewhere."),
        Fact("Links", "Links in delivered mail work for ever; their destinations are in the links."),
        Fact(
            "Your rights",
            "To see what is recorded about you, to have it erased or restricted, to withdraw a consent, and to "
            "complain to a supervisory authority. The page linked from a message does the most of it at once.",
        ),
    )


def privacy_page(settings: Settings) -> str:
    """The page as HTML."""
    rows = "".join(f"<h2>{escape(fact.topic)}</h2>\n<p>{escape(fact.words)}</p>\n" for fact in facts(settings))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>What is recorded when you read our mail</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>What is recorded when you read our mail</h1>\n{rows}</main>\n</body>\n</html>\n"
    )


def record_of_processing(settings: Settings) -> str:
    """The record of processing activities as plain text, to be completed by the controller."""
    privacy = settings.privacy
    consents = "consents with their proof" if privacy.consent == "required" else "withdrawals"
    lines = [
        ("Controller", privacy.controller or "(fill in privacy.controller)"),
        ("Contact", privacy.contact or "(fill in privacy.contact)"),
        ("Purpose", "knowing whether single mails were received and read"),
        ("Legal basis", _BASIS[privacy.consent]),
        ("Persons", "recipients of tracked mail; people who send it"),
        ("Data", f"{_kept(privacy)} Of recipients: address, {consents}. Of senders: account, login times."),
        ("Recipients of data", "none (name the hosting provider here, as processor, if there is one)"),
        ("Third countries", "none"),
        ("Erasure", f"hits after {privacy.keep_hits.days} days; consents hold {privacy.consent_valid.days} days"),
        (
            "Security",
            "TLS, access control by account, keyed hashes in place of addresses in the register, tokens without "
            "personal data, append-only logs that show tampering, no access log of pixels and links",
        ),
    ]
    return "".join(f"{name + ':':<20}{words}\n" for name, words in lines)


def _kept(privacy: Privacy) -> str:
    time = "the time to the minute" if privacy.whole_minutes else "the time"
    subject = "" if privacy.keep_subject else " The subject of the message is not kept."
    return (
        f"For each opening and each followed link: {time}, {_AGENT[privacy.user_agent]}, "
        f"{_ADDRESS[privacy.ip_address]}, and whether it was a person or a machine.{subject}"
    )
