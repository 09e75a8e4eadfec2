"""A body part's octets as text, where its transfer encoding and its charset leave no doubt. Pure.

Decides where charsets may stand in which ASCII letters are other octets than in ASCII, or several: in base64 alone.
Everywhere else the line ends of mail stand among the octets, and such a charset has none there (RFC 2046 section
4.1.1, RFC 2781 section 5): programs differ on what they mean, and what is put in would be octets that mail cannot
carry, NUL among them.
"""

from __future__ import annotations

from relay.rewriting.charsets import Text, read_text
from relay.rewriting.mime_spans import Part
from relay.rewriting.transfer import Base64Body, Body


def text_of(part: Part, body: Body) -> Text | None:
    """How to scan the part; None is doubt, whatever declares the charset or fails to."""
    try:
        text = read_text(body.decoded, part.media_type.certain("charset"))
    except ValueError:
        return None
    if text is not None and not (text.is_ascii_inside or isinstance(body, Base64Body)):
        return None
    return text
