"""Values of the ledger as JSON and back, for the journal and for the socket between processes. Pure.

Carries what JSON has, and times, spans, bytes, tuples, and the values listed in ``_CLASSES``; nothing else can be
made by what arrives, whoever sent it.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from ledger import records
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose
from ledger.erasure import Erased
from ledger.message_id import MessageId
from ledger.recording import LedgerEvent

_CLASSES: dict[str, type[Any]] = {
    one.__name__: one
    for one in (
        MessageId, LedgerEvent, records.MessageRecord, records.CopyRecord, records.LinkRecord, records.Hit,
        records.Verdict, records.Reason, records.LinkReason, records.State, records.HitKind, records.HitClass,
        records.Confidence, records.DayCount, records.DayCounts, ConsentEvent, Action, ConsentPurpose, Erased,
    )
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KINDS = {one.value: one for one in records.HitKind}
_TYPE = "$"
_HIT = "hit"


def dump(value: object) -> bytes:
    """One line of JSON. Raises TypeError for a value that cannot be carried."""
    return json.dumps(_plain(value), separators=(",", ":")).encode("ascii")


def load(raw: bytes) -> Any:
    """Raises ValueError for anything that ``dump`` did not make."""
    try:
        return _value(json.loads(raw))
    except (KeyError, TypeError, RecursionError) as fault:
        raise ValueError("not a value of the ledger") from fault


def _plain(value: object) -> object:
    match value:
        case records.Hit():
            return {_TYPE: _HIT, "v": _flat(value)}
        case Enum():
            return {_TYPE: type(value).__name__, "v": value.value}
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return {_TYPE: "time", "v": (value - _EPOCH) // timedelta(microseconds=1)}
        case timedelta():
            return {_TYPE: "span", "v": value // timedelta(microseconds=1)}
        case bytes():
            return {_TYPE: "bytes", "v": b64encode(value).decode("ascii")}
        case records.LinkRecord():
            return {_TYPE: "LinkRecord"} | {name: _plain(one) for name, one in value._asdict().items()}
        case tuple():
            return {_TYPE: "tuple", "v": [_plain(one) for one in value]}
        case list():
            return [_plain(one) for one in value]
        case Mapping():
            return {_TYPE: "map", "v": [[key, _plain(one)] for key, one in value.items()]}
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        return {_TYPE: type(value).__name__} | {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be carried")


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(one) for one in plain]
    if not isinstance(plain, dict):
        return plain
    match plain.pop(_TYPE):
        case "time":
            return _EPOCH + timedelta(microseconds=plain["v"])
        case "span":
            return timedelta(microseconds=plain["v"])
        case "bytes":
            return b64decode(plain["v"])
        case "tuple":
            return tuple(_value(one) for one in plain["v"])
        case "map":
            return {key: _value(one) for key, one in plain["v"]}
        case "hit":
            return _hit(*plain["v"])
        case name:
            made = _CLASSES[name]
            if issubclass(made, Enum):
                return made(plain["v"])
            return made(**{key: _value(one) for key, one in plain.items()})


def _flat(hit: records.Hit) -> list[object]:
    """Its fields in their order, those of the verdict among them: thousands are handed over a second."""
    verdict = hit.verdict
    message = b2a_base64(hit.message.raw, newline=False).decode("ascii")
    return [
        hit.id, (hit.at - _EPOCH) // _MICROSECOND, hit.kind.value, message, hit.copy, hit.link, hit.method,
        verdict.hit_class.value, verdict.confidence.value, verdict.rule, hit.user_agent, hit.ip, hit.evidence,
        hit.repeats,
    ]  # fmt: skip


def _hit(
    hit_id: str, at: int, kind: str, message: str, copy: int, link: int, method: str, hit_class: str, confidence: str,
    rule: str, user_agent: str, ip: str, evidence: str, repeats: int,
) -> records.Hit:  # fmt: skip
    return records.Hit(
        hit_id, _EPOCH + timedelta(microseconds=at), _KINDS[kind], MessageId(a2b_base64(message)), copy, link, method,
        _verdict(hit_class, confidence, rule), user_agent, ip, evidence, repeats,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _verdict(hit_class: str, confidence: str, rule: str) -> records.Verdict:
    return records.Verdict(records.HitClass(hit_class), records.Confidence(confidence), rule)
