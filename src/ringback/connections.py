"""The connections that the platform must have: who talks to whom, how, and whether it is built.

The table is `connections.tsv` beside this file; `ringback connections` prints it with the number of
messages that each connection has carried.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Connection:
    """One row of the requirement: `source` opens the connection to `destination`."""

    id: str
    source: str
    destination: str
    protocol: str
    port: str
    scope: str
    data: str
    built: bool


def _read() -> tuple[Connection, ...]:
    text = files("ringback").joinpath("connections.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return tuple(Connection(**{**row, "built": row["built"] == "yes"}) for row in rows)  # type: ignore[arg-type]


CONNECTIONS: tuple[Connection, ...] = _read()
