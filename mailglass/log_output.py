"""Where the log goes and how a line looks: text for people, JSON for collectors. What is logged is said elsewhere.

Only loggers named ``mailglass…`` are written. Libraries log commands and passwords as they go by, so theirs stay
quiet whatever the level is.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from functools import lru_cache

from config.settings import Log


def send_log_to_stderr(log: Log) -> None:
    """Sets up logging for a process that serves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if log.format == "json" else _TextLines())
    ours = logging.getLogger("mailglass")
    ours.handlers = [handler]
    ours.propagate = False
    ours.setLevel(log.level.upper())
    logging.getLogger().handlers = [logging.NullHandler()]
    # No line says where in the code it comes from, nor the thread or process; finding that out is half of a line's cost
    # (the logging howto's chapter on optimization has these switches).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _moment(record: logging.LogRecord) -> str:
    seconds, milliseconds = divmod(int(record.created * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(1)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_moment(record)} {record.levelname.lower():<7} {record.name.removeprefix('mailglass.')}: "
        line += _harmless(record.getMessage())
        if record.exc_info:
            # Set in, so that no line of it can be taken for one of the log's own.
            lines = self.formatException(record.exc_info).split("\n")
            line += "".join(f"\n    {_harmless(one)}" for one in lines)
        return line


def _harmless(text: str) -> str:
    """Visitors choose some words of a message: what would begin a line or steer a terminal is spelt out."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "part": record.name.removeprefix("mailglass."),
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)  # in ASCII: line separators and C1 controls are spelt out too
