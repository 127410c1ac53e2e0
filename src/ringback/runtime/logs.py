"""Structured logs: one JSON object a line on standard error.

Log ids (call, callback, session, correlation), never user data: names of keys that could hold it are
refused here, so that a slip is caught by the first test that runs the line.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

_FORBIDDEN = frozenset(
    {"user_data", "userdata", "phone_number", "number", "password", "api_key", "token", "sdp"}
)

WRITTEN: Counter[tuple[str, str]] = Counter()
"""Bytes of this process's logs so far, by service and level."""
Log = structlog.stdlib.BoundLogger


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (default: standard error) from `level` on."""
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_user_data,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=stream or sys.stderr, format="%(name)s: %(message)s")


def get_log(service: str, node: str) -> Log:
    """Return the logger of one service."""
    log: Log = structlog.get_logger().bind(service=service, node=node)
    return log


def _without_user_data(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key in _FORBIDDEN & event.keys():
        event[key] = "[removed]"
    return event


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    line = msgspec.json.encode(dict(event), enc_hook=str)
    WRITTEN[str(event.get("service", "")), str(event.get("level", ""))] += len(line) + 1
    return line.decode()
