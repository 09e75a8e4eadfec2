"""Mail that mailglass writes: notices, threaded under the message they are about, and digests.

In the sandbox it is filed like every other letter. Elsewhere it goes out by the upstream that [notifications] names, or
by the message's own where that has an account of ours. With login = "client" nobody but the sender has a password, so
nothing can be sent; the Settings page says so.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import aiosmtplib

from config.settings import Settings, Upstream
from ledger.outbox import Outbox
from ledger.queries.rows import MessageRow
from pixel_server.notify.sentences import Sentences
from pixel_server.server_words import server_words

PATIENCE_SECONDS = 30.0
NO_ACCOUNT = 'login = "client": mailglass has no account at the upstream; name another one in [notifications]'


def compose(message: MessageRow, sentences: Sentences, now: datetime, sender: str = "") -> EmailMessage:
    """The notice as a reply to the message, to its sender (RFC 5322 section 3.6.4, RFC 3834). ``sender``: whom it comes
    from; empty for the same."""
    subject = " ".join(message.subject.split())
    subject = subject if subject.lower().startswith("re:") else f"Re: {subject}"
    mail = letter(sender or message.sender, message.sender, subject, sentences.body, now)
    thread = "".join(message.message_id.split())
    if thread.startswith("<") and thread.endswith(">"):
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    return mail


def letter(sender: str, to: str, subject: str, body: str, now: datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body + "\n\n-- \nmailglass\n")
    return mail


async def send_notice(
    settings: Settings, outbox: Outbox, message: MessageRow, sentences: Sentences, now: datetime
) -> tuple[bool, str]:
    """Whether it was taken, and the upstream's words."""
    if "@" not in message.sender:
        return False, "the message has no sender to tell"
    mail = compose(message, sentences, now, settings.notifications.sender)
    return await send(settings, outbox, mail, way_out(settings, message.listener), now)


def way_out(settings: Settings, listener_bind: str = "") -> Upstream | None:
    """By which upstream our mail goes out; None when there is none that takes it from us."""
    if settings.notifications.upstream:
        return settings.upstream[settings.notifications.upstream]
    own = [listener for listener in settings.listener if listener.bind == listener_bind] or settings.listener[:1]
    upstream = settings.upstream[own[0].upstream]
    return upstream if upstream.sandbox or upstream.login == "account" else None


async def send(
    settings: Settings, outbox: Outbox, mail: EmailMessage, upstream: Upstream | None, now: datetime
) -> tuple[bool, str]:
    """Whether it was taken, and the upstream's words. An upstream without an account is used without logging in."""
    if upstream is None:
        return False, NO_ACCOUNT
    sender, to = str(mail["From"]), str(mail["To"])
    if upstream.sandbox:
        try:
            await asyncio.to_thread(outbox.deliver, bytes(mail), sender, [to], now)
        except OSError as fault:
            return False, type(fault).__name__
        return True, "filed in the outbox"
    account = upstream.login == "account"
    try:
        async with aiosmtplib.SMTP(
            hostname=upstream.host, port=upstream.port, timeout=PATIENCE_SECONDS, use_tls=upstream.security == "tls",
            start_tls=upstream.security == "starttls", username=upstream.username if account else None,
            password=upstream.password.get_secret_value() if account else None,
            tls_context=ssl.create_default_context(cafile=upstream.ca_file) if upstream.security != "none" else None,
        ) as client:  # fmt: skip
            _, reply = await client.send_message(mail, sender=sender, recipients=[to])
            return True, server_words(reply)
    except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
        return False, f"{type(fault).__name__}"
