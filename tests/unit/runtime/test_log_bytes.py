"""What a service has written to its log is told by level."""

import io

import structlog

from ringback.runtime.logs import WRITTEN, configure_logs, get_log


def test_every_line_is_counted_by_service_and_level() -> None:
    kept, stream = structlog.get_config(), io.StringIO()
    try:
        configure_logs("info", stream)
        get_log("nobody-else", "one").warning("something", number="+1")
        get_log("nobody-else", "one").debug("nothing")
    finally:
        structlog.configure(**kept)
    line = stream.getvalue()
    assert WRITTEN["nobody-else", "warning"] == len(line.encode())
    assert "+1" not in line
    assert ("nobody-else", "debug") not in WRITTEN
