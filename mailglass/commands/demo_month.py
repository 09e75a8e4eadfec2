"""A believable month of mail and hits, invented from a seed: what `mailglass demo` fills a ledger with.

Nobody in it exists: all addresses are under example.com, example.net and example.org. Hits have the classes and
rules that the real rules would have given them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from ledger.message_id import mint_message_id
from ledger.records import (
    Confidence,
    CopyRecord,
    Hit,
    HitClass,
    HitKind,
    LinkReason,
    LinkRecord,
    MessageRecord,
    Reason,
    State,
    Verdict,
)

SENDER = "hanna@example.com"
COLLEAGUE = "joris@example.com"
_PEOPLE = (
    "mia@example.net", "kenji@example.org", "purchasing@example.net", "oliver.brandt@example.org", "amira@example.net",
    "tomas@example.org", "sofia.reyes@example.net", "studio@example.org", "lars@example.net", "office@example.org",
    "nina.fischer@example.net", "accounts@example.org", "yuki@example.net", "board@example.org", "pavel@example.net",
)  # fmt: skip
# Subject, tags, links (text and address)
_LETTERS: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]], ...] = (
    ("Offer {n}: twelve standing desks", ("offer",), (("See the offer", "https://shop.example.com/offers/{n}"),
     ("Fabric samples", "https://shop.example.com/fabrics?set=oak"), ("Terms", "https://example.com/terms"))),
    ("Re: Delivery dates for order {n}", ("order",), (("Track the delivery", "https://parcel.example.net/t/{n}"),)),
    ("お見積り {n} の件", ("offer", "日本"), (("お見積りを見る", "https://shop.example.com/ja/offers/{n}"),)),
    ("Invitation: open workshop in November", ("event",), (("Reserve a seat", "https://events.example.org/workshop"),
     ("How to get there", "https://maps.example.org/?q=workshop+hall"), ("Programme", "https://events.example.org/p"))),
    ("Your invoice {n}", ("invoice",), (("Download the invoice", "https://billing.example.com/i/{n}?lang=en&v=2"),)),
    ("Follow-up on our call", (), (("The drawings we spoke of", "https://files.example.com/d/{n}/plan"),)),
    ("Re: Samples arrived, two questions", (), ()),
    ("Newsletter: what the autumn brought", ("newsletter",), (("Oak, planed by hand", "https://example.com/n/oak"),
     ("A visit to the sawmill", "https://example.com/n/sawmill"), ("All stories", "https://example.com/n"))),
    ("Contract draft {n} for review", ("contract",), (("Open the draft", "https://sign.example.net/doc/{n}"),)),
    ("Thank you, and photos of the finished room", (), (("Photos", "https://photos.example.com/album/{n}"),)),
)  # fmt: skip
_DESKTOP = ("Firefox on Windows", "Chrome on macOS", "Thunderbird on Linux", "Outlook on Windows", "Apple Mail on iOS")
_NOT_TRACKED = (Reason.NO_HTML, Reason.SIGNED, Reason.NOTHING_TO_TRACK, Reason.ENCRYPTED)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message and everything that came back; ``accepted_at`` is None when the upstream refused it."""

    record: MessageRecord
    accepted_at: datetime | None
    hits: tuple[Hit, ...]


@dataclass(slots=True)
class _Writing:
    """The hits of one message while they are invented."""

    random: Random
    now: datetime
    record: MessageRecord
    sent: datetime
    hits: list[Hit] = field(default_factory=list)

    def add(self, kind: HitKind, after: timedelta, verdict: Verdict, agent: str, ip: str, link: int = 0,
            copy: int = 0) -> None:  # fmt: skip
        at = self.sent + after
        if at >= self.now:
            return
        method = "HEAD" if verdict.rule == "R06" else "GET"
        hit_id = str(mint_message_id(int(at.timestamp() * 1000), self.random.randbytes(10)))
        self.hits.append(Hit(hit_id, at, kind, self.record.id, copy, link, method, verdict, agent, ip))


def month(now: datetime, seed: int = 7, days: int = 31, a_day: int = 7) -> Iterator[Letter]:
    """Letters of the ``days`` before ``now``, oldest first."""
    random = Random(seed)  # noqa: S311 - an invention, not a secret
    for day in range(days, -1, -1):
        midnight = (now - timedelta(days=day)).replace(hour=0, minute=0, second=0, microsecond=0)
        busy = a_day if midnight.weekday() < 5 else 1
        minutes = sorted(random.triangular(7 * 60, 19 * 60, 10 * 60) for _ in range(random.randint(busy - 1, busy + 3)))
        for minute in minutes:
            at = midnight + timedelta(minutes=minute, seconds=random.randrange(60))
            if at < now - timedelta(minutes=9):
                yield _letter(random, at, now)


def _letter(random: Random, at: datetime, now: datetime) -> Letter:
    subject, tags, links = random.choice(_LETTERS)
    number = str(random.randint(1100, 1990))
    newsletter = "newsletter" in tags
    recipients = tuple(
        random.sample(_PEOPLE, random.choice((6, 8, 9)) if newsletter else random.choice((1, 1, 1, 2, 3)))
    )
    reason = random.choice(_NOT_TRACKED) if random.random() < 0.14 else None
    refused = random.random() < 0.02
    individually = reason is None and (newsletter or (len(recipients) > 1 and random.random() < 0.3))
    tracked = reason is None
    message_id = mint_message_id(int(at.timestamp() * 1000), random.randbytes(10))
    record = MessageRecord(
        id=message_id,
        submitted_at=at,
        sender=random.choice((SENDER, SENDER, SENDER, COLLEAGUE)),
        recipients=recipients,
        login="",
        listener="127.0.0.1:2525",
        subject=subject.format(n=number),
        header_id=f"<{str(message_id).lower()}@example.com>",
        opens=tracked,
        links=tracked and bool(links),
        individually=individually,
        reason=reason,
        tags=tags,
        meta={"order": number} if "order" in tags else {},
        state=State.REFUSED if refused else State.SENT,
        reply="550 5.1.1 No such user here" if refused else "250 2.0.0 Ok: queued",
        copies=_copies(recipients, individually, refused),
        link_list=_links(links, number, tracked),
    )
    writing = _Writing(random, now, record, at + timedelta(milliseconds=random.randint(200, 900)))
    if tracked and not refused:
        _come_back(writing)
    return Letter(record, None if refused else writing.sent, tuple(sorted(writing.hits, key=lambda hit: hit.at)))


def _copies(recipients: tuple[str, ...], individually: bool, refused: bool) -> tuple[CopyRecord, ...]:
    state, reply = (State.REFUSED, "550 5.1.1 No such user here") if refused else (State.SENT, "250 2.0.0 Ok: queued")
    if individually:
        return tuple(CopyRecord(number, address, state, reply) for number, address in enumerate(recipients, 1))
    return (CopyRecord(0, recipients[0] if len(recipients) == 1 else "", state, reply),)


def _links(links: tuple[tuple[str, str], ...], number: str, tracked: bool) -> tuple[LinkRecord, ...]:
    made = [
        LinkRecord(n, url.format(n=number), text, "", "1.2", tracked)
        for n, (text, url) in enumerate(links, 1)
        if tracked
    ]
    if made:
        made.append(LinkRecord(len(made) + 1, "mailto:hanna@example.com", "Write to me", "", "1.2", False,
                               LinkReason.SCHEME))  # fmt: skip
    if len(made) > 3:
        made.append(LinkRecord(len(made) + 1, "https://example.com/unsubscribe", "Unsubscribe", "", "1.2", False,
                               LinkReason.UNSUBSCRIBE))  # fmt: skip
    return tuple(made)


def _come_back(writing: _Writing) -> None:
    random, record = writing.random, writing.record
    copies = [copy.number for copy in record.copies]
    links = [link.number for link in record.link_list if link.tracked]
    for copy in copies:
        if random.random() < 0.22:
            _scan(writing, copy, links)
        if random.random() < 0.16:
            _apple(writing, copy)
        for _person in range(1 if record.individually else len(record.recipients)):
            if random.random() < 0.64:
                _person_reads(writing, copy, links)
    if random.random() < 0.05:
        _verdict = Verdict(HitClass.OWN, Confidence.PROBABLE, "R18")
        writing.add(HitKind.OPEN, timedelta(minutes=4), _verdict, "Thunderbird on Linux", "198.51.100.0", 0, copies[0])


def _scan(writing: _Writing, copy: int, links: list[int]) -> None:
    after = timedelta(seconds=writing.random.uniform(3, 40))
    burst = Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R16" if len(links) > 1 else "R14")
    writing.add(HitKind.OPEN, after, Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R14"), "", "192.0.2.0",
                0, copy)  # fmt: skip
    for place, link in enumerate(links):
        writing.add(
            HitKind.CLICK, after + timedelta(milliseconds=350 * (place + 1)), burst, "", "192.0.2.0", link, copy
        )


def _apple(writing: _Writing, copy: int) -> None:
    verdict = Verdict(HitClass.PRIVACY_PREFETCH, Confidence.CERTAIN, "R11")
    writing.add(
        HitKind.OPEN, timedelta(minutes=writing.random.uniform(1, 240)), verdict, "Apple Mail privacy", "", 0, copy
    )


def _person_reads(writing: _Writing, copy: int, links: list[int]) -> None:
    random = writing.random
    after = timedelta(seconds=random.lognormvariate(8.6, 1.7) + 20)
    gmail = random.random() < 0.45
    agent = "Gmail image proxy" if gmail else random.choice(_DESKTOP)
    network = f"203.0.113.{random.randrange(0, 250, 10)}"
    seen = (
        Verdict(HitClass.IMAGE_PROXY, Confidence.CERTAIN, "R12")
        if gmail
        else Verdict(HitClass.HUMAN, Confidence.CERTAIN if "Th" in agent else Confidence.PROBABLE,
                     "R19" if "Th" in agent or "Outlook" in agent else "R22")
    )  # fmt: skip
    for _look in range(random.choice((1, 1, 1, 2, 2, 3))):
        writing.add(HitKind.OPEN, after, seen, agent, "" if gmail else network, 0, copy)
        if links and random.random() < 0.38:
            browser = random.choice(_DESKTOP[:2])
            verdict = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
            click = after + timedelta(seconds=random.uniform(12, 90))
            writing.add(HitKind.CLICK, click, verdict, browser, network, random.choice(links[:2]), copy)
        after += timedelta(hours=random.lognormvariate(1.6, 1.1))
