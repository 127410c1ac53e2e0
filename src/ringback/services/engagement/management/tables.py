"""What all rooms share that read and publish rows of settings: who sees a row, and how one is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from ringback.domain.callbacks import Kind, SettingsError, check, kind_of
from ringback.domain.permissions import Action, Scope
from ringback.runtime.http import HttpError
from ringback.services.engagement.catalogue import Properties
from ringback.services.engagement.management.api import Call, DetailedError, not_allowed
from ringback.services.engagement.publication import Author, Publication, Row, Rows, StaleError

RULE_PROPERTIES: Mapping[Kind, str] = {
    "hours": "_business_hours_service",
    "capacity": "_capacity_rule",
    "numbers": "_number_rule",
}


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one cell: `service property` or the row's name, and why."""

    cell: str
    reason: str


class RowVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a row. properties: null when it was withdrawn."""

    version: int
    at: datetime
    who: str
    source: str
    properties: dict[str, str] | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One property that two versions have in different ways; null: it is not there."""

    property: str
    before: str | None
    after: str | None


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The row that is published now (version 0: none), and what was changed. With a dry run: would be."""

    name: str
    version: int
    changes: list[Difference]


def using(rows: Mapping[str, Row], name: str) -> list[str]:
    """The services that name a rule."""
    return sorted(row.name for row in rows.values() if name in names_in(row.properties).values())


def names_in(properties: Properties) -> dict[Kind, str]:
    """The rules that a service names."""
    if kind_of(properties) != "service":
        return {}
    try:
        return check(properties)
    except SettingsError:
        return {}


def visible(rows: Mapping[str, Row], scope: Scope) -> dict[str, Row]:
    """The rows in a scope: its services, and the rules that these or nobody names."""
    found: dict[str, Row] = {}
    for row in rows.values():
        if kind_of(row.properties) == "service":
            if row.name in scope:
                found[row.name] = row
        elif scope and (scope.everything or _shared(using(rows, row.name), scope)):
            found[row.name] = row
    return found


def _shared(users: Iterable[str], scope: Scope) -> bool:
    names = list(users)
    return not names or any(name in scope for name in names)


def check_reach(call: Call, rows: Mapping[str, Row], name: str, kind: Kind) -> None:
    """Return when the request may change a row: a rule only if all services that use it are in reach."""
    row = rows.get(name)
    if row is not None and name not in visible(rows, call.caller.grants.scope(Action.SEE_SETTINGS)):
        raise unknown()
    if kind == "service":
        call.reach(name, Action.SEE_SETTINGS, unknown())
    elif not all(user in call.scope for user in using(rows, name)):
        raise not_allowed()


async def publish(
    call: Call, publication: Publication, table: Rows, *, dry_run: bool = False, expected: int | None = None
) -> Published:
    """Publish one row for the user; HttpError 400 with a reason by cell, 409 when changed in between."""
    [name] = table
    author = Author(call.caller.user, call.request.peer, "console")
    versions = None if expected is None else {name: expected}
    try:
        changes = await publication.publish(call.tenant, table, author, dry_run=dry_run, expected=versions)
    except SettingsError as error:
        raise invalid(error) from None
    except StaleError as error:
        raise HttpError(409, "changed-meanwhile", str(error)) from None
    rows = await publication.rows(call.tenant)
    before = changes[0].before if changes else None
    after = changes[0].after if changes else None
    version = rows[name].version if name in rows else 0
    return Published(name=name, version=version, changes=differences(before or {}, after or {}))


def invalid(error: SettingsError) -> DetailedError:
    """The refusal of a publication."""
    cells = [{"cell": cell, "reason": why} for cell, why in error.cells.items()]
    return DetailedError(400, "invalid-settings", str(error)[:2000], {"cells": cells})


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What two sets of properties have in different ways."""
    return [
        Difference(property=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def unknown() -> HttpError:
    """There is none, or it is outside of what the user may see."""
    return HttpError(404, "unknown-row", "nothing is published under this name")
