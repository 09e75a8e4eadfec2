"""The languages of the pages: one catalogue file each under locale/, found by looking there.

A catalogue is read as it stands (gettext's text form), without a compiled twin beside it that could be older than it.
English is written in the code and needs none. Knows no request.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent.parent / "locale"
ENGLISH = "en"


class Catalogue(gettext.NullTranslations):
    """The sentences of one catalogue file; what it lacks stays English."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        with path.open("rb") as file:
            catalog = read_po(file)
        self._plural: Callable[[int], int] = gettext.c2py(catalog.plural_expr)
        self._one: dict[str, str] = {}
        self._many: dict[str, tuple[str, ...]] = {}
        for message in catalog:
            if message.fuzzy or not message.id:
                continue
            if isinstance(message.id, tuple | list):
                forms = tuple(message.string) if isinstance(message.string, tuple | list) else ()
                if forms and all(forms):
                    self._many[message.id[0]] = forms
            elif message.string:
                self._one[message.id] = str(message.string)

    def gettext(self, message: str) -> str:
        return self._one.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        forms = self._many.get(msgid1)
        if forms is None:
            return msgid1 if n == 1 else msgid2
        return forms[min(self._plural(n), len(forms) - 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    code: str
    locale: Locale
    sentences: gettext.NullTranslations

    @property
    def own_name(self) -> str:
        name = self.locale.get_display_name(self.locale) or self.code
        return name[:1].upper() + name[1:]


@cache
def codes() -> tuple[str, ...]:
    """English first, then every language that has a catalogue."""
    return (ENGLISH, *sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/messages.po")))


@cache
def language(code: str) -> Language:
    """The language of that code; English for one without a catalogue."""
    if code == ENGLISH or code not in codes():
        return Language(ENGLISH, Locale.parse("en_GB"), gettext.NullTranslations())
    return Language(code, Locale.parse(code), Catalogue(FOLDER / code / "LC_MESSAGES" / "messages.po"))


def preferred(accept_language: str, known: Iterable[str]) -> str:
    """The known language that a browser's Accept-Language likes best (RFC 9110 section 12.5.4); else English."""
    known = set(known)
    wishes: list[tuple[float, str]] = []
    for item in accept_language[:1000].split(","):
        tag, _, weight = item.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        wishes.append((quality, tag.strip().split("-")[0].lower()))
    for quality, code in sorted(wishes, key=lambda wish: -wish[0]):
        if quality > 0 and code in known:
            return code
    return ENGLISH
