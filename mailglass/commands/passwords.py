"""Where a command gets a password from: the first line of standard input, or whoever sits at the terminal."""

from __future__ import annotations

import sys

import typer

from mailglass.failures import WrongUse


def password_from(stdin: bool, twice: bool = False) -> str:
    """Asked for without showing it, and ``twice`` where it is a new one. Raises WrongUse when nobody can be asked."""
    if stdin:
        return _first_line()
    if not sys.stdin.isatty():
        raise WrongUse("there is no terminal to ask for the password: give it with --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice))


def _first_line() -> str:
    try:
        line = sys.stdin.readline().rstrip("\r\n")
        line.encode()  # some locales give octets that are no text as lone surrogates
    except UnicodeError:
        raise WrongUse("the password on standard input is not UTF-8 text") from None
    return line
