"""The Set-up page's test: a small tracked message handed to our own relay, as a mail client would hand it."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import aiosmtplib

from config.settings import Listener, host_and_port
from ledger.records import PROBE_TAG
from pixel_server.server_words import server_words

PATIENCE_SECONDS = 15.0


async def send_test(listener: Listener, sender: str, to: str, login: str = "", password: str = "") -> tuple[bool, str]:
    """Whether the relay took it, and its reply or what went wrong, in one line."""
    host, port = host_and_port(listener.bind)
    host = host if host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - we connect, nobody binds
    client = aiosmtplib.SMTP(
        hostname=host, port=port, timeout=PATIENCE_SECONDS, use_tls=listener.security == "tls",
        start_tls=listener.security == "starttls", tls_context=_context(listener),
    )  # fmt: skip
    try:
        async with client:
            if login:
                await client.login(login, password)
            _, reply = await client.send_message(compose(sender, to), sender=sender, recipients=[to])
            return True, server_words(reply)
    except aiosmtplib.SMTPRecipientsRefused as refusal:
        return False, "; ".join(f"{one.code} {server_words(one.message)}" for one in refusal.recipients)
    except aiosmtplib.SMTPResponseException as refusal:
        return False, f"{refusal.code} {server_words(refusal.message)}"
    except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
        return False, f"{host}:{port}: {server_words(str(fault))}"


def compose(sender: str, to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = "A test of mailglass"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    message["X-Track"] = "all"
    message["X-Track-Tag"] = PROBE_TAG
    message.set_content("A test of mailglass. Its HTML part has a pixel and a link: https://example.com/first\n")
    message.add_alternative(_HTML, subtype="html")
    return message


def _context(listener: Listener) -> ssl.SSLContext | None:
    if listener.security == "none":
        return None
    # Our own relay at an address that its certificate need not name: the certificate itself is trusted.
    context = ssl.create_default_context(cafile=listener.certificate)
    context.check_hostname = False
    return context


_HTML = """\
<!DOCTYPE html>
<html><body style="font-family: sans-serif; line-height: 1.5">
<p>This is a test of <b>mailglass</b>. When you see it, it was opened.</p>
<p>Follow the <a href="https://example.com/first">first link</a> or the
<a href="https://example.com/second?from=mailglass">second</a>, then look at the page.</p>
</body></html>
"""
