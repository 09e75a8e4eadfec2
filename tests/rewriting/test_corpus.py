"""Every promise on real mail: nothing crashes, only reported spans differ, restoring is exact, twice is once."""

from __future__ import annotations

import pytest

from relay.rewriting.plan import Tracked
from tests.rewriting.corpus import CORPUS, files, messages_of
from tests.rewriting.oracles import check_message

pytestmark = [
    pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no shared/corpus beside the project"),
    pytest.mark.filterwarnings("ignore::html5lib.constants.DataLossWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.mark.parametrize("kind", ["eml", "html"])
@pytest.mark.parametrize("first", range(6))
def test_a_sixth_of_the_corpus_keeps_every_promise(kind: str, first: int) -> None:
    # Every file once in one of its shapes; all shapes of all files are the soak's.
    tracked = 0
    for number, path in enumerate(files(kind)):
        if number % 6 != first:
            continue
        shapes = list(messages_of(path))
        shape, raw = shapes[number // 6 % len(shapes)]
        tracked += _keeps_promises(f"{path.relative_to(CORPUS)} {shape}", raw)
    assert tracked > 20


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["eml", "html"])
def test_the_whole_corpus_keeps_every_promise_in_all_shapes(kind: str) -> None:
    for path in files(kind):
        for shape, raw in messages_of(path):
            _keeps_promises(f"{path.relative_to(CORPUS)} {shape}", raw)


def _keeps_promises(name: str, raw: bytes) -> bool:
    try:
        return isinstance(check_message(raw), Tracked)
    except AssertionError as fault:
        raise AssertionError(f"{name}: {fault}") from fault
