"""A client's own upstream session, lent to whoever delivers copies over it while the client waits.

The session takes no further command of the client until the loan is over, so nothing comes between; the client may
have its answer before that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relay.link_conversation import LinkConversation
from relay.replies import Reply
from relay.upstream import UpstreamLink

if TYPE_CHECKING:
    from relay.session import Session


class ClientConversation(LinkConversation):
    """``conclude`` gives the client its final reply."""

    def __init__(self, session: Session, link: UpstreamLink, conclude: Callable[[Reply], None]) -> None:
        super().__init__(link, session.around.limits.upstream_final.total_seconds())
        self._session = session
        self._conclude = conclude
        self.is_logged_in = session.is_logged_in
        self.account = session.account
        self.offered = None
        self.is_answered = False

    async def deliver(self, content: bytes) -> Reply:
        if self._session.phase is not None:
            self._session.phase.is_lent_past_dot = True
        return await super().deliver(content)

    def answer(self, reply: Reply) -> bool:
        """Answers the client once; whether it is still there to hear."""
        is_there = not self._session.is_over
        if not self.is_answered:
            self.is_answered = True
            self._conclude(reply)
        return is_there


def reports_wait(session: Session) -> bool:
    """Whether the spool holds what only a session of this very login may deliver, and this one can."""
    copies, link = session.around.copies, session.link
    if copies is None or link is None or not (session.may_bring_reports and session.messages):
        return False
    return link.is_open and not session.transaction.is_begun and copies.waits_for(session.login)


async def bring_reports(session: Session) -> None:
    """Delivers it, between two messages of the client. Nothing of the client's depends on what comes of it."""
    session.may_bring_reports = False
    copies, link = session.around.copies, session.link
    if copies is not None and link is not None:
        conversation = ClientConversation(session, link, lambda reply: None)
        await copies.deliver_waiting(session.login, conversation)
