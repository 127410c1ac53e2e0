"""What a virtual queue allows and how its callbacks are dialled, by the published property names.

The published form is one property per name, each value a string (`"_max_dial_attempts": "3"`); properties
that are not known here are left out without complaint: the table may carry columns of the customer's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringback.domain.calendar import BusinessHours, CalendarError, Together, weekly
from ringback.domain.callbacks.retry import RetryPolicy
from ringback.domain.callbacks.slots import CapacityRule, read_capacity_rule
from ringback.domain.numbers import NumberGate, NumberRules, read_gate
from ringback.domain.opening import SpecialDay, read_special_day
from ringback.domain.quiet import read_quiet_hours, ringing_hours

Positive = Annotated[int, Meta(ge=1)]
Kind = Literal["service", "hours", "capacity", "numbers"]
NotNegative = Annotated[int, Meta(ge=0)]


class SettingsError(ValueError):
    """A property has a value that it cannot have; the message names the property."""


class CallbackSettings(msgspec.Struct, frozen=True, kw_only=True, rename=lambda name: f"_{name}"):
    """The settings of one callback service.

    service: address of the application that the session runs; empty for the built-in one.
    vq: the virtual queue in which callbacks wait; empty for the one named like the service.
    target: what the router looks for (skill expression); empty for the virtual queue's own.
    route_point: the route point that dials out.
    immediate_enabled, scheduled_enabled: which kinds are taken.
    immediate_blackout: minutes before closing in which no immediate callback is taken.
    min_time_before_callback: minutes that a scheduled callback must lie ahead.
    business_hours_service: name of the hours that apply; empty for always open.
    enable_reject_out_of_office_hours: refuse a desired time outside the hours instead of moving it.
    max_dial_attempts: dials in all. dial_retry_timeout: seconds between two.
    call_display_number: the caller id that the customer sees.
    ttl: seconds after the desired time at which the callback is given up.
    request_execution_time_buffer: seconds before the desired time at which the callback joins the queue.
    push_notification_threshold: minutes of wait below which the customer's device is told; 0: never.
    default_country: ISO 3166 code by which numbers without `+` are read.
    request_time_bucket: minutes of a slot. max_request_by_time_bucket: callbacks that a slot takes.
    capacity_rule: name of the rule that says it instead. number_rule: name of the rule for numbers.
    enable_in_queue_checking: callbacks of one number that wait at once: true 2, strict 1, false any.
    throttle_request_parameters: fields whose values together are throttled; empty: none are.
    throttle_request_parameters_limit: immediate callbacks in 24 hours with the same values.
    logged_in_check: take immediate callbacks only while somebody is logged in.
    quiet_hours: times of the customer's day without a dial, `21:00-08:00`; empty: none.
    """

    service: str = ""
    vq: str = ""
    target: str = ""
    route_point: str = ""
    immediate_enabled: bool = True
    scheduled_enabled: bool = True
    immediate_blackout: NotNegative = 0
    min_time_before_callback: NotNegative = 0
    business_hours_service: str = ""
    enable_reject_out_of_office_hours: bool = False
    max_dial_attempts: Positive = 3
    dial_retry_timeout: Positive = 300
    call_display_number: str = ""
    ttl: Positive = 86_400
    request_execution_time_buffer: NotNegative = 0
    push_notification_threshold: NotNegative = 0
    default_country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] = "US"
    disallow_impossible_phone_numbers: bool = True
    disallow_premium_phone_numbers: bool = True
    request_time_bucket: Literal[5, 10, 15, 20, 30, 60, 120] = 5
    max_request_by_time_bucket: NotNegative = 100
    capacity_rule: str = ""
    number_rule: str = ""
    enable_in_queue_checking: Literal["true", "strict", "false"] = "true"
    throttle_request_parameters: str = "_customer_number"
    throttle_request_parameters_limit: Positive = 6
    logged_in_check: bool = False
    quiet_hours: Annotated[str, Meta(pattern=r"^(\d{1,2}:\d\d-\d{1,2}:\d\d)?$")] = ""

    def most_waiting(self) -> int | None:
        """How many callbacks of one number may wait at once; None: any."""
        return {"true": 2, "strict": 1, "false": None}[self.enable_in_queue_checking]

    def throttle_fields(self) -> list[str]:
        """The names of the fields whose values are throttled together."""
        return [name.strip() for name in self.throttle_request_parameters.split(",") if name.strip()]

    def number_rules(self, gate: NumberGate | None = None) -> NumberRules:
        """The rules by which the customer's number is judged."""
        return NumberRules(
            gate=gate,
            default_country=self.default_country,
            refuse_impossible=self.disallow_impossible_phone_numbers,
            refuse_invalid=self.disallow_impossible_phone_numbers,
            refuse_premium=self.disallow_premium_phone_numbers,
        )

    def ringing(self, hours: BusinessHours | None, number: str, zone: str = "") -> Together:
        """When a customer may be called: in the office's hours, outside quiet ones where the customer is."""
        office = () if hours is None else (hours,)
        if not self.quiet_hours:
            return Together(office)
        return Together((*office, *ringing_hours(read_quiet_hours(self.quiet_hours), number, zone)))

    def retry_policy(self, hours: BusinessHours | Together | None = None) -> RetryPolicy:
        """The policy after a failed dial, within the given hours."""
        return RetryPolicy(self.max_dial_attempts, float(self.dial_retry_timeout), hours)


def read_hours(properties: Mapping[str, object]) -> BusinessHours:
    """Business hours from published properties: `_timezone`, `_bh_regular<n>` and the special days.

    Special days apply in this order: `_holidays<n>` (dates that are closed), `_bh_add<n>` (dates with hours
    that are added), `_bh_special<n>` (see `read_special_day`), each by its number. Raises SettingsError.
    """
    try:
        changes = [
            *_changes(properties, "_holidays", "{} closed"),
            *_changes(properties, "_bh_add", "{}", " open "),
            *_changes(properties, "_bh_special", "{}"),
        ]
        lines = [line for _, line in numbered(properties, "_bh_regular")]
        return weekly(str(properties.get("_timezone", "UTC")), lines, changes)
    except CalendarError as error:
        raise SettingsError(str(error)) from error


def read_capacity(properties: Mapping[str, object]) -> CapacityRule:
    """A capacity rule from its published properties; raises SettingsError."""
    lines = [line for _, line in numbered(properties, "_capacity_regular")]
    exceptions = [line for _, line in numbered(properties, "_capacity_special")]
    try:
        return read_capacity_rule(str(properties.get("_capacity_slot", "60")), lines, exceptions)
    except CalendarError as error:
        raise SettingsError(str(error)) from error


def read_number_gate(properties: Mapping[str, object]) -> NumberGate:
    """Permitted countries and blocked patterns from their published properties; raises SettingsError."""
    patterns = [line for _, line in numbered(properties, "_blocked_pattern")]
    try:
        return read_gate(str(properties.get("_permitted_countries", "")), patterns)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def kind_of(properties: Mapping[str, object]) -> Kind:
    """What published properties describe, told by the names of the properties that only one kind has."""
    if are_hours(properties):
        return "hours"
    if any(name.startswith(("_capacity_slot", "_capacity_regular")) for name in properties):
        return "capacity"
    if any(name.startswith(("_permitted_countries", "_blocked_pattern")) for name in properties):
        return "numbers"
    return "service"


def check(properties: Mapping[str, object]) -> dict[Kind, str]:
    """Raise SettingsError unless the properties can be read; the names that a service refers to, by kind."""
    kind = kind_of(properties)
    if kind != "service":
        {"hours": read_hours, "capacity": read_capacity, "numbers": read_number_gate}[kind](properties)
        return {}
    settings = read_settings(properties)
    named: dict[Kind, str] = {
        "hours": settings.business_hours_service,
        "capacity": settings.capacity_rule,
        "numbers": settings.number_rule,
    }
    return {kind: name for kind, name in named.items() if name}


def numbered(properties: Mapping[str, object], prefix: str) -> list[tuple[str, str]]:
    """The properties `<prefix><n>` with their values, in the order of their numbers."""
    found = [name for name in properties if name.startswith(prefix)]
    found.sort(key=lambda name: (len(name), name))
    return [(name, str(properties[name]).strip()) for name in found]


def _changes(
    properties: Mapping[str, object], prefix: str, form: str, between: str = " "
) -> Iterator[SpecialDay]:
    for name, value in numbered(properties, prefix):
        try:
            yield read_special_day(form.format(between.join(value.split(maxsplit=1))))
        except CalendarError as error:
            raise CalendarError(f"{name}: {error}") from error


def are_hours(properties: Mapping[str, object]) -> bool:
    """Whether published properties describe business hours and not a callback service."""
    return any(name == "_timezone" or name.startswith(("_bh_", "_holidays")) for name in properties)


def read_settings(properties: Mapping[str, object]) -> CallbackSettings:
    """Settings from published properties (values may be strings); raises SettingsError."""
    try:
        settings = msgspec.convert(dict(properties), CallbackSettings, strict=False)
        if settings.quiet_hours:
            read_quiet_hours(settings.quiet_hours)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    except CalendarError as error:
        raise SettingsError(f"_quiet_hours: {error}") from error
    return settings
