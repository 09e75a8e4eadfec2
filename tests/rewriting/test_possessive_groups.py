"""Regular expressions mean the same on every Python, the ones that get possessive groups wrong included."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from hypothesis import given
from hypothesis import strategies as st

import relay.rewriting
from relay.rewriting.possessive_groups import ATOMIC_INSTEAD, compiled, with_atomic_groups

ROOT = Path(__file__).resolve().parents[2]
PIECES = (
    "<", ">", "<a ", "</", "<!--", "-->", "--!>", "href", "=", '"', "'", "/", "-", "!", " ", "\t", "\r", "\n", "a", "p",
    "td", ":", ";", "(", ")", "\\", "From:", "x: y", "=\r\n", "<b>", "</b>", "&", "]",
)  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param(r"(?:a|b)*+", r"(?>(?:a|b)*)", id="none or more"),
        pytest.param(r"(?:a|b)++", r"(?>(?:a|b)+)", id="one or more"),
        pytest.param(r"(?:a|b)?+", r"(?>(?:a|b)?)", id="perhaps"),
        pytest.param(r"(?:a|b){0,3}+", r"(?>(?:a|b){0,3})", id="counted"),
        pytest.param(r"(a(?:b|c)*+d)*+", r"(?>(a(?>(?:b|c)*)d)*)", id="one inside another"),
        pytest.param(r"[^<]*+a++b?+", r"[^<]*+a++b?+", id="single letters and classes are right everywhere"),
        pytest.param(r"(?:a|b)*", r"(?:a|b)*", id="not possessive"),
        pytest.param(r"\(a\)*+", r"\(a\)*+", id="a bracket that is a letter"),
        pytest.param(r"[()]*+[])]*+[^])]*+[\])]*+", r"[()]*+[])]*+[^])]*+[\])]*+", id="brackets in classes"),
        pytest.param(rb"(?:\xff|b)*+", rb"(?>(?:\xff|b)*)", id="of bytes"),
    ],
)
def test_possessive_groups_become_atomic_ones(pattern: str | bytes, expected: str | bytes) -> None:
    assert with_atomic_groups(pattern) == expected


def test_what_python_3_11_2_gets_wrong_is_right_here() -> None:
    # With re.compile it finds neither comment nor text here: it tries the group's other ways where there are none.
    comment = compiled(rb"<!--(?:-?+>|[^-]*+(?:-(?!-!?+>)[^-]*+)*+--!?+>)").match(b"<!-- : <!--[if\\=\r\n'-->h")
    assert comment is not None
    assert comment.end() == 22
    text = compiled(rb"[^<]*+(?:<(?![A-Za-z/!?])[^<]*+)*+").match(b"a<!--")
    assert text is not None
    assert text[0] == b"a"


@cache
def patterns() -> list[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    return list(_patterns())


def _patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    for found in walk_packages(relay.rewriting.__path__, "relay.rewriting."):
        for name, value in vars(import_module(found.name)).items():
            if isinstance(value, re.Pattern) and with_atomic_groups(value.pattern) != value.pattern:
                yield name, value


@pytest.mark.skipif(ATOMIC_INSTEAD, reason="this Python has no right answer to compare with")
@given(text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_both_spellings_find_the_same(text: str) -> None:
    assert patterns()
    for name, possessive in patterns():
        pattern, subject = possessive.pattern, text.encode() if isinstance(possessive.pattern, bytes) else text
        flags = possessive.flags & ~re.UNICODE if isinstance(pattern, bytes) else possessive.flags
        atomic = re.compile(with_atomic_groups(pattern), flags)
        found = [(match.span(), match.groups()) for match in possessive.finditer(subject)]
        assert found == [(match.span(), match.groups()) for match in atomic.finditer(subject)], name


def test_every_possessive_group_of_the_program_is_compiled_for_old_pythons_too() -> None:
    code = """
import re
from importlib import import_module
from pkgutil import walk_packages
import relay.rewriting.possessive_groups as groups
groups.ATOMIC_INSTEAD = True
def within(value):
    if isinstance(value, re.Pattern):
        yield value.pattern
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from within(item)
    elif isinstance(value, dict):
        yield from within(tuple(value.values()))
for top in ("config", "ledger", "relay", "pixel_server", "mailglass"):
    for found in walk_packages(import_module(top).__path__, top + "."):
        if not found.name.endswith(("__main__", "migrations.env")):
            for name, value in vars(import_module(found.name)).items():
                for pattern in within(value):
                    if groups.with_atomic_groups(pattern) != pattern:
                        print(found.name, name)
print("looked")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=110)
    assert (ended.stdout, ended.returncode) == ("looked\n", 0), ended.stdout + ended.stderr
