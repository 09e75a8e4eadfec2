"""Letters in the Outbox that take long to be read keep nobody else waiting: relay and pixels have the same loop."""

from __future__ import annotations

import threading

import pytest

from ledger.outbox import Outbox
from pixel_server.dashboard.letter_view import LetterView, view
from pixel_server.dashboard.pages import letters
from tests.dashboard.house import NOW, House
from tests.dashboard.visits import Visitor


async def test_odd_letters_in_the_outbox_keep_no_mail_waiting(
    house: House, at_home: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[tuple[threading.Thread, int]] = []

    def noted(raw: bytes) -> LetterView:
        looked_at.append((threading.current_thread(), len(raw)))
        return view(raw)

    monkeypatch.setattr(letters, "view", noted)
    odd = b"Subject: Odd\r\nX: " + b"a" * 100_000 + b"\r\nContent-Type: text/plain\r\n\r\nx"
    Outbox(house.settings.outbox_dir).deliver(odd, "hanna@example.com", ["mia@example.net"], NOW)
    assert "Odd" in (await at_home.get("/outbox")).words
    [(thread, octets)] = looked_at
    assert thread is not house.thread
    assert octets < 70_000
