"""Which parts of a message are its body, and whether the message may be touched at all.

Decides by types, dispositions and places in the tree: attachments, attached messages, calendars and AMP are left
alone; one signed or encrypted part leaves the whole message alone, and so does a body part with a digest of itself.
Reads no body but for the marks of inline PGP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.records import Reason
from relay.rewriting.mime_spans import Part

_SIGNED = {
    "multipart/signed", "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
}  # fmt: skip
_ENCRYPTED = {"multipart/encrypted", "application/pgp-encrypted"}
_SMIME = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_SIGNED_PGP = re.compile(rb"(?:^|[\n\r>])-----BEGIN PGP SIGN(?:ED MESSAGE|ATURE)-----")
_ENCRYPTED_PGP = re.compile(rb"(?:^|[\n\r>])-----BEGIN PGP MESSAGE-----")


@dataclass(frozen=True, slots=True)
class BodyParts:
    """Body parts in reading order."""

    html: tuple[Part, ...]
    text: tuple[Part, ...]


def choose_body_parts(raw: bytes, parts: tuple[Part, ...]) -> BodyParts | Reason:
    """The body's parts; SIGNED or ENCRYPTED when the message is."""
    for part in parts:
        reason = _protection(part)
        if reason:
            return reason
    roots = _roots(raw, parts)
    bodies = [part for part in parts if _is_body(part, roots)]
    if any(part.header.named("content-md5") for part in bodies):
        return Reason.SIGNED  # RFC 1864: a digest of the body, which would be another
    return BodyParts(
        tuple(part for part in bodies if part.kind == "text/html"),
        tuple(part for part in bodies if part.kind == "text/plain"),
    )


def inline_pgp(decoded: bytes) -> Reason | None:
    """SIGNED or ENCRYPTED when the text carries OpenPGP's armour (RFC 9580 section 6.2) at the beginning of a line."""
    if b"N PGP" not in decoded or b"-----BEGIN PGP" not in decoded:
        return None  # the first look takes half the time
    if _SIGNED_PGP.search(decoded):
        return Reason.SIGNED
    return Reason.ENCRYPTED if _ENCRYPTED_PGP.search(decoded) else None


def _protection(part: Part) -> Reason | None:
    if part.kind in _SIGNED:
        return Reason.SIGNED
    if part.kind in _ENCRYPTED:
        return Reason.ENCRYPTED
    if part.kind in _SMIME:
        kind = part.media_type.parameters.get("smime-type", "").lower()
        return Reason.SIGNED if kind == "signed-data" else Reason.ENCRYPTED
    return None


def _roots(raw: bytes, parts: tuple[Part, ...]) -> dict[tuple[int, ...], int]:
    """Which part of a multipart/related is its root where ``start`` names it (RFC 2387 section 3.2), by the path of
    that multipart. Else it is the first."""
    starts = {
        part.path: part.media_type.parameters["start"].strip(" \t<>")
        for part in parts
        if part.kind == "multipart/related" and "start" in part.media_type.parameters.keys() - part.media_type.repeated
    }
    roots: dict[tuple[int, ...], int] = {}
    for part in parts if starts else ():
        start = starts.get(part.path[:-1]) if part.parent else None
        identities = [field.value(raw).strip("<>") for field in part.header.named("content-id")]
        if start and identities == [start]:
            roots.setdefault(part.path[:-1], part.path[-1])
    return roots


def _is_body(part: Part, roots: Mapping[tuple[int, ...], int]) -> bool:
    if part.kind not in ("text/html", "text/plain"):
        return False
    if part.disposition is not None and part.disposition.kind != "inline":
        return False  # RFC 2183 section 2.8: what is not known is an attachment
    parent = part.parent
    if parent is None or parent.kind == "multipart/alternative":
        return _ancestors_are_bodies(parent, roots)
    if _is_resource(part, roots):
        return False
    return (_is_first(part, roots) or not _has_name(part)) and _ancestors_are_bodies(parent, roots)


def _ancestors_are_bodies(part: Part | None, roots: Mapping[tuple[int, ...], int]) -> bool:
    while part is not None:
        if part.disposition is not None and part.disposition.kind != "inline":
            return False
        if _is_resource(part, roots):
            return False
        part = part.parent
    return True


def _is_first(part: Part, roots: Mapping[tuple[int, ...], int]) -> bool:
    return part.path[-1] == roots.get(part.path[:-1], 1)


def _is_resource(part: Part, roots: Mapping[tuple[int, ...], int]) -> bool:
    """Whether the root of a multipart/related may refer to it (RFC 2387): shown inside that, or not at all."""
    if part.parent is None or part.parent.kind != "multipart/related" or _is_first(part, roots):
        return False
    return bool(part.header.named("content-id") or part.header.named("content-location"))


def _has_name(part: Part) -> bool:
    named = [part.media_type, *([part.disposition] if part.disposition else [])]
    return any(key.split("*")[0] in ("name", "filename") for value in named for key in value.parameters)
