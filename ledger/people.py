"""Who a recipient is to the ledger of consents: a keyed hash of the normalised address. Pure; the key is an argument.

Normalised means: white space round it gone, Unicode NFC, the domain as IDNA and without a dot at its end, the local
part without quotes and backslashes that it does not need (``"a"@b.c`` is ``a@b.c``, RFC 5321 section 4.1.2), all in
lower case, and NFC again: of some letters only the small one is a character of its own. Local parts differ by case in
theory (section 2.4) and never in practice; a person must not be asked twice for one letter's case. What goes to the
upstream stays as it was written. The form is for ever (docs/decisions/0063).
Tags (``ann+news@``) and aliases stay different people: we cannot know, and a consent must not spread by a guess.
"""

from __future__ import annotations

import hmac
import json
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

import idna

KEY_BYTES = 32
ERASED = "[erased]"  # stands where an address stood; nobody can have it


# What needs no quotes (RFC 5321 section 4.1.2, RFC 6531 section 3.3); dots anywhere, since some mailboxes are so.
_PLAIN = re.compile(r"[^\s()<>\[\]:;@\\,\"\x00-\x1f\x7f]+")
_QUOTED_OR_ESCAPED = re.compile(r'"((?:[^"\\]|\\.)*)"|\\(.)', re.DOTALL)
_DOMAIN = re.compile(r"[^\s()<>@\\,;\"]+")
_ERASED_NAME = re.compile(rf"key:[0-9a-f]{{{2 * KEY_BYTES}}}")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")  # what stands for a dot between labels (RFC 3490 section 3.1)


def normalise(address: str) -> str:
    """The form under which an address is known; an address without domain stays as it is, lower-cased."""
    text = unicodedata.normalize("NFC", address.strip().removeprefix("<").removesuffix(">").strip())
    local, at, domain = text.rpartition("@")
    if not at:
        return _small(text)
    # What only its quotes kept apart may compose, and needs no quotes then.
    local = _simplest(_small(_simplest(local)))
    domain = _OTHER_DOTS.sub(".", domain).rstrip(". ")
    try:
        domain = idna.encode(domain, uts46=True).decode("ascii") if not domain.isascii() else domain
    except (idna.IDNAError, UnicodeError):
        pass  # no name that DNS could know: compared as it is written
    return f"{local}@{_small(domain.rstrip('.'))}"  # IDNA makes dots of further characters


def _small(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


def is_mailbox(text: str) -> bool:
    """Whether this is one address and nothing beside it, such as a name before it. ``<ann@b.c>`` is."""
    text = text.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    local, _at, domain = text.rpartition("@")
    outside_quotes = _QUOTED_OR_ESCAPED.sub("x", local)
    return bool(text.isprintable() and _PLAIN.fullmatch(outside_quotes) and _DOMAIN.fullmatch(domain))


def plainly_written(address: str) -> str:
    """The address as it stands, but for quotes and backslashes of its local part that it does not need."""
    local, at, domain = address.rpartition("@")
    return f"{_simplest(local)}@{domain}" if at else address


def _simplest(local: str) -> str:
    if not local or _PLAIN.fullmatch(local):
        return local
    meant = _QUOTED_OR_ESCAPED.sub(lambda found: found[2] or _ESCAPED.sub(r"\1", found[1] or ""), local)
    return meant if _PLAIN.fullmatch(meant) else '"' + _TO_ESCAPE.sub(r"\\\1", meant) + '"'


def person_key(site_key: bytes, address: str) -> bytes:
    """32 bytes that stand for a person in the ledger. Without the site's key nobody can go from there to an address,
    or try addresses out."""
    return hmac.digest(site_key, b"person\0" + normalise(address).encode("utf-8", "surrogatepass"), "sha256")


def erased_name(key: bytes) -> str:
    """What stands for a sender who was erased where their name told what a recipient's no is about."""
    return f"key:{key.hex()}"


def shown_name(sender: str) -> str:
    """A sender's name in a consent as people are to read it: the word for one who was erased, else as it is."""
    return ERASED if _ERASED_NAME.fullmatch(sender) else sender


def written_forms(address: str) -> tuple[str, ...]:
    """How a list of recipients can have the address: with its domain as IDNA or in letters."""
    wanted = normalise(address)
    local = wanted.rpartition("@")[0]
    return tuple(sorted({address.strip().lower(), wanted, *(f"{local}@{domain}" for domain in _domains(wanted))}))


def spellings(address: str) -> tuple[str, ...]:
    """In which forms, in lower case, an address can stand in text: as typed, normalised, with its domain in letters,
    as part of a URL, and as mailing lists write it into other addresses. The longest first."""
    wanted = normalise(address)
    local, at, _domain = wanted.rpartition("@")
    if not at:
        return (wanted,)
    domains = _domains(wanted)
    typed = address.strip().removeprefix("<").removesuffix(">").strip().lower()
    forms = {typed, wanted}
    for one in domains:
        quoted = () if local.startswith('"') else (f'"{local}"',)
        for name in (local, *quoted, unicodedata.normalize("NFD", local), quote(local, safe="")):
            forms |= {f"{name}@{one}", f"{name}%40{one}", f"{name}%40{quote(one, safe='')}", f"{name}={one}"}
    return tuple(sorted((form.lower() for form in forms), key=lambda form: (-len(form), form)))


def without(text: str, forms: Iterable[str], instead: str = "[address]") -> str:
    """The text without an address in any of these spellings, whatever the case. Longer addresses that end or begin
    alike (joann@example.com) are others."""
    for form in forms:
        if form in text.lower():
            # In a URL an escape may stand before it. A list's own name stands before its form with "=".
            before = r"(?<!\w)" if "@" not in form and "%40" not in form else r"(?:(?<![\w.+-])|(?<=%[0-9a-f]{2}))"
            text = re.sub(rf"{before}{re.escape(form)}(?![\w-]|\.\w)", instead, text, flags=re.IGNORECASE)
    return text


def naming(forms: Iterable[str]) -> re.Pattern[bytes]:
    """Finds an address in bytes whose ASCII letters were made lower case, as UTF-8 or as JSON writes it."""
    spelled = {one for form in forms for one in (form, form.upper())}
    words = {word.encode().lower() for one in spelled for word in (one, json.dumps(one)[1:-1])}
    return re.compile(rb"(?<![\w.+-])(?:" + b"|".join(map(re.escape, sorted(words))) + rb")")


def _domains(normalised: str) -> set[str]:
    domain = normalised.rpartition("@")[2]
    try:
        return {domain, idna.decode(domain).lower()}
    except (idna.IDNAError, UnicodeError):
        return {domain}
