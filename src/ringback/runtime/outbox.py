"""The entries of the outbox for Kafka: one report each, or many that were stored together.

A command to Valkey costs about as much for one report as for many, and the relay acknowledges entries.
They differ so much in size that their number says little of the memory they take: whoever relays measures it,
and lets the oldest go (`keep_within`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from ringback.runtime.streams import StreamEntry
from ringback.runtime.valkey import Argument, Commands

OUTBOX = "ringback:outbox:kafka"
TOGETHER = 50
"""Reports of one entry at most."""
_TOGETHER_BYTES = 256 * 1024
_LIMIT = 1_000_000
"""Entries, should nobody relay at all."""
_MANY = "reports"
_ONE = {"topic", "key", "value", "connection"}


class Report(NamedTuple):
    """One event on its way to a topic, counted for a row of the connections' table."""

    topic: str
    key: str
    value: bytes
    connection: str


def entry_of(report: Report) -> tuple[Argument, ...]:
    """The command that stores one report."""
    fields = ("topic", report.topic, "key", report.key, "value", report.value)
    return ("XADD", OUTBOX, "MAXLEN", "~", _LIMIT, "*", *fields, "connection", report.connection)


def entries_of(reports: Sequence[Report]) -> list[tuple[Argument, ...]]:
    """The commands that store reports, in their order."""
    return [
        entry_of(some[0])
        if len(some) == 1
        else ("XADD", OUTBOX, "MAXLEN", "~", _LIMIT, "*", _MANY, msgspec.msgpack.encode(some))
        for some in _portions(reports)
    ]


def _portions(reports: Sequence[Report]) -> Iterator[list[Report]]:
    """Neither too many at once, nor too large."""
    size = 0

    def portion(numbered: tuple[int, Report]) -> tuple[int, int]:
        nonlocal size
        size += len(numbered[1].value)
        return numbered[0] // TOGETHER, size // _TOGETHER_BYTES

    for _, some in groupby(enumerate(reports), portion):
        yield [report for _, report in some]


def reports_of(entry: StreamEntry) -> list[Report]:
    """What an entry holds. ValueError if it is of no form known here: a newer version may have written it."""
    fields = entry.fields
    if _MANY in fields:
        return msgspec.msgpack.decode(fields[_MANY], type=list[Report])
    if not fields.keys() >= _ONE:
        raise ValueError(f"fields {sorted(fields)}")
    topic, key, connection = (str(fields[name], "utf-8") for name in ("topic", "key", "connection"))
    return [Report(topic, key, fields["value"], connection)]


async def keep_within(valkey: Commands, most_bytes: int) -> int:
    """Let the oldest entries go until the outbox takes about so many bytes of Valkey; how many have gone."""
    held: int = await valkey.call("MEMORY", "USAGE", OUTBOX) or 0
    if held <= most_bytes:
        return 0
    entries: int = await valkey.call("XLEN", OUTBOX)
    gone: int = await valkey.call("XTRIM", OUTBOX, "MAXLEN", entries * most_bytes // held)
    return gone
