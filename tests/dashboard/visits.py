"""A visitor as a plain HTTP client: pages, forms with their tokens, and the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
from bs4 import BeautifulSoup

from tests.dashboard.house import PASSWORD


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Any
    text: str

    @property
    def page(self) -> BeautifulSoup:
        return BeautifulSoup(self.text, "html.parser")

    @property
    def words(self) -> str:
        return " ".join(self.page.get_text(" ").split())


class Visitor:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = url, session

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, self.url + path, **options) as answer:
            return Reply(answer.status, answer.headers, (await answer.read()).decode("utf-8", "replace"))

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.ask("GET", path, **options)

    async def log_in(self, name: str = "hanna", password: str = PASSWORD) -> Reply:
        return await self.ask("POST", "/login", data={"name": name, "password": password})

    def forget_cookies(self) -> None:
        self.session.cookie_jar.clear()

    async def submit(self, page: str, action: str, **fields: str) -> Reply:
        """Fills the form with that action on the page and sends it, token and all."""
        form = (await self.get(page)).page.find("form", action=action, method="post")
        assert form is not None, f"no form {action} on {page}"
        sent = {one["name"]: one.get("value", "") for one in form.find_all("input") if one.get("type") == "hidden"}
        return await self.ask("POST", action, data={**sent, **fields})
