"""What an account prefers to be told, as its form says it and as it is kept.

Kept in account.preferences: ``language``, ``zone``, ``notify`` (off, first, every), ``browser`` (bool), ``email``
(bool), ``digest`` (daily, weekly or empty) and ``digest_to`` (an address), ``webhook`` (URL), ``webhook_secret``
(whsec_…), ``apprise`` (list of URLs).
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pixel_server.notify.digest import DIGESTS

NOTIFY = ("first", "every", "off")
LONGEST_URL = 500
MOST_APPRISE = 10


def read_notifications(form: Mapping[str, str], say: Callable[[str], str]) -> tuple[dict[str, Any], str]:
    """What to keep, and what is wrong with it in the reader's words (empty when all is well)."""
    webhook = form.get("webhook", "").strip()
    apprise = [line.strip() for line in form.get("apprise", "").splitlines() if line.strip()]
    if webhook and not is_web_address(webhook):
        return {}, say("A webhook needs an address that begins with https://.")
    if len(apprise) > MOST_APPRISE or any(len(line) > LONGEST_URL or "://" not in line for line in apprise):
        return {}, say("Apprise takes one address a line, such as ntfy://example.com/topic.")
    digest, digest_to = form.get("digest", ""), form.get("digest_to", "").strip()
    if digest in DIGESTS and not is_mail_address(digest_to):
        return {}, say("A digest needs a mail address to go to.")
    kept: dict[str, Any] = {
        "notify": form.get("notify") if form.get("notify") in NOTIFY else "first",
        "browser": form.get("browser") == "1",
        "email": form.get("email") == "1",
        "digest": digest if digest in DIGESTS else "",
        "digest_to": digest_to if is_mail_address(digest_to) else "",
        "webhook": webhook,
        "apprise": apprise,
    }
    secret = form.get("webhook_secret", "").strip()
    if webhook:
        kept["webhook_secret"] = secret if secret.startswith("whsec_") else new_webhook_secret()
    return kept, ""


def is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    return (
        parts.scheme in ("https", "http") and bool(parts.hostname) and len(text) <= LONGEST_URL and text.isprintable()
    )


def is_mail_address(text: str) -> bool:
    """Whether mail can be written to it: one address, in ASCII, without a name beside it."""
    local, at, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(' <>,;:"()[]\\')
    return bool(local and at and domain) and "@" not in local and plain and len(text) < 255


def new_webhook_secret() -> str:
    """As Standard Webhooks writes them: 24 to 64 random bytes in base64 behind ``whsec_``."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode("ascii")
