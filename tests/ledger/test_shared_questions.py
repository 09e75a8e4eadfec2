"""Who shares a question with whom, and who hears of its fault."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from ledger import shared_questions
from ledger.faults import LedgerUnavailable
from ledger.shared_questions import SharedQuestions


class Library:
    """Answers each key with the number of the look; a look waits until it is let go."""

    def __init__(self) -> None:
        self.looks: list[set[str]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.fault: Exception | None = None

    async def look_up(self, keys: Collection[str]) -> Mapping[str, int]:
        self.looks.append(set(keys))
        number, fault = len(self.looks), self.fault
        self.begun.set()
        await self.go.wait()
        if fault is not None:
            raise fault
        return dict.fromkeys(keys, number)


async def test_whoever_asks_while_others_are_answered_shares_the_next_question() -> None:
    library = Library()
    questions = SharedQuestions(library.look_up)
    first = questions.ask(["ann"])
    await library.begun.wait()
    later = [questions.ask(["ann"]), questions.ask(["bob", "eve"])]
    library.go.set()
    assert await first == {"ann": 1}
    assert [await one for one in later] == [{"ann": 2, "bob": 2, "eve": 2}] * 2
    assert library.looks == [{"ann"}, {"ann", "bob", "eve"}]


async def test_a_fault_is_heard_by_those_who_shared_the_question_alone() -> None:
    library = Library()
    questions = SharedQuestions(library.look_up)
    library.fault = LedgerUnavailable("no such table")
    first = [questions.ask(["ann"]), questions.ask(["bob"])]
    await library.begun.wait()
    library.fault = None
    later = questions.ask(["ann"])
    library.go.set()
    assert [str(one) for one in await asyncio.gather(*first, return_exceptions=True)] == ["no such table"] * 2
    assert await later == {"ann": 2}


async def test_behind_a_question_without_an_answer_others_get_their_turn() -> None:
    library = Library()
    questions = SharedQuestions(library.look_up, seconds=0.01)
    with pytest.raises(LedgerUnavailable):
        await questions.ask(["ann"])
    library.go.set()
    assert await questions.ask(["bob"]) == {"bob": 2}


async def test_nothing_is_asked_for_who_has_given_up() -> None:
    library = Library()
    questions = SharedQuestions(library.look_up)
    first = questions.ask(["ann"])
    await library.begun.wait()
    questions.ask(["bob"]).cancel()
    last = questions.ask(["eve"])
    first.cancel()
    library.go.set()
    assert await last == {"eve": 2}
    assert library.looks == [{"ann"}, {"eve"}]


async def test_one_statement_gets_no_more_keys_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_questions, "MOST_KEYS", 3)
    library = Library()
    library.go.set()
    questions = SharedQuestions(library.look_up)
    asked = [questions.ask(keys) for keys in (["a", "b"], ["c"], ["d"], ["e", "f", "g", "h"])]
    await asyncio.gather(*asked)
    assert library.looks == [{"a", "b", "c"}, {"d"}, {"e", "f", "g", "h"}]
