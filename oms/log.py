"""Logs as JSON lines, each naming the request or the job it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from oms.errors import OmsError

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039  never changed, only replaced

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Put facts such as ``request_id`` or ``job_id`` on every line logged inside."""
    token = _about.set({**_about.get(), **facts})
    try:
        yield
    finally:
        _about.reset(token)


def fact(name: str) -> str:
    """One of the facts in force, or the empty text."""
    return _about.get().get(name, "")


class JSONFormatter(logging.Formatter):
    """One line of JSON: at, level, logger, message, the facts in force, the extras, an error's code."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **_about.get(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _STANDARD and not k.startswith("_")}
        if record.exc_info and record.exc_info[0]:
            line["error"] = self.formatException(record.exc_info)
            if isinstance(record.exc_info[1], OmsError):
                line["code"] = record.exc_info[1].detail_code
        return json.dumps(line, ensure_ascii=False, default=str)


def install(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log of this process to the stream (standard output when none is given) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JSONFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("rq.worker", "rq.queue", "alembic", "fontTools", "PIL", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
