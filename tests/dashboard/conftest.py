from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.sync_api import Browser

from tests.dashboard.browsing import a_browser
from tests.dashboard.house import House
from tests.dashboard.visits import Visitor


@pytest.fixture(scope="session")
def filled_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """For tests that only look. "hanna" is an administrator, "joris" a member who sees joris@example.com."""
    house = House(tmp_path_factory.mktemp("filled"))
    house.fill()
    house.add_account("hanna", admin=True)
    house.add_account("joris", addresses=["joris@example.com"])
    yield house
    house.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty one, for tests that change things."""
    made = House(tmp_path / "var")
    yield made
    made.close()


@pytest_asyncio.fixture
async def visitor(house: House) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(house.url, session)


@pytest_asyncio.fixture
async def at_home(house: House, visitor: Visitor) -> Visitor:
    """The administrator "hanna" in the empty house, logged in."""
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    return visitor


@pytest_asyncio.fixture
async def guest(filled_house: House) -> AsyncIterator[Visitor]:
    """Looks round in the filled house."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(filled_house.url, session)


@pytest_asyncio.fixture
async def visitor_of(tmp_path: Path) -> AsyncIterator[Callable[..., tuple[House, Visitor]]]:
    """Builds a house with settings of its own, and somebody who visits it."""
    houses: list[House] = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:

        def build(**settings: Any) -> tuple[House, Visitor]:
            houses.append(House(tmp_path / f"var{len(houses)}", **settings))
            return houses[-1], Visitor(houses[-1].url, session)

        yield build
    for house in houses:
        house.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as started:
        yield started


@pytest.fixture
def home(house: House) -> House:
    house.add_account("hanna", admin=True)
    return house
