"""Notices by mail: to the sender themselves, threaded under the message they are about.

In the sandbox they are filed like every other letter. Elsewhere they go to the upstream with its configured account;
with login = "client" nobody but the sender has a password, so nothing can be sent.
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

PATIENCE_SECONDS = 30.0


def compose(message: MessageRow, sentences: Sentences, now: datetime) -> EmailMessage:
    """The notice as a reply to the message, from the sender to the sender (RFC 5322 section 3.6.4, RFC 3834)."""
    mail = EmailMessage()
    mail["From"] = message.sender
    mail["To"] = message.sender
    subject = " ".join(message.subject.split())
    mail["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(domain=message.sender.rpartition("@")[2] or "localhost")
    thread = "".join(message.message_id.split())
    if thread.startswith("<") and thread.endswith(">"):
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(sentences.body + "\n\n-- \nmailglass\n")
    return mail


async def send_mail(
    settings: Settings, outbox: Outbox, message: MessageRow, sentences: Sentences, now: datetime
) -> tuple[bool, str]:
    """Whether it was taken, and the upstream's words."""
    if "@" not in message.sender:
        return False, "the message has no sender to tell"
    upstream = _upstream_of(settings, message.listener)
    mail = compose(message, sentences, now)
    if upstream.sandbox:
        await asyncio.to_thread(outbox.deliver, bytes(mail), message.sender, [message.sender], now)
        return True, "filed in the outbox"
    if upstream.login != "account":
        return False, 'login = "client": mailglass has no account at the upstream'
    try:
        async with aiosmtplib.SMTP(
            hostname=upstream.host, port=upstream.port, timeout=PATIENCE_SECONDS, use_tls=upstream.security == "tls",
            start_tls=upstream.security == "starttls", username=upstream.username,
            password=upstream.password.get_secret_value(),
            tls_context=ssl.create_default_context(cafile=upstream.ca_file) if upstream.security != "none" else None,
        ) as client:  # fmt: skip
            _, reply = await client.send_message(mail, sender=message.sender, recipients=[message.sender])
            return True, reply
    except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
        return False, f"{type(fault).__name__}"


def _upstream_of(settings: Settings, listener_bind: str) -> Upstream:
    for listener in settings.listener:
        if listener.bind == listener_bind:
            return settings.upstream[listener.upstream]
    return settings.upstream[settings.listener[0].upstream]
