"""How what is odd about a request is put into words: short, printable, and safe to log, to store and to show. Pure."""

from __future__ import annotations

_LONGEST_QUOTE = 40  # enough to recognise one's own typing error


def quoted(text: str) -> str:
    """A value as a note shows it: printable, one line, cut short."""
    clean = printable(text[:500])
    short = clean if len(clean) <= _LONGEST_QUOTE else clean[: _LONGEST_QUOTE - 1] + "…"
    return f'"{short}"'


def printable(text: str) -> str:
    """The text on one line, with a space for whatever cannot be seen."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def header_name(name: str) -> str:
    """The name of a header of ours in the usual capitals: ``X-Track-Opens``."""
    return "-".join(map(str.capitalize, name.split("-")))


def unknown_value(name: str, text: str) -> str:
    """The note for a value that no rule knows, in the header of that spelling."""
    return f"{name}: unknown value {quoted(text)}"
