"""Messages of the statistics link (8000) and of the same figures by HTTP (5581)."""

from __future__ import annotations

import msgspec

from ringback.domain.statistics import ALIASES, DEFINITIONS


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure: of an `agent`, a `group` (`*`: all agents), a `queue` (route point), a `vq` or a
    `campaign`.
    """

    id: str
    """Chosen by the asker; comes back with the values."""
    object_type: str
    object: str
    statistic: str
    """A name or an alias of the definitions."""
    window: str = "growing"
    """`sliding:SECONDS` (5 to 3600), `growing:SECONDS` (a part of an hour), `growing`: since midnight."""
    interval_s: float = 1.0
    """Seconds between two notifications at least, 1 to 3600."""
    insensitivity: float = 0.0
    """The smallest difference that is worth a notification."""


class OpenStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of `open` and `peek`."""

    tenant: str
    statistics: list[Wish]


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value: a number, a word, or null when there is nothing to divide by or nobody knows."""

    id: str
    value: float | str | msgspec.UnsetType | None = msgspec.UNSET
    error: str = ""


class Figures(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to `open` and `peek`, and the notification `values`."""

    tenant: str
    time: float
    """Seconds since the epoch."""
    values: list[Figure]
    since: float = 0.0
    """From when on events are known."""


class Closed(msgspec.Struct, frozen=True):
    """The answer to `close`."""

    closed: int


class Objects(msgspec.Struct, frozen=True):
    """The answer to `objects`: ids by object type."""

    objects: dict[str, list[str]]


class StatisticDefinition(msgspec.Struct, frozen=True):
    """One row of the table of statistics."""

    name: str
    object_types: tuple[str, ...]
    unit: str
    windowed: bool
    meaning: str
    aliases: tuple[str, ...]


class ObjectFigures(msgspec.Struct, frozen=True):
    """`GET /statistics/{tenant}/{type}/{object}`: every figure of one object, or those that are named."""

    tenant: str
    object_type: str
    object: str
    time: float
    since: float
    window: str
    values: dict[str, float | str | None]


def definitions() -> tuple[StatisticDefinition, ...]:
    """The whole table."""
    return tuple(
        StatisticDefinition(
            row.name,
            row.of,
            row.unit,
            row.windowed,
            row.meaning,
            tuple(alias for alias, name in ALIASES.items() if name == row.name),
        )
        for row in DEFINITIONS
    )
