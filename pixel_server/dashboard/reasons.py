"""The contract's words for states, confidence and reasons, in sentences for the page. Pure.

The command line has longer ones (``mailglass explain``); the pages cannot ask it, since they never import the relay.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.consent_events import Standing
from ledger.records import HitClass, LinkReason, Reason
from pixel_server.dashboard.marking import N_

_MESSAGE: dict[Reason, str] = {
    Reason.NOT_REQUESTED: N_("Tracking was not asked for"),
    Reason.NOTHING_TO_TRACK: N_("Nothing in it could be tracked"),
    Reason.NO_HTML: N_("Plain text: there is no HTML to track in"),
    Reason.SIGNED: N_("Signed: any change would break the signature"),
    Reason.ENCRYPTED: N_("Encrypted: nobody but its reader can look inside"),
    Reason.DKIM_SIGNED: N_("It carries a DKIM signature that a change would break"),
    Reason.MALFORMED: N_("Its structure is damaged, so nothing was touched"),
    Reason.CHARSET: N_("Its characters could not be read with certainty"),
    Reason.TOO_LARGE: N_("Too large to be looked into"),
    Reason.TOO_COMPLEX: N_("Too complex to be changed safely"),
    Reason.TIMEOUT: N_("Looking into it took too long, so it went out as it was"),
    Reason.NO_CONSENT: N_("The recipient has not consented"),
    Reason.EXCLUDED_RECIPIENT: N_("A recipient is excluded from tracking"),
    Reason.SEVERAL_RECIPIENTS: N_("Several recipients, where each needs a copy of their own"),
    Reason.LEDGER_UNAVAILABLE: N_("The ledger did not answer, so it went out untracked"),
    Reason.INTERNAL: N_("A fault of ours; the original went out"),
}
_NOT_UNDERSTOOD = N_("The header that asks for it was not understood")
_LINK: dict[LinkReason, str] = {
    LinkReason.SCHEME: N_("not a web address"),
    LinkReason.RELATIVE: N_("a place inside the mail"),
    LinkReason.OWN: N_("an address of ours"),
    LinkReason.UNSUBSCRIBE: N_("for unsubscribing: never tracked"),
    LinkReason.TEXT_IS_URL: N_("its text is an address: mail programs would warn"),
    LinkReason.OPTED_OUT: N_("marked as not to be tracked"),
    LinkReason.EXCLUDED_DOMAIN: N_("its domain is excluded"),
    LinkReason.SECRET: N_("it carries a secret, such as a login"),
    LinkReason.QUOTED: N_("in quoted text of an earlier mail"),
    LinkReason.TOO_LONG: N_("its line would become too long"),
    LinkReason.INVALID: N_("not a valid address"),
}
STATE_WORDS = {
    "sent": N_("sent"),
    "refused": N_("refused"),
    "in-doubt": N_("in doubt"),
    "queued": N_("queued"),
    "partly": N_("partly sent"),
}
_STATE_SENTENCES = {
    "refused": N_("The upstream did not take it: nobody got it."),
    "in-doubt": N_("The connection broke before the upstream's answer came: it may have arrived, or not."),
    "queued": N_("It waits here and is tried again until the upstream takes it."),
    "partly": N_("Not every recipient's copy went out; the list of recipients says whose."),
}
# Where there is no room for the sentences of rule_words.py.
SHORT_CLASS_WORDS: dict[HitClass, str] = {
    HitClass.HUMAN: N_("A person"),
    HitClass.IMAGE_PROXY: N_("A person, by proxy"),
    HitClass.PRIVACY_PREFETCH: N_("Fetched ahead"),
    HitClass.SECURITY_SCANNER: N_("A mail filter"),
    HitClass.LINK_PREVIEW: N_("A preview"),
    HitClass.BOT: N_("A program"),
    HitClass.OWN: N_("You"),
}
STANDING_WORDS: dict[Standing, str] = {
    Standing.UNKNOWN: N_("said nothing"),
    Standing.ASKED: N_("asked"),
    Standing.GRANTED: N_("ticked, not confirmed"),
    Standing.CONFIRMED: N_("consented"),
    Standing.REFUSED: N_("refused"),
    Standing.EXPIRED: N_("expired"),
    Standing.WITHDRAWN: N_("withdrawn"),
    Standing.RESTRICTED: N_("restricted"),
}
CONFIDENCE_WORDS = {"certain": N_("certain"), "probable": N_("probable")}


def reason_words(reason: str | None, notes: Sequence[str] = ()) -> str:
    """The sentence for a message's reason, still to be translated; empty without one. Its notes tell a message that
    asked in words nobody knows from one that did not ask."""
    if reason == Reason.NOT_REQUESTED and any(": unknown value " in note for note in notes):
        return _NOT_UNDERSTOOD
    return _MESSAGE[Reason(reason)] if reason else ""


def state_sentence(state: str) -> str:
    """What a state other than sent means for the reader, still to be translated; empty for sent."""
    return _STATE_SENTENCES.get(state, "")


def link_reason_words(reason: str | None) -> str:
    return _LINK[LinkReason(reason)] if reason else ""
