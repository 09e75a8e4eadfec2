"""Which URLs a ledger can have: what is let through, the library that opens it can read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from config.database_url import fault_of_database_url


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sqlite:///mailglass.db", id="beside everything else"),
        pytest.param("sqlite:////srv/mail glass/ü.db", id="absolute, as a file may be called"),
        pytest.param("postgresql://db.example.com/mg", id="no name"),
        pytest.param("postgresql://mg:p%40ss@db.example.com:5432/mg", id="all of it"),
        pytest.param("postgresql://mg:a/b#c?d:e@db.example.com/mg", id="a password as it was given out"),
        pytest.param("postgresql://mg@[2001:db8::1]:5432/mg", id="an IPv6 address"),
        pytest.param("postgresql://mg@/mg?host=/run/postgresql", id="a Unix socket"),
        pytest.param("postgresql://", id="all as the driver has it"),
        pytest.param("postgresql://mg@/mg?host=db.example.com&port=5433", id="host and port told to the driver"),
        pytest.param("postgresql://mg@/mg?host=db.example.com:5433", id="both as one"),
        pytest.param("postgresql://mg@/mg?host=::1&port=5433", id="an IPv6 address told to the driver"),
        pytest.param("postgresql://mg@/mg?host=a,b&port=1,2&target_session_attrs=primary", id="two servers"),
        pytest.param("postgresql://mg@/mg?host=a:1&host=b:2", id="two servers in the other form"),
        pytest.param("postgresql://mg@db.example.com/mg?ssl=verify-full", id="TLS"),
        pytest.param(
            "postgresql://mg@db.example.com/mg?ssl=verify_full&command_timeout=60", id="as the driver takes it"
        ),
        pytest.param("postgresql://mg@db.example.com/mg?command_timeout=0.5", id="half a second"),
    ],
)
def test_a_ledger_can_lie_there(url: str) -> None:
    assert fault_of_database_url(url) == ""


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "begin"),
        ("elsewhere", "begin"),
        ("mysql://db.example.com/mg", "begin"),
        ("sqlite://", "file"),
        ("sqlite:///", "file"),
        ("sqlite:///?mode=ro", "file"),
        ("sqlite:///:memory:", "file"),
        ("sqlite:///a\0b", "control"),
        ("postgresql://db.example.com/mg\n", "control"),
        ("postgresql://mg:hunter2@db.example.com:54x/mg", "port"),
        ("postgresql://mg:hunter2@db.example.com:/mg", "port"),
        ("postgresql://mg:hunter2@db.example.com:0/mg", "port"),
        ("postgresql://mg:hunter2@db.example.com:65536/mg", "port"),
        ("postgresql://mg:pw@hunter2:x@db.example.com/mg", "port"),
        ("postgresql://::1/mg", "port"),
        ("postgresql://mg@db.example.com/mg?port=x", "port"),
        ("postgresql://mg@db.example.com/mg?port=65536", "port"),
        ("postgresql://mg@/mg?host=a:5433&port=5", "port"),
        ("postgresql://mg@/mg?host=a:99999", "port"),
        ("postgresql://mg@/mg?port=1&port=2", "port twice"),
        ("postgresql://mg@/mg?host=a,b", "port"),
        ("postgresql://mg@/mg?host=a,&port=1,2", "several hosts"),
        ("postgresql://mg@/mg?host=a&host=b:2", "several hosts"),
        ("postgresql://mg@/mg?port=1,2", "several hosts"),
        ("postgresql://mg@db.example.com/mg?sslmode=require", "ssl"),
        ("postgresql://mg@db.example.com/mg?ssl=yes", "verify-full"),
        ("postgresql://mg@db.example.com/mg?timeout=5", "known are"),
        ("postgresql://mg@db.example.com/mg?command_timeout=0", "seconds"),
        ("postgresql://mg@db.example.com/mg?command_timeout=soon", "seconds"),
        ("postgresql://mg:pw@a?hunter2=x@db.example.com/mg", "known are"),
        ("postgresql://mg@db.example.com/mg?prepared_statement_cache_size=x", "number"),
        ("postgresql://[::1/mg", "host"),
    ],
)
def test_what_is_wrong_is_named_without_the_password(url: str, word: str) -> None:
    told = fault_of_database_url(url)
    assert word in told
    assert "hunter2" not in told


TOLD = st.lists(st.sampled_from(["host=", "port=", "ssl=", "&", ":", ",", "a", "1", "::1", "/run", "%", "٣", " "])).map(
    lambda parts: "mg@/mg?" + "".join(parts)
)


@given(st.text("ag:/@?[]%#=&0159.٣ ") | st.text() | TOLD)
@example("[::1]:5432/x")
def test_what_is_let_through_can_be_read(rest: str) -> None:
    url = f"postgresql://{rest}"
    if not fault_of_database_url(url):
        dialect().create_connect_args(make_url(url))
