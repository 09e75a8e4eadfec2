"""``mailglass send-test``: hands a small tracked message to the relay, as a mail client would."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
from typing import Annotated

import typer

from config.settings import Listener, Settings, host_and_port
from ledger.reason_words import why_message
from ledger.records import Reason
from mailglass.commands.options import DEFAULT_CONFIG, Config, ListenerName, listener_named, settings_from_file
from mailglass.commands.passwords import password_from
from mailglass.failures import Failed

PATIENCE_SECONDS = 30.0
_NOTE = re.compile(r"\[mailglass[ :]")
_UNTRACKED = re.compile(r"\[mailglass: not tracked, ([a-z-]+)(?:; (.+))?\]")

_TEXT = """\
This message was sent by mailglass send-test. Its HTML part has an open pixel and two tracked links:
https://example.com/first and https://example.com/second
"""
_HTML = """\
<!DOCTYPE html>
<html><body style="font-family: sans-serif">
<p>This message was sent by <b>mailglass send-test</b>. When you see it, it was opened.</p>
<p>Follow the <a href="https://example.com/first">first link</a> or the
<a href="https://example.com/second?from=mailglass&amp;n=2">second link</a>, and look at the page a second later.</p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Login:
    name: str
    password: str


def one_address(text: str) -> str:
    """The address alone, as an envelope has it. Raises typer.BadParameter for none, and for several."""
    if text.count("@") > 1:
        raise typer.BadParameter("one address, please: a test goes to one recipient")
    local, at, domain = text.partition("@")
    if not (local and at and domain) or any(letter.isspace() or letter in "<>,;" for letter in text):
        raise typer.BadParameter(f'"{text}" is no address; write it alone, like you@example.com')
    return text


def one_address_or_none(text: str | None) -> str | None:
    return None if text is None else one_address(text)


def why_untracked(reply: str) -> str | None:
    """Why the message that had this reply is not tracked, in words; None when it is."""
    found = _UNTRACKED.search(reply)
    if found is None:
        return None if _NOTE.search(reply) else "the reply says nothing of tracking"
    reason, further = found.groups()
    if reason not in list(Reason):
        return reason
    # What the relay says beside the reason is about this very message, and the words are about any.
    return f"{further or why_message(Reason(reason))} ({reason}, docs/why-unchanged.md)"


def send_test(
    to: Annotated[str, typer.Option("--to", help="who gets it", callback=one_address)],
    sender: Annotated[
        str | None,
        typer.Option("--from", help="the envelope's sender; default: the same address", callback=one_address_or_none),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="log in with this name; asks for the password")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from stdin")] = False,
    listener: ListenerName = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Submit a small tracked message to the relay."""
    settings = settings_from_file(config)
    at = listener_named(settings, listener)
    login = Login(user, password_from(password_stdin)) if user else None
    reply = submit(at, compose(sender or to, to, "A test of mailglass"), sender or to, to, login)
    typer.echo(reply)
    why = why_untracked(reply)
    told = f"Open it, then look at {page_url(settings)}" if why is None else f"It was sent, but not tracked: {why}"
    typer.echo(told)


def compose(sender: str, to: str, subject: str) -> EmailMessage:
    """A message in plain text and HTML that asks for everything to be tracked."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    message["X-Track"] = "all"
    message.set_content(_TEXT)
    message.add_alternative(_HTML, subtype="html")
    return message


def submit(
    listener: Listener,
    message: EmailMessage,
    sender: str,
    to: str,
    login: Login | None = None,
    before_sending: Callable[[], object] = lambda: None,
) -> str:
    """The relay's final reply; ``before_sending`` is called when it takes sender and recipient. Raises Failed with the
    relay's words when it takes the message not."""
    is_international = not f"{sender}{to}".isascii()  # RFC 6531: then addresses and header are UTF-8
    with talking_to(listener) as client:
        if login is not None:
            client.login(login.name, login.password)
        if is_international and not client.has_extn("smtputf8"):
            raise Failed("the mail server behind the relay takes plain ASCII addresses alone (no SMTPUTF8)")
        options = ("SMTPUTF8", "BODY=8BITMIME") if is_international else ()
        _refuse_unless_taken(client.mail(sender, options))
        _refuse_unless_taken(client.rcpt(to))
        before_sending()
        code, text = client.data(message.as_bytes(policy=SMTPUTF8 if is_international else SMTP))
        _refuse_unless(200 <= code <= 299, code, text)
        return _said(code, text)


@contextmanager
def talking_to(listener: Listener) -> Iterator[smtplib.SMTP]:
    """A session that has said EHLO, and so has the upstream behind the relay. Raises Failed in plain words for all that
    goes wrong in it."""
    host, port = host_and_port(listener.bind)
    host = host if host not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104 - we connect, nobody binds
    try:
        with _connected(listener, host, port) as client:
            code, text = client.ehlo()
            _refuse_unless(code == 250, code, text)
            yield client
    except smtplib.SMTPResponseException as refusal:
        raise Failed(f"the relay said {_said(refusal.smtp_code, refusal.smtp_error)}") from None
    except ConnectionRefusedError:
        raise Failed(f"nothing listens at {host}:{port}; is mailglass run running?") from None
    except (smtplib.SMTPException, OSError) as fault:
        raise Failed(f"the relay at {host}:{port} could not be used: {fault}") from None


def _connected(listener: Listener, host: str, port: int) -> smtplib.SMTP:
    if listener.security == "none":
        return smtplib.SMTP(host, port, timeout=PATIENCE_SECONDS)
    # Our own relay, reached at an address that its certificate need not name: the certificate itself is trusted.
    context = ssl.create_default_context(cafile=listener.certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # its own certificate is enough, without who signed it
    if listener.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=PATIENCE_SECONDS, context=context)
    client = smtplib.SMTP(host, port, timeout=PATIENCE_SECONDS)
    client.starttls(context=context)
    return client


def page_url(settings: Settings) -> str:
    """Where the dashboard can be reached from this machine."""
    host, port = host_and_port(settings.dashboard.bind)
    host = host if host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _refuse_unless_taken(reply: tuple[int, bytes]) -> None:
    code, text = reply
    _refuse_unless(250 <= code <= 259, code, text)


def _refuse_unless(good: bool, code: int, text: bytes) -> None:
    if not good:
        hint = "; log in with --user NAME" if code == 530 else ""  # RFC 4954 section 6
        raise Failed(f"the relay said {_said(code, text)}{hint}")


def _said(code: int, text: bytes | str) -> str:
    """On one line, and without what a terminal would obey: these are another server's words."""
    words = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return f"{code} {' '.join(''.join(letter if letter.isprintable() else ' ' for letter in words).split())}"
