"""Settings of callback services: read, replaced as a whole, compared, rolled back, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ringback.domain.callbacks import Kind, SettingsError, kind_of, read_settings
from ringback.domain.callbacks.settings import properties_of
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpError
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.tables import (
    Difference,
    Published,
    RowVersion,
    check_reach,
    differences,
    publish,
    unknown,
    visible,
)
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.publication import Row, versions
from ringback.services.engagement.store import Session

_NAME = in_path("name", "name of the service, or of the hours or rule")
_BYTES = 1024 * 1024
Value = Annotated[str, Meta(max_length=65_536)]
Properties = Annotated[dict[Annotated[str, Meta(min_length=1, max_length=255)], Value], Meta(max_length=1000)]


class SettingsRow(msgspec.Struct, frozen=True, kw_only=True):
    """One published row. source: designer, or console. effective: of a service, defaults included."""

    name: str
    kind: Kind
    version: int
    source: str
    updated: datetime
    properties: dict[str, str]
    effective: dict[str, Any]


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """All properties of a row. dry_run: judge only. version: the one to be replaced; 0: none is there."""

    properties: Properties
    dry_run: bool = False
    version: Annotated[int, Meta(ge=0)] | None = None


class RollBack(msgspec.Struct, frozen=True, kw_only=True):
    """To which version."""

    version: Annotated[int, Meta(ge=1, le=2**62)]
    dry_run: bool = False


class SettingsRoom:
    """Handlers below `/api/v1/settings`."""

    def __init__(self, desks: Desks) -> None:
        self._publication = desks.publication
        self._store = desks.store

    def operations(self) -> list[Operation]:
        """What can be done with settings."""
        see, change = Action.SEE_SETTINGS, Action.CHANGE_SETTINGS
        pair = (
            Parameter("before", "a version", {"type": "integer"}, required=True),
            Parameter("after", "a version", {"type": "integer"}, required=True),
        )
        return [
            Operation(
                "GET", "settings", "listSettings", "Every published row.", self._list, see, list[SettingsRow]
            ),
            Operation(
                "GET",
                "settings/{name}",
                "getSettings",
                "One row.",
                self._one,
                see,
                SettingsRow,
                parameters=(_NAME,),
                refusals=(404,),
            ),
            Operation(
                "PUT",
                "settings/{name}",
                "putSettings",
                "Replace a row, or publish a new one; refused with a reason by cell.",
                self._put,
                change,
                Published,
                body=Replacement,
                parameters=(_NAME,),
                refusals=(400, 404, 409),
                max_bytes=_BYTES,
            ),
            Operation(
                "DELETE",
                "settings/{name}",
                "withdrawSettings",
                "Withdraw a row; its callbacks go on with the defaults. Not while another row names it.",
                self._withdraw,
                change,
                Published,
                parameters=(_NAME,),
                refusals=(400, 404),
            ),
            Operation(
                "GET",
                "settings/{name}/versions",
                "listSettingsVersions",
                "The versions of a row, newest first, 250 at most.",
                self._versions,
                see,
                list[RowVersion],
                parameters=(_NAME,),
                refusals=(404,),
            ),
            Operation(
                "GET",
                "settings/{name}/diff",
                "diffSettings",
                "What two versions have in different ways.",
                self._diff,
                see,
                list[Difference],
                parameters=(_NAME, *pair),
                refusals=(400, 404),
            ),
            Operation(
                "POST",
                "settings/{name}/rollback",
                "rollBackSettings",
                "Publish an earlier version once more.",
                self._roll_back,
                change,
                Published,
                body=RollBack,
                parameters=(_NAME,),
                refusals=(400, 404),
            ),
        ]

    async def _list(self, call: Call) -> list[SettingsRow]:
        rows = visible(await self._publication.rows(call.tenant), call.scope)
        return [_shown(row) for row in rows.values()]

    async def _one(self, call: Call) -> SettingsRow:
        rows = visible(await self._publication.rows(call.tenant), call.scope)
        if (row := rows.get(call.part("name"))) is None:
            raise unknown()
        return _shown(row)

    async def _put(self, call: Call) -> Published:
        name, asked = call.part("name"), call.decode(Replacement)
        rows = await self._publication.rows(call.tenant)
        check_reach(call, rows, name, kind_of(asked.properties))
        if name in rows:
            check_reach(call, rows, name, kind_of(rows[name].properties))
        table = {name: asked.properties}
        return await publish(call, self._publication, table, dry_run=asked.dry_run, expected=asked.version)

    async def _withdraw(self, call: Call) -> Published:
        name = call.part("name")
        rows = await self._publication.rows(call.tenant)
        if name not in rows:
            raise unknown()
        check_reach(call, rows, name, kind_of(rows[name].properties))
        return await publish(call, self._publication, {name: None})

    async def _versions(self, call: Call) -> list[RowVersion]:
        async with self._store.statement() as session:
            return await self._of(call, session)

    async def _diff(self, call: Call) -> list[Difference]:
        async with self._store.statement() as session:
            found = {each.version: each for each in await self._of(call, session)}
        before, after = (_version(call, name) for name in ("before", "after"))
        if before not in found or after not in found:
            raise HttpError(404, "unknown-version", "the row has no such version")
        return differences(found[before].properties or {}, found[after].properties or {})

    async def _roll_back(self, call: Call) -> Published:
        name, asked = call.part("name"), call.decode(RollBack)
        async with self._store.statement() as session:
            found = {each.version: each for each in await self._of(call, session)}
        if asked.version not in found:
            raise HttpError(404, "unknown-version", "the row has no such version")
        properties = found[asked.version].properties
        rows = await self._publication.rows(call.tenant)
        check_reach(call, rows, name, kind_of(properties or {}))
        return await publish(call, self._publication, {name: properties}, dry_run=asked.dry_run)

    async def _of(self, call: Call, session: Session) -> list[RowVersion]:
        """The versions of the row that the path names, as far as the user sees it, now or by its name."""
        name = call.part("name")
        rows = await self._publication.rows(call.tenant)
        scope = call.caller.grants.scope(Action.SEE_SETTINGS)
        seen = name in visible(rows, scope) if name in rows else name in scope
        found = [_version_of(row) for row in await versions(session, call.tenant, name)]
        if not seen or not found:
            raise unknown()
        return found


def _version(call: Call, name: str) -> int:
    text = call.request.query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise HttpError(400, "invalid_query", f"{name} is the number of a version")
    return int(text)


def _version_of(row: Any) -> RowVersion:
    text = row["properties"]
    return RowVersion(
        version=row["version"],
        at=row["at"],
        who=row["who"],
        source=row["source"],
        properties=None if text is None else msgspec.json.decode(text, type=dict[str, str]),
    )


def _shown(row: Row) -> SettingsRow:
    kind = kind_of(row.properties)
    effective: dict[str, Any] = {}
    if kind == "service":
        try:
            effective = properties_of(read_settings(row.properties))
        except SettingsError:
            effective = {}
    return SettingsRow(
        name=row.name,
        kind=kind,
        version=row.version,
        source=row.source,
        updated=row.at,
        properties=row.properties,
        effective=effective,
    )
