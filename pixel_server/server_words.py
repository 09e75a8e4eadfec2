"""What an SMTP server said to mail of ours, as text that can be kept and shown.

aiosmtplib gives octets that are no UTF-8 as lone surrogates, which neither database nor page takes, and whatever else
the server wrote, line ends included. Pure.
"""

from __future__ import annotations


def server_words(said: str) -> str:
    text = said.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " / ".join(text.splitlines()))
