"""``mailglass consent ask``: sends somebody the request whether they may be tracked. The request itself never is."""

from __future__ import annotations

import secrets
import textwrap
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Annotated

import typer

from config.settings import Settings
from ledger.consent_texts import CONSENT_WORDS
from ledger.consents import TooSoon
from ledger.keys import load_keys
from ledger.message_id import MessageId, mint_message_id
from ledger.urls import TrackingUrls, UrlGrammar
from mailglass.commands.consenting import consents_of, need_address, need_sender, operator
from mailglass.commands.options import DEFAULT_CONFIG, Config, ListenerName, listener_named, settings_from_file
from mailglass.commands.passwords import password_from
from mailglass.commands.reading import run_to_end
from mailglass.commands.sending import Login, submit
from mailglass.failures import Failed, WrongUse
from pixel_server.public.privacy_page import told_when_asked


def ask(
    address: Annotated[str, typer.Argument(metavar="ADDRESS")],
    sender: Annotated[str, typer.Option("--from", help="who asks; the envelope's sender too")],
    language: Annotated[str, typer.Option("--lang", help="en, ja, de, fr or it")] = "en",
    user: Annotated[str | None, typer.Option("--user", help="log in with this name; asks for the password")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from stdin")] = False,
    listener: ListenerName = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Send a request for consent.

    The answer is given on a page, by a button."""
    need_address(address)
    need_sender("--from", sender)
    if language not in CONSENT_WORDS:
        raise WrongUse(f'--lang: there is no text in "{language}"; there is {", ".join(CONSENT_WORDS)}')
    settings = settings_from_file(config)
    at = listener_named(settings, listener)
    login = Login(user, password_from(password_stdin)) if user else None
    request = mint_message_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))
    kept = told_when_asked(settings, language)

    async def work() -> None:
        async with consents_of(settings) as consents:
            await consents.ask(address, sender, language, kept, request, operator())

    def note() -> None:
        try:
            run_to_end(work())
        except TooSoon as refusal:
            raise Failed(str(refusal)) from None

    # Noted when the relay takes it: nobody counts as asked whom no request could reach.
    mail = request_mail(settings, request, address, sender, language)
    typer.echo(submit(at, mail, sender, address, login, before_sending=note))


def request_mail(settings: Settings, request: MessageId, address: str, sender: str, language: str) -> EmailMessage:
    """Plain text, so that nothing in it could be tracked."""
    words = CONSENT_WORDS[language]
    urls = TrackingUrls(UrlGrammar(settings.tracking.public_url), load_keys(settings.keys_dir), request)
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = address
    mail["Subject"] = words.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    mail["X-Track"] = "none"
    kept = textwrap.fill(told_when_asked(settings, language), 78, break_long_words=False)
    mail.set_content(words.body.format(sender=sender, kept=kept, url=urls.page()))
    return mail
