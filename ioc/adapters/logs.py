"""Logs as JSON lines on standard error, one shape for every process.

A line has ``time``, ``level``, ``process``, ``logger``, ``event``. Text is cut at ``FIELD_MAX`` characters and control
characters are escaped by JSON, so that hostile input cannot forge a line.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

FIELD_MAX = 2048  # characters of one field; a stack trace may be four times as long
NOISY = ("aiokafka", "kafka", "faust", "mode", "websockets.server", "uvicorn.access", "asyncio", "psycopg")


def configure(level: str, process: str) -> None:
    """Send everything that is logged, by whatever library, to standard error; chatty libraries only from WARNING."""

    def stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"process": process, **event}

    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        stamp,
        _cut,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _cut(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        limit = FIELD_MAX * 4 if name == "exception" else FIELD_MAX
        if isinstance(value, str) and len(value) > limit:
            event[name] = value[:limit] + "…"
    return event
