"""The log of the service: one JSON object a line, without secrets."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from dissmodel.errors import UsageError
from dissmodel.record.redact import redact

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LONGEST = 20_000
# What a log record has without anybody's words.
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a log record as one JSON object: time, level, logger, message, and what ``extra`` said."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a line break in a message is a letter of the JSON text."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()[:_LONGEST]),
        }
        for name, value in vars(record).items():
            if name not in _PLAIN:
                told[name] = value if isinstance(value, int | float | None) else redact(str(value)[:_LONGEST])
        if record.exc_info:
            told["traceback"] = redact("".join(traceback.format_exception(*record.exc_info)))[-_LONGEST:]
        return json.dumps(told, ensure_ascii=True)


class _Lines(logging.StreamHandler[Any]):
    """Writes to the standard error of the moment, or to a stream."""

    def __init__(self, given: TextIO | None) -> None:
        logging.Handler.__init__(self)
        self._given = given
        self.setFormatter(JsonLines())

    @property
    def stream(self) -> TextIO:
        """Where it writes."""
        return self._given or sys.stderr


def log_to(stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
    """Write the log of this process to a stream, standard error by default.

    ``DISSMODEL_LOG_LEVEL`` says from which level on, ``info`` by default.

    Raises
    ------
    UsageError
        If there is no such level.
    """
    environ = os.environ if environ is None else environ
    said = environ.get("DISSMODEL_LOG_LEVEL") or "info"
    level = said.upper()
    if level not in _LEVELS:
        raise UsageError(
            f"DISSMODEL_LOG_LEVEL: there is no level {said[:40]!r}.",
            f"Take one of {', '.join(_LEVELS).lower()}.",
        )
    logger = logging.getLogger("dissmodel")
    logger.handlers[:] = [_Lines(stream)]
    logger.setLevel(level)
