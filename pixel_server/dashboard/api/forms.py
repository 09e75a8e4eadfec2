"""Rows of the ledger as the API's JSON: the names that clients rely on, times in UTC ISO 8601. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ledger.queries.rows import CopyRow, Counts, HitRow, LinkRow, MessageDetail, MessageRow


def moment(at: datetime | None) -> str | None:
    """2026-11-24T10:03:12.345Z"""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counts_form(counts: Counts) -> dict[str, int]:
    return {
        "confirmed": counts.confirmed,
        "possible": counts.possible,
        "machine": counts.machine,
        "own": counts.own,
    }


def both_counts(opens: Counts, clicks: Counts) -> dict[str, dict[str, int]]:
    return {"opens": counts_form(opens), "clicks": counts_form(clicks)}


def message_form(row: MessageRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "submitted_at": moment(row.submitted_at),
        "sender": row.sender,
        "recipients": list(row.recipients),
        "subject": row.subject,
        "message_id": row.message_id,
        "tags": list(row.tags),
        "meta": dict(row.meta),
        "opens": row.opens,
        "links": row.links,
        "individually": row.individually,
        "state": row.state,
        "reason": row.reason,
        "stopped": row.stopped_at is not None,
        "first_opened_at": moment(row.first_opened_at),
        "last_opened_at": moment(row.last_opened_at),
        "first_clicked_at": moment(row.first_clicked_at),
        "counts": both_counts(row.open_counts, row.click_counts),
    }


def detail_form(detail: MessageDetail, hits: list[dict[str, Any]], readers: int) -> dict[str, Any]:
    """``readers`` is there only where more than one can be told of a shared copy."""
    return message_form(detail.message) | {
        "copies": [copy_form(copy, detail.message) for copy in detail.copies],
        "link_list": [link_form(link) for link in detail.links],
        "hits": hits,
        **({"different_readers": readers} if readers else {}),
    }


def copy_form(copy: CopyRow, of: MessageRow) -> dict[str, Any]:
    """``address`` is empty where several share the copy. ``opens`` and ``links`` are there only for a recipient who
    allows less than was asked."""
    alone = of.recipients[0] if of.recipient_count == 1 and of.recipients else ""
    tracks = {"opens": copy.tracks_opens, "links": copy.tracks_links}
    return {
        "n": copy.number,
        "address": copy.address or alone,
        "state": copy.state,
        "reply": copy.reply,
        "counts": both_counts(copy.open_counts, copy.click_counts),
        **({} if all(tracks.values()) else tracks),
    }


def link_form(link: LinkRow) -> dict[str, Any]:
    return {
        "n": link.number,
        "url": link.url,
        "text": link.text,
        "name": link.name,
        "tracked": link.tracked,
        "reason": link.reason,
        "counts": counts_form(link.click_counts),
    }


def hit_form(hit: HitRow) -> dict[str, Any]:
    return {
        "id": hit.id,
        "at": moment(hit.at),
        "kind": hit.kind,
        "message": str(hit.message) if hit.message else None,
        "copy": hit.copy,
        "link": hit.link,
        "class": hit.hit_class,
        "confidence": hit.confidence,
        "rule": hit.rule,
        "user_agent": hit.user_agent,
        "ip": hit.ip,
    }
