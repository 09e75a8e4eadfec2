"""A notice in the reader's language: one line for a headline, a few for a mail. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.queries.rows import MessageRow
from pixel_server.dashboard.wording import Wording


@dataclass(frozen=True, slots=True)
class Sentences:
    headline: str
    body: str


def notice_words(words: Wording, message: MessageRow, said: Mapping[str, Any]) -> Sentences:
    """``said`` is what the notice kept: kind, recipient, url, at (as shown in words by the caller)."""
    say = words._
    who = said.get("recipient") or say("Someone of %(n)s") % {"n": message.recipient_count}
    subject = message.subject or say("(no subject)")
    match said["kind"]:
        case "open":
            headline = say("%(who)s opened “%(subject)s”") % {"who": who, "subject": subject}
        case "click":
            headline = say("%(who)s followed a link in “%(subject)s”") % {"who": who, "subject": subject}
        case _:
            headline = say("“%(subject)s” was not opened yet") % {"subject": subject}
    lines = [headline]
    if said.get("url"):
        lines.append(str(said["url"]))
    lines.append(say("Sent %(when)s to %(to)s") % {
        "when": words.when(message.submitted_at), "to": ", ".join(map(words.address, message.recipients[:5])),
    })  # fmt: skip
    return Sentences(headline, "\n".join(lines))
