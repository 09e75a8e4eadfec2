"""What can happen to a consent, and what follows from it. Pure.

Consents are never changed: events are added, and where somebody stands is what their events come to. An event is for
one purpose, or for all, and for one sender, or for all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class ConsentPurpose(StrEnum):
    OPENS = "opens"
    LINKS = "links"


class Action(StrEnum):
    """ask: a request was sent. grant: a box was ticked. confirm: by a link in a mail to the address itself.
    import: from a document. erase: everything about the person was erased; they are not tracked from then on."""

    ASK = "ask"
    GRANT = "grant"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    IMPORT = "import"
    ERASE = "erase"
    RESTRICT = "restrict"
    UNRESTRICT = "unrestrict"


class Standing(StrEnum):
    """Where a person stands with one purpose and one sender."""

    UNKNOWN = "unknown"
    ASKED = "asked"
    GRANTED = "granted"  # not usable before it is confirmed
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    RESTRICTED = "restricted"


NOES = (Standing.WITHDRAWN, Standing.REFUSED)


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One thing that happened. ``purpose`` None is all purposes; ``sender`` "" is all senders."""

    at: datetime
    action: Action
    purpose: ConsentPurpose | None = None
    sender: str = ""
    method: str = ""  # page, import, command, reply, …
    language: str = ""
    text_version: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    actor: str = ""  # an account's name, "recipient", "system"


_FOLLOWS = {
    Action.ASK: Standing.ASKED,
    Action.GRANT: Standing.GRANTED,
    Action.CONFIRM: Standing.CONFIRMED,
    Action.IMPORT: Standing.CONFIRMED,
    Action.REFUSE: Standing.REFUSED,
    Action.WITHDRAW: Standing.WITHDRAWN,
    Action.ERASE: Standing.WITHDRAWN,
    Action.EXPIRE: Standing.EXPIRED,
}


def standing(
    events: Iterable[ConsentEvent],
    purpose: ConsentPurpose,
    senders: Collection[str],
    now: datetime,
    valid_for: timedelta,
) -> Standing:
    """What a person's events, oldest first, come to for mail of a sender, who has one name or several. A confirmation
    holds for ``valid_for``; asking again does not take a confirmed consent away, nor does it undo a no.

    A no to this very sender outlasts what somebody else records of consent in general. It ends with the person's own
    confirmation, or with a record that names the sender."""
    state, since, restricted = Standing.UNKNOWN, now, False
    no_to_sender: Standing | None = None
    for event in events:
        if event.purpose not in (None, purpose) or not (event.sender == "" or event.sender in senders):
            continue
        match event.action:
            case Action.RESTRICT:
                restricted = True
            case Action.UNRESTRICT:
                restricted = False
            case Action.ASK if state is Standing.CONFIRMED or state in NOES:
                pass
            case action:
                state, since = _FOLLOWS[action], event.at
                if event.sender and state in NOES:
                    no_to_sender = state
                elif action is Action.CONFIRM or (event.sender and action is Action.IMPORT):
                    no_to_sender = None
    if restricted:
        return Standing.RESTRICTED
    if no_to_sender is not None:
        return no_to_sender
    if state is Standing.CONFIRMED and now >= since + valid_for:
        return Standing.EXPIRED
    return state


def may_track(state: Standing, required: bool) -> bool:
    """The gate. ``required``: only a confirmed consent opens it; otherwise the sender's wish is enough, unless the
    recipient said no."""
    if required:
        return state is Standing.CONFIRMED
    return state not in (*NOES, Standing.RESTRICTED)


def is_silent(events: Iterable[ConsentEvent], purpose: ConsentPurpose) -> bool:
    """Whether nothing of this purpose is recorded, in delivered mail either: a no to all senders silenced what there
    was, and nothing was said since that could have opened the gate for anybody. A refusal stops what is to come; what
    was delivered before it is recorded on."""
    silent = False
    for event in events:
        if event.purpose not in (None, purpose):
            continue
        match event.action:
            case Action.WITHDRAW | Action.ERASE if event.sender == "":
                silent = True
            case Action.GRANT | Action.CONFIRM | Action.IMPORT | Action.EXPIRE:
                silent = False
            case _:
                pass
    return silent


def may_ask(events: Iterable[ConsentEvent], now: datetime, pause: timedelta) -> bool:
    """Whether a request may be sent: not within ``pause`` of the last one, of a refusal or of a withdrawal, and never
    after an erasure."""
    for event in events:
        if event.action is Action.ERASE:
            return False
        if event.action in (Action.ASK, Action.REFUSE, Action.WITHDRAW) and now < event.at + pause:
            return False
    return True


_ENDS = (Action.WITHDRAW, Action.REFUSE, Action.ERASE, Action.EXPIRE)


def ended_at(events: Sequence[ConsentEvent], place: int, valid_for: timedelta) -> datetime:
    """When what the event at ``place`` says was over: for a consent, its withdrawal or its expiry; for all else, the
    moment it was said. The evidence is needed for some time from there on. A consent for one sender ends with a no to
    that sender as well as with one to all."""
    event = events[place]
    if event.action not in (Action.GRANT, Action.CONFIRM, Action.IMPORT):
        return event.at
    ends = [
        later.at
        for later in events[place + 1 :]
        if later.action in _ENDS
        and later.sender in ("", event.sender)
        and (later.purpose is None or later.purpose == event.purpose)
    ]
    return min([event.at + valid_for, *ends])
