"""What of a request may be kept, as [privacy] says: address, user agent, and the facts for looking again.

The evidence holds no address and no user agent: the signs that were found, in the words of our own tables, and what
was known round the hit. ``marks_of`` and ``context_of`` read it back, so that later rules can judge old hits.
Pure: salts are arguments.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any, Literal

from ledger.records import HitKind
from pixel_server.public.classify import HitContext, Neighbours
from pixel_server.public.second_look import Hint
from pixel_server.public.signs.networks import parse_address
from pixel_server.public.signs.tables import Marks, NetworkSign, Sign
from pixel_server.public.sources import truncated
from pixel_server.public.user_agents import family_of

_KEPT_USER_AGENT = 500


def kept_ip(ip: str, mode: Literal["truncate", "none", "full"]) -> str:
    """The address as it may be kept: IPv4 by /24 and IPv6 by /48, nothing, or whole. "" for what is no address."""
    match mode:
        case "none":
            return ""
        case "truncate":
            return truncated(ip)
        case "full":
            address = parse_address(ip)
            return "" if address is None else str(address)


def kept_user_agent(user_agent: str, mode: Literal["family", "none", "full"]) -> str:
    """The user agent as it may be kept: its family, nothing, or whole (control characters out, 500 letters)."""
    match mode:
        case "none":
            return ""
        case "family":
            return family_of(user_agent)
        case "full":
            return "".join(letter for letter in user_agent if letter.isprintable())[:_KEPT_USER_AGENT]


def refuses_identity(headers: Mapping[str, str]) -> bool:
    """Whether the request says Sec-GPC: 1, which [privacy] honour_gpc takes for "store without identity"."""
    return any(name.lower() == "sec-gpc" and value.strip() == "1" for name, value in headers.items())


def day_salt(secret: bytes, day: date) -> bytes:
    """The salt of one day. ``secret`` must be made at start and never written, or days could be joined again."""
    return hmac.digest(secret, day.isoformat().encode(), "sha256")


def fingerprint(source: str, salt: bytes) -> str:
    """A name for a source that holds for one day and leads back to nobody; "" for no source."""
    # BLAKE2 with a key is a MAC by itself (RFC 7693 section 2.9) and takes a third of the time of HMAC.
    return blake2b(source.encode("utf-8", "replace"), key=salt, digest_size=9).hexdigest() if source else ""


def evidence(
    marks: Marks, context: HitContext, source: str = "", hints: frozenset[Hint] = frozenset()
) -> dict[str, object]:
    """The facts that rules ask for, ready for JSON. ``source`` is a fingerprint. What is as usual is left out."""
    near = context.neighbours
    facts: dict[str, object] = {
        "signs": {str(sign): word for sign, word in sorted(marks.tokens.items())},
        "speculative": marks.speculative,
        "networks": sorted(str(network) for network in marks.networks),
        "asn": marks.asn,
        "loopback": marks.loopback or context.loopback,
        "own_session": context.own_session,
        "own_network": context.own_network_match,
        "links": near.links_from_source if near.links_from_source > 1 else None,
        "of": near.links_in_message,
        "source": source,
        "hints": sorted(map(str, hints)),
    }
    kept = {key: value for key, value in facts.items() if value}
    if context.delay_seconds is not None:
        kept["delay"] = round(context.delay_seconds, 3)
    if near.browser_followed is not None:
        kept["followed"] = near.browser_followed
    return kept


def marks_of(facts: Mapping[str, Any], method: str) -> Marks:
    """The marks that evidence tells. Words of another version that mean nothing here are passed over."""
    return Marks(
        method,
        {Sign(name): str(word) for name, word in _object(facts, "signs").items() if name in _SIGN_NAMES},
        bool(facts.get("speculative")),
        frozenset(NetworkSign(name) for name in _list(facts, "networks") if name in _NETWORK_NAMES),
        asn if isinstance(asn := facts.get("asn"), int) else None,
        bool(facts.get("loopback")),
    )


def context_of(facts: Mapping[str, Any], kind: HitKind) -> HitContext:
    """What was known round a hit, as evidence tells it."""
    delay, followed, links, total = (facts.get(key) for key in ("delay", "followed", "links", "of"))
    return HitContext(
        kind,
        float(delay) if isinstance(delay, int | float) else None,
        own_session=bool(facts.get("own_session")),
        own_network_match=bool(facts.get("own_network")),
        neighbours=Neighbours(
            links if isinstance(links, int) else 1,
            total if isinstance(total, int) else None,
            followed if isinstance(followed, bool) else None,
        ),
        loopback=bool(facts.get("loopback")),
    )


_SIGN_NAMES = frozenset(map(str, Sign))
_NETWORK_NAMES = frozenset(map(str, NetworkSign))


def _object(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(facts: Mapping[str, Any], key: str) -> list[str]:
    value = facts.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
