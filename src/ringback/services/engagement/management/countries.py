"""Names of countries by their codes (ISO 3166-1 alpha-2), from the table beside the time zones."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def country_name(code: str) -> str:
    """The English name; the code itself where there is none."""
    return _table().get(code, code)


@cache
def _table() -> dict[str, str]:
    text = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    lines = [line.split("\t", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return dict(lines)
