"""What the public server says, to the byte: few answers, always the same, with nothing of the request in them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field

# One transparent pixel, GIF89a, 43 bytes.
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
    ("X-Content-Type-Options", "nosniff"),
)
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
# The destination was checked when the link was made (it may hold blanks, as written in the mail); what is no http(s)
# URL in printable ASCII never becomes a header.
_LOCATION = re.compile(r"https?://[ -~]+", re.ASCII | re.IGNORECASE)
_PHRASES = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    head: bytes = field(init=False, repr=False, compare=False)  # as sent, save Date, Connection and the empty line

    def __post_init__(self) -> None:
        lines = [
            f"HTTP/1.1 {self.status} {_PHRASES[self.status]}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        head = "\r\n".join([*lines, f"Content-Length: {len(self.body)}", ""]).encode("ascii")
        object.__setattr__(self, "head", head)


def text_answer(status: int, body: str, *more: tuple[str, str]) -> Answer:
    return Answer(status, (("Content-Type", _TEXT), *_ALWAYS, *more), body.encode("utf-8"))


def json_answer(value: Mapping[str, str]) -> Answer:
    return Answer(200, (("Content-Type", _JSON), *_ALWAYS), json.dumps(value).encode("ascii") + b"\n")


PIXEL = Answer(200, (("Content-Type", "image/gif"), *_ALWAYS), GIF)
NOT_FOUND = text_answer(404, "There is nothing here.\n")
NOT_ALLOWED = text_answer(405, "This cannot be done here.\n", ("Allow", "GET, HEAD"))
NOT_ALLOWED_ON_A_PAGE = text_answer(405, "This cannot be done here.\n", ("Allow", "GET, HEAD, POST"))
TOO_LARGE = text_answer(413, "That was too much.\n")
TOO_MANY = text_answer(429, "There are too many of you.\n", ("Connection", "close"))
BAD_REQUEST = text_answer(400, "This was not understood.\n")
ROBOTS = text_answer(200, "User-agent: *\nDisallow: /\n")


def redirect(destination: str) -> Answer:
    """To exactly that URL; NOT_FOUND for what cannot stand in a header."""
    if _LOCATION.fullmatch(destination) is None:
        return NOT_FOUND
    return Answer(302, (("Location", destination), *_ALWAYS))
