"""The text of a scenario for an application: TOML, read strictly (`ringback app test --help`)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

Kind = Literal["inbound", "callback"]


class ScenarioError(Exception):
    """The file cannot be read as a scenario; the message is for people."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of expect, event, wait, states, ended; the others say more about it."""

    expect: str = ""
    attributes: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    done: dict[str, Any] | None = None
    error: str | None = None
    optional: bool = False
    event: str = ""
    answers: str = ""
    data: dict[str, Any] = {}
    wait: float | None = None
    states: list[str] | None = None
    ended: bool = False
    keys: list[str] | None = None
    """With `dialog.start`: the dialog is run, and this is what the caller presses."""

    def __post_init__(self) -> None:
        kinds = [bool(self.expect), bool(self.event), self.wait is not None]
        kinds.append(self.states is not None or self.ended)
        if sum(kinds) != 1:
            raise ValueError("a step has one of expect, event, wait, states, ended")
        if self.done is not None and self.error is not None:
            raise ValueError("an action is done or has an error, not both")
        if self.keys is not None and (self.expect != "dialog.start" or self.done or self.error):
            raise ValueError("'keys' stands with expect = \"dialog.start\" alone")


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file."""

    steps: list[Step] = msgspec.field(name="step")
    name: str = ""
    kind: Kind = "inbound"
    start: float = 1_000_000.0
    parameters: dict[str, str] = {}
    about: dict[str, Any] = {}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    """Published tables: rows by their key, by name."""
    statistics: dict[str, float | str] = {}
    """What `sData(object, statistic)` answers, by `OBJECT STATISTIC`."""
    platform: dict[str, Any] = {}
    """What else stands in `_genesys`: `menu`, `hours`."""
    pages: dict[str, str] = {}
    """What dialogs get from outside, by its address."""


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioError, OSError."""
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Scenario, strict=True)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{path}: {error}") from None
    return msgspec.structs.replace(scenario, name=scenario.name or path.stem)
