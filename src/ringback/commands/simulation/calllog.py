"""A simulation's calls as a log that `ringback ewt evaluate` and `--replay` read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from ringback.domain.routing.waiting import LoggedCall

COLUMNS = (
    "arrival",
    "queue",
    "priority",
    "outcome",
    "queue_exit",
    "service_start",
    "service_end",
    "server",
)


def write_header(file: TextIO) -> None:
    """The first line."""
    csv.writer(file).writerow(COLUMNS)


def write_calls(file: TextIO, calls: Iterable[LoggedCall]) -> None:
    """The calls, in order of arrival."""
    rows = csv.writer(file)
    for call in sorted(calls, key=lambda call: call.arrival):
        came, left = f"{call.arrival:.3f}", f"{call.queue_exit:.3f}"
        if call.answered:
            served = (f"{call.service_start:.3f}", f"{call.service_end:.3f}", call.server)
            rows.writerow((came, call.queue, call.priority, "answered", left, *served))
        else:
            rows.writerow((came, call.queue, call.priority, "abandoned", left, "", "", ""))
