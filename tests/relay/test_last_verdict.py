"""What is heard, by the octets said and confirmed alone."""

from __future__ import annotations

from typing import cast

import pytest

from relay.client import Client
from relay.last_verdict import LastVerdict
from relay.replies import compose
from relay.resends import Resends, Unheard, digest_of


class Octets:
    """A client's connection that is nothing but its counts."""

    said = 100
    unconfirmed = 0
    is_reset = False
    is_encrypted = False
    is_cut_off = False

    def ask_for_reset(self) -> bool:
        return self.is_reset

    def cut_off(self) -> None:
        self.is_cut_off = True


class Told:
    def __init__(self, may_be_gone: bool) -> None:
        self.client = Octets()
        self.resends = Resends(lambda: 0.0)
        self.verdict = LastVerdict(cast(Client, self.client), self.resends)
        self.digest = digest_of("", [b"MAIL FROM:<a@example.com>"])
        self.verdict.given(Unheard(self.digest, compose(250, "2.0.0", "Ok"), True), may_be_gone)

    @property
    def is_kept(self) -> bool:
        kept = self.resends.take(self.digest) is not None
        assert kept is self.client.is_cut_off
        return kept


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_what_was_confirmed_at_the_clients_end_stays_heard_whatever_comes_after_it(is_encrypted: bool) -> None:
    told = Told(may_be_gone=False)
    told.client.is_encrypted = is_encrypted
    told.verdict.client_ends()
    told.client.unconfirmed = 30  # the end of TLS, which nobody counts
    told.verdict.client_left(TimeoutError())
    assert not told.is_kept


@pytest.mark.parametrize(("unconfirmed", "is_kept"), [(0, False), (1, True), (100, True)])
async def test_a_reset_before_more_is_said_refuses_what_was_not_confirmed(unconfirmed: int, is_kept: bool) -> None:
    told = Told(may_be_gone=True)
    told.client.unconfirmed, told.client.is_reset = unconfirmed, True
    told.verdict.more_is_said()
    assert told.is_kept is is_kept


@pytest.mark.parametrize(("unconfirmed", "is_kept"), [(0, False), (40, False), (41, True), (140, True)])
async def test_the_last_of_what_was_said_is_what_is_not_confirmed(unconfirmed: int, is_kept: bool) -> None:
    told = Told(may_be_gone=True)
    told.client.said, told.client.unconfirmed = 140, unconfirmed
    told.verdict.client_left(None)
    assert told.is_kept is is_kept
