"""What a member of the house cannot do to the accounts and tokens of others."""

from __future__ import annotations

import pytest

from tests.dashboard.house import House
from tests.dashboard.visits import Visitor


@pytest.fixture
async def token(house: House, visitor: Visitor) -> str:
    """Of the forms of "joris", who is logged in; the administrator "hanna" has the API token number 1."""
    house.add_token(house.add_account("hanna", admin=True))
    house.add_account("joris")
    await visitor.log_in("joris")
    return str((await visitor.get("/settings")).page.find("input", {"name": "csrf"})["value"])


async def test_a_member_revokes_no_token_of_others(house: House, visitor: Visitor, token: str) -> None:
    assert (await visitor.ask("POST", "/settings/tokens/1/revoke", data={"csrf": token})).status == 404
    headers = {"Authorization": f"Bearer {house.add_token(1)}"}
    visitor.forget_cookies()
    assert (await visitor.get("/api/v1/messages", headers=headers)).status == 200


async def test_a_member_removes_nobody(house: House, visitor: Visitor, token: str) -> None:
    other = house.add_account("mia")
    for number in (1, other):
        reply = await visitor.ask("POST", f"/settings/accounts/{number}/remove", data={"csrf": token})
        assert reply.status == 403
    visitor.forget_cookies()
    assert (await visitor.log_in("mia")).status == 303
