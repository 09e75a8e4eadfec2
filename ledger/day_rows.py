"""The rows of counts without anybody: numbers a day, kind, link and class of a message. Runs inside the writer's
transaction, synchronously."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

DAY = 24 * 3_600_000
ADD = text(
    """
    INSERT INTO daily (message_seq, day, kind, link, class, number)
    VALUES (:message_seq, :day, :kind, :link, :class, :number)
    ON CONFLICT (message_seq, day, kind, link, class) DO UPDATE SET number = daily.number + excluded.number
    """
)


def day_row(message_seq: int, day: int, kind: str, link: int, hit_class: str, number: int) -> dict[str, Any]:
    return {"message_seq": message_seq, "day": day, "kind": kind, "link": link, "class": hit_class, "number": number}


def add_days(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(ADD, rows)
