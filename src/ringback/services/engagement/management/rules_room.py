"""Hours, capacity rules and number rules: seen, made, replaced, removed, and tried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from ringback.domain.calendar import BusinessHours, instant_of, zone_named
from ringback.domain.callbacks import CapacityRule, Grid, Kind, SlotPlan, kind_of, read_hours
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpError
from ringback.services.engagement.catalogue import Properties
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.models import Text
from ringback.services.engagement.management.rules import (
    CapacityForm,
    HoursForm,
    NumbersForm,
    Verdict,
    capacity_form,
    capacity_of,
    capacity_rule,
    grid_of,
    hours_form,
    hours_of,
    numbers_form,
    numbers_of,
    verdict,
)
from ringback.services.engagement.management.tables import (
    Published,
    check_reach,
    names_in,
    publish,
    unknown,
    using,
    visible,
)
from ringback.services.engagement.publication import Row
from ringback.services.engagement.store import moment

F = TypeVar("F", HoursForm, CapacityForm, NumbersForm)
_NAME = in_path("name", "name of the hours or of the rule")
_BYTES = 512 * 1024


class HoursView(msgspec.Struct, frozen=True, kw_only=True):
    """Published hours. used_by: services that name them, as far as seen. closes, opens: null: never."""

    name: str
    version: int
    used_by: list[str]
    rule: HoursForm
    open: bool
    closes: datetime | None
    opens: datetime | None


class CapacityView(msgspec.Struct, frozen=True, kw_only=True):
    """A published capacity rule. week: for each day from Monday on, the room of each slot as a rule."""

    name: str
    version: int
    used_by: list[str]
    rule: CapacityForm
    week: list[list[int]]


class NumbersView(msgspec.Struct, frozen=True, kw_only=True):
    """A published number rule."""

    name: str
    version: int
    used_by: list[str]
    rule: NumbersForm


class CapacityTrial(msgspec.Struct, frozen=True, kw_only=True):
    """A day in the queues' own zones. rule: this one in place of the published one."""

    day: date
    rule: CapacityForm | None = None


class TrialSlot(msgspec.Struct, frozen=True, kw_only=True):
    """One slot of a day: what the wall shows at its beginning, how many it takes, how many have taken it."""

    start: datetime
    local: str
    capacity: int
    taken: int
    open: bool


class CapacityOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The day of one service that uses the rule; service empty: nobody uses it, and the zone is UTC."""

    service: str
    timezone: str
    slots: list[TrialSlot]


class NumberTrial(msgspec.Struct, frozen=True, kw_only=True):
    """A number as somebody would type it. rule: this one in place of the one that `name` names."""

    number: Annotated[str, Meta(max_length=256)]
    default_country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] = "US"
    name: Text | None = None
    rule: NumbersForm | None = None


@dataclass(frozen=True, slots=True)
class Sort(Generic[F]):
    """One kind of rule: its paths, its form, and how it is shown."""

    kind: Kind
    path: str
    title: str
    plural: str
    form: type[F]
    write: Callable[[F], Properties]
    show: Callable[[Row, list[str], float], Any]
    view: Any
    change: Action


class RulesRoom:
    """Handlers below `/api/v1/hours`, `/api/v1/capacity-rules` and `/api/v1/number-rules`."""

    def __init__(self, desks: Desks) -> None:
        self._publication = desks.publication
        self._catalogue = desks.catalogue
        self._store = desks.store

    def operations(self) -> list[Operation]:
        """What can be done with hours and rules."""
        settings, numbers = Action.CHANGE_SETTINGS, Action.CHANGE_NUMBER_RULES
        hours = Sort(
            "hours", "hours", "Hours", "AllHours", HoursForm, hours_of, _hours_view, HoursView, settings
        )
        capacity = Sort(
            "capacity",
            "capacity-rules",
            "CapacityRule",
            "CapacityRules",
            CapacityForm,
            capacity_of,
            _capacity_view,
            CapacityView,
            settings,
        )
        number = Sort(
            "numbers",
            "number-rules",
            "NumberRule",
            "NumberRules",
            NumbersForm,
            numbers_of,
            _numbers_view,
            NumbersView,
            numbers,
        )
        return [
            *self._operations_of(hours),
            *self._operations_of(capacity),
            *self._operations_of(number),
            Operation(
                "POST",
                "capacity-rules/{name}/test",
                "testCapacityRule",
                "What a day would look like in each queue that uses the rule.",
                self._try_capacity,
                Action.SEE_SETTINGS,
                list[CapacityOutcome],
                body=CapacityTrial,
                parameters=(_NAME,),
                refusals=(400, 404),
                max_bytes=_BYTES,
            ),
            Operation(
                "POST",
                "number-rules/test",
                "testNumber",
                "What a rule says about a number.",
                self._try_number,
                Action.SEE_SETTINGS,
                Verdict,
                body=NumberTrial,
                refusals=(400, 404),
                max_bytes=_BYTES,
            ),
        ]

    def _operations_of(self, sort: Sort[Any]) -> list[Operation]:
        see, path = Action.SEE_SETTINGS, sort.path

        async def every(call: Call) -> object:
            rows = visible(await self._publication.rows(call.tenant), call.scope)
            return [
                _show(call, sort, row, rows) for row in rows.values() if kind_of(row.properties) == sort.kind
            ]

        async def one(call: Call) -> object:
            rows = visible(await self._publication.rows(call.tenant), call.scope)
            return _show(call, sort, _row(rows, call.part("name"), sort.kind), rows)

        async def put(call: Call) -> object:
            name, form = call.part("name"), call.decode(sort.form)
            rows = await self._publication.rows(call.tenant)
            check_reach(call, rows, name, sort.kind)
            if name in rows and kind_of(rows[name].properties) != sort.kind:
                raise HttpError(409, "name-taken", "something of another kind has this name")
            return await publish(call, self._publication, {name: sort.write(form)})

        async def remove(call: Call) -> object:
            rows = await self._publication.rows(call.tenant)
            name = _row(rows, call.part("name"), sort.kind).name
            check_reach(call, rows, name, sort.kind)
            return await publish(call, self._publication, {name: None})

        views: Any = list.__class_getitem__(sort.view)
        about, named = path.replace("-", " "), (_NAME,)
        return [
            Operation("GET", path, f"list{sort.plural}", f"All {about}.", every, see, views),
            Operation(
                "GET",
                f"{path}/{{name}}",
                f"get{sort.title}",
                "One of them.",
                one,
                see,
                sort.view,
                parameters=named,
                refusals=(404,),
            ),
            Operation(
                "PUT",
                f"{path}/{{name}}",
                f"put{sort.title}",
                "Make it, or replace it; refused with a reason by cell.",
                put,
                sort.change,
                Published,
                body=sort.form,
                parameters=named,
                refusals=(400, 404, 409),
                max_bytes=_BYTES,
            ),
            Operation(
                "DELETE",
                f"{path}/{{name}}",
                f"delete{sort.title}",
                "Remove it, unless a service names it.",
                remove,
                sort.change,
                Published,
                parameters=named,
                refusals=(400, 404),
            ),
        ]

    async def _try_capacity(self, call: Call) -> list[CapacityOutcome]:
        asked = call.decode(CapacityTrial)
        rows = visible(await self._publication.rows(call.tenant), call.scope)
        row = _row(rows, call.part("name"), "capacity")
        rule = capacity_rule(asked.rule or capacity_form(row.properties))
        services = [name for name in using(rows, row.name) if name in call.scope]
        if not services:
            plan = SlotPlan(Grid(zone_named("UTC"), rule.minutes), 0, rule)
            return [CapacityOutcome(service="", timezone="UTC", slots=_day(plan, None, asked.day, {}))]
        return [await self._outcome(call, name, rule, asked.day) for name in services]

    async def _outcome(self, call: Call, service: str, rule: CapacityRule, day: date) -> CapacityOutcome:
        offer = await self._catalogue.offer(call.tenant, service)
        hours = None if offer is None else offer.hours
        zone = zone_named("UTC") if hours is None else hours.zone
        plan = SlotPlan(Grid(zone, rule.minutes), 0, rule)
        begin, end = _bounds(plan, day)
        async with self._store.statement() as session:
            taken = await session.taken(call.tenant, service, rule.minutes, int(begin), int(end))
        return CapacityOutcome(service=service, timezone=zone.key, slots=_day(plan, hours, day, taken))

    async def _try_number(self, call: Call) -> Verdict:
        asked = call.decode(NumberTrial)
        form = asked.rule or NumbersForm()
        if asked.rule is None and asked.name is not None:
            rows = visible(await self._publication.rows(call.tenant), call.scope)
            form = numbers_form(_row(rows, asked.name, "numbers").properties)
        return verdict(asked.number, asked.default_country, form)


def _row(rows: dict[str, Row], name: str, kind: Kind) -> Row:
    row = rows.get(name)
    if row is None or kind_of(row.properties) != kind:
        raise unknown()
    return row


def _show(call: Call, sort: Sort[Any], row: Row, rows: dict[str, Row]) -> object:
    users = [name for name in rows if row.name in names_in(rows[name].properties).values()]
    return sort.show(row, sorted(users), call.now)


def _hours_view(row: Row, used_by: list[str], now: float) -> HoursView:
    hours = read_hours(row.properties)
    closes, opens = hours.closes_at(now), hours.next_opening(now)
    return HoursView(
        name=row.name,
        version=row.version,
        used_by=used_by,
        rule=hours_form(row.properties),
        open=closes is not None,
        closes=moment(closes) if closes is not None and closes != float("inf") else None,
        opens=moment(opens) if closes is None and opens is not None else None,
    )


def _capacity_view(row: Row, used_by: list[str], _now: float) -> CapacityView:
    form = capacity_form(row.properties)
    week = grid_of(capacity_rule(form))
    return CapacityView(name=row.name, version=row.version, used_by=used_by, rule=form, week=week)


def _numbers_view(row: Row, used_by: list[str], _now: float) -> NumbersView:
    rule = numbers_form(row.properties)
    return NumbersView(name=row.name, version=row.version, used_by=used_by, rule=rule)


def _bounds(plan: SlotPlan, day: date) -> tuple[float, float]:
    """The first and last instant of a day on the wall of the plan's zone; HttpError 400."""
    if not 2000 <= day.year < 2200:
        raise HttpError(400, "invalid_body", "day is one of the years 2000 to 2199")
    walls = [datetime.combine(each, time()) for each in (day, day + timedelta(days=1))]
    begin, end = (instant_of(plan.grid.zone, wall) for wall in walls)
    return begin, end


def _day(plan: SlotPlan, hours: BusinessHours | None, day: date, taken: dict[int, int]) -> list[TrialSlot]:
    begin, end = _bounds(plan, day)
    return [
        TrialSlot(
            start=moment(start),
            local=datetime.fromtimestamp(start, plan.grid.zone).strftime("%H:%M"),
            capacity=plan.capacity(start),
            taken=taken.get(start, 0),
            open=hours is None or hours.is_open(start),
        )
        for start in plan.grid.starts(plan.grid.start_of(begin), end)
    ]
