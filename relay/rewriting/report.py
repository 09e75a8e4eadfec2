"""The report of ``rewrite``: what was done to a message, as plain JSON values, and how to undo it.

Decides the report's keys. ``spans`` lie in the input's bytes; ``length`` says how many bytes of the output stand for
one, which is what makes ``undo`` exact. Pure.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.records import LinkRecord
from relay.rewriting.plan import Edit, Tracked, Unchanged


def report_of(raw: bytes, result: Tracked | Unchanged, output: bytes, edits: Sequence[Edit]) -> dict[str, Any]:
    """The report on ``raw`` becoming ``output`` by ``edits``, which are the header's alone for ``Unchanged``."""
    return {
        "tracked": result.reason is None,
        "reason": str(result.reason) if result.reason else None,
        "opens": isinstance(result, Tracked) and result.opens,
        "links": [_row(link) for link in result.link_list],
        "notes": list(result.notes),
        "spans": [
            {
                "start": edit.start,
                "end": edit.end,
                "kind": str(edit.kind),
                "was": b64encode(raw[edit.start : edit.end]).decode("ascii"),
                "length": len(edit.new),
            }
            for edit in edits
        ],
        "bytes_in": len(raw),
        "bytes_out": len(output),
    }


def _row(link: LinkRecord) -> dict[str, Any]:
    return {
        "n": link.number,
        "url": link.url,
        "text": link.text,
        "part": link.part,
        "tracked": link.tracked,
        "reason": str(link.reason) if link.reason else None,
    }


def undo(output: bytes, report: Mapping[str, Any], *, keep_header_edits: bool = True) -> bytes:
    """The message as it was before, byte for byte; ``keep_header_edits`` leaves the control headers out.

    The subject gets its tag back: only the headers are nobody's but ours.

    Raises ValueError when the report is not about this message.
    """
    try:
        spans = [
            (span["start"], span["end"], span["kind"], b64decode(span["was"], validate=True), span["length"])
            for span in report["spans"]
        ]
        whole = report["bytes_out"]
    except (KeyError, TypeError, Error) as fault:
        raise ValueError("this is no report of mailglass rewrite") from fault
    if whole != len(output):
        raise ValueError(f"the report is about a message of {whole} bytes, this one has {len(output)}")
    pieces = []
    position = 0  # in the output
    shift = 0  # output minus input
    for start, end, kind, was, length in spans:
        at = start + shift
        if not (position <= at <= at + length <= len(output) and len(was) == end - start):
            raise ValueError("the report is not about this message")
        pieces.append(output[position:at])
        pieces.append(output[at : at + length] if keep_header_edits and kind == "header" else was)
        position = at + length
        shift += length - (end - start)
    pieces.append(output[position:])
    return b"".join(pieces)
