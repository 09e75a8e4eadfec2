"""What visitors choose cannot forge a line of the log or steer the terminal of whoever reads it (W12)."""

from __future__ import annotations

import json
import logging

import pytest

from config.settings import Log
from mailglass.log_output import send_log_to_stderr

HOSTILE = "a\x1b[31mred\x9b2J\r\n2026-11-24T10:00:00.000Z info    relay: forged\u2028\x85\x0b\x7fend"


@pytest.fixture
def logger():
    """The log as it was before, afterwards."""
    ours, root = logging.getLogger("mailglass"), logging.getLogger()
    before = ours.handlers, ours.propagate, ours.level, root.handlers
    yield logging.getLogger("mailglass.test")
    ours.handlers, ours.propagate, ours.level, root.handlers = before


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_message_is_one_line_without_controls(form, logger: logging.Logger, capsys: pytest.CaptureFixture[str]):
    send_log_to_stderr(Log(format=form))
    logger.warning("told: %s", HOSTILE)
    line = said(capsys).removesuffix("\n")
    assert line.isprintable()
    assert "forged" in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_of_a_fault_looks_like_one_of_the_log(form, logger: logging.Logger, capsys: pytest.CaptureFixture[str]):
    send_log_to_stderr(Log(format=form))
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("a page failed")
    first, *others = said(capsys).removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in (first, *others))
    assert all(line.startswith("    ") for line in others)
    if form == "json":
        assert HOSTILE in json.loads(first)["exception"]
