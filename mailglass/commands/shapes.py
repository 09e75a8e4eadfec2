"""Messages and hits as the API shows them, for ``--json`` and export: the same names in the same order."""

from __future__ import annotations

from ledger.queries import HitRow, MessageRow


def message_shape(row: MessageRow) -> dict[str, object]:
    return {
        "id": row.id,
        "submitted_at": row.submitted_at,
        "sender": row.sender,
        "recipients": row.recipients,
        "subject": row.subject,
        "message_id": row.message_id,
        "tags": row.tags,
        "meta": row.meta,
        "opens": row.opens,
        "links": row.links,
        "individually": row.individually,
        "state": row.state,
        "reason": row.reason,
        "stopped": row.stopped_at is not None,
        "first_opened_at": row.first_opened_at,
        "last_opened_at": row.last_opened_at,
        "first_clicked_at": row.first_clicked_at,
        "counts": {"opens": row.open_counts, "clicks": row.click_counts},
    }


def hit_shape(row: HitRow) -> dict[str, object]:
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "message": row.message,
        "copy": row.copy,
        "link": row.link,
        "class": row.hit_class,
        "confidence": row.confidence,
        "rule": row.rule,
        "user_agent": row.user_agent,
        "ip": row.ip,
    }
