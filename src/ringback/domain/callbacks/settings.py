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
from ringback.domain.callbacks.names import MOST_REJECTS, DialResult
from ringback.domain.callbacks.retry import RetryPolicy
from ringback.domain.callbacks.slots import CapacityRule, read_capacity_rule
from ringback.domain.numbers import NumberGate, NumberRules, read_gate
from ringback.domain.opening import SpecialDay, read_special_day
from ringback.domain.quiet import read_quiet_hours, ringing_hours

Positive = Annotated[int, Meta(ge=1)]
Kind = Literal["service", "hours", "capacity", "numbers"]
NotNegative = Annotated[int, Meta(ge=0)]


OVERWRITABLE = frozenset(
    {
        "_agent_preview",
        "_agent_preview_timeout",
        "_call_display_name",
        "_call_display_number",
        "_cpd_enable",
        "_dial_retry_timeout",
        "_hold_enabled",
        "_max_dial_attempts",
        "_snooze_duration",
        "_target",
        "_ttl",
        "_userterminated_first_connect_party",
    }
)
"""What `_overwritable_options` may name."""


class SettingsError(ValueError):
    """Properties have values that they cannot have; the message names them.

    cells: the reason by property.
    """

    def __init__(self, message: str, cells: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.cells = dict(cells or {})


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
    userterminated_first_connect_party: whose phone rings first. AGENT: the customer is dialled when the agent
    has answered. CUSTOMER: the agent, who is reserved, is rung when the customer has answered.
    agent_preview: ask the reserved agent first, for agent_preview_timeout seconds; silence is an acceptance
    where agent_preview_allow_reject is false, else a rejection. After a rejection the callback goes back to
    its place in line when agent_reject_retry_timeout seconds have passed. agent_preview_max_rejects:
    rejections that cancel the callback; 0: none do.
    prefix_dial_out: digits in front of the number. call_display_name: the name beside the caller id.
    cpd_enable: listen who or what has answered, for at most cpd_timeguard seconds; then it is a person.
    treatment_call_failure_answering_machine: hang_up; message: leave answering_machine_message after the
    beep, once a callback; connect: treat it as a person.
    max_queue_wait: seconds in line after which the customer is dialled without an agent; 0: never.
    dial_retry_timeout_busy, _no_answer, _answering_machine: seconds until the next dial after such a result;
    0: dial_retry_timeout.
    urs_vq_priority: priority where the request names none. It grows by _increment every _increment_interval
    seconds in line, up to _limit.
    agent_reserve_timeout: seconds that an agent is held while the customer is dialled.
    hold_enabled: a customer who has answered may ask to be called again after snooze_duration seconds.
    attach_udata: how user data goes to the call: each key by itself, all as JSON under GMS_UserData, or only
    the callback's id under GMS_StorageId.
    overwritable_options: properties that a request may bring itself, with commas.
    callback_purge_time: seconds after its end at which a callback is forgotten; 0: never.
    call_direction: USERORIGINATED: the customer's device is told when an agent is ready, and calls us at a
    number of the group call_in_group within pushed_callback_expiry_time seconds.
    enable_notification_reminder: tell the device notification_reminder_buffer seconds before a desired time.
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
    userterminated_first_connect_party: Literal["AGENT", "CUSTOMER"] = "CUSTOMER"
    agent_preview: bool = False
    agent_preview_allow_reject: bool = True
    agent_preview_timeout: Annotated[int, Meta(ge=1, le=300)] = 30
    agent_preview_max_rejects: Annotated[int, Meta(ge=0, le=MOST_REJECTS)] = 0
    agent_reject_retry_timeout: Annotated[int, Meta(ge=0, le=3600)] = 10
    prefix_dial_out: Annotated[str, Meta(pattern=r"^[0-9*#]{0,8}$")] = ""
    call_display_name: Annotated[str, Meta(pattern=r'^[^"\\<>\x00-\x1f\x7f]{0,64}$')] = ""
    cpd_enable: bool = False
    cpd_timeguard: Annotated[int, Meta(ge=1, le=60)] = 6
    treatment_call_failure_answering_machine: Literal["hang_up", "message", "connect"] = "hang_up"
    answering_machine_message: str = "callback-message"
    max_queue_wait: NotNegative = 0
    dial_retry_timeout_busy: NotNegative = 0
    dial_retry_timeout_no_answer: NotNegative = 0
    dial_retry_timeout_answering_machine: NotNegative = 0
    urs_vq_priority: int = 0
    urs_vq_priority_increment: NotNegative = 0
    urs_vq_priority_increment_interval: Positive = 60
    urs_vq_priority_limit: int = 100
    agent_reserve_timeout: Annotated[int, Meta(ge=5, le=600)] = 60
    hold_enabled: bool = False
    snooze_duration: Positive = 600
    attach_udata: Literal["separate_keys", "single_json", "gms_storage_id"] = "separate_keys"
    overwritable_options: str = ""
    callback_purge_time: NotNegative = 2_592_000
    call_direction: Literal["USERTERMINATED", "USERORIGINATED"] = "USERTERMINATED"
    call_in_group: str = ""
    pushed_callback_expiry_time: Annotated[int, Meta(ge=10, le=240)] = 60
    enable_notification_reminder: bool = False
    notification_reminder_buffer: Annotated[int, Meta(ge=1, le=604_800)] = 300

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
        usual = float(self.dial_retry_timeout)
        delays = {
            DialResult.BUSY: float(self.dial_retry_timeout_busy) or usual,
            DialResult.NO_ANSWER: float(self.dial_retry_timeout_no_answer) or usual,
            DialResult.ANSWERING_MACHINE: float(self.dial_retry_timeout_answering_machine) or usual,
        }
        return RetryPolicy(self.max_dial_attempts, usual, hours, delays, float(self.snooze_duration))

    def initial_priority(self, asked: float | None) -> int:
        """The priority that a callback begins with: the request's, if it names one."""
        return self.urs_vq_priority if asked is None else int(asked)

    def overwritable(self) -> list[str]:
        """The properties that a request may bring itself."""
        return [name.strip() for name in self.overwritable_options.split(",") if name.strip()]


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
    if not settings.route_point:
        why = "is empty: the customer is dialled from a route point"
        raise SettingsError(f"_route_point {why}", {"_route_point": why})
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
    """Settings from published properties (values may be strings); raises SettingsError for all bad ones."""
    cells: dict[str, str] = {}
    good: dict[str, object] = {}
    for name, value in properties.items():
        try:
            msgspec.convert({name: value}, CallbackSettings, strict=False)
            good[name] = value
        except msgspec.ValidationError as error:
            cells[name] = str(error).partition(" - at ")[0]
    settings = msgspec.convert(good, CallbackSettings, strict=False)
    cells |= {name: why for name, why in misfits(settings).items() if name not in cells}
    if cells:
        raise SettingsError("; ".join(f"{name}: {why}" for name, why in cells.items()), cells)
    return settings


def properties_of(settings: CallbackSettings) -> dict[str, object]:
    """Settings as published properties."""
    properties: dict[str, object] = msgspec.to_builtins(settings)
    return properties


def misfits(settings: CallbackSettings) -> dict[str, str]:
    """The properties whose values do not fit each other, or cannot be read, with the reason."""
    found = {name: why for name, (wrong, why) in _contradictions(settings).items() if wrong}
    strange = [name for name in settings.overwritable() if name not in OVERWRITABLE]
    if strange:
        found["_overwritable_options"] = f"cannot be brought by a request: {strange[0][:60]}"
    try:
        if settings.quiet_hours:
            read_quiet_hours(settings.quiet_hours)
    except CalendarError as error:
        found["_quiet_hours"] = str(error)
    return found


def _contradictions(settings: CallbackSettings) -> dict[str, tuple[bool, str]]:
    """By property: whether another one contradicts it, and why."""
    agent_first = settings.userterminated_first_connect_party == "AGENT"
    rejects = settings.agent_preview_max_rejects
    return {
        "_call_in_group": (
            settings.call_direction == "USERORIGINATED" and not settings.call_in_group,
            "is empty, and customers are to call",
        ),
        "_agent_preview_max_rejects": (
            rejects > 0 and not (settings.agent_preview and settings.agent_preview_allow_reject),
            "needs _agent_preview and _agent_preview_allow_reject",
        ),
        "_max_queue_wait": (
            agent_first and settings.max_queue_wait > 0,
            "the customer cannot be dialled without an agent when the agent is first",
        ),
        "_hold_enabled": (
            agent_first and settings.hold_enabled,
            "needs the customer to be first: here an agent is on the line already",
        ),
        "_urs_vq_priority_limit": (
            settings.urs_vq_priority_increment > 0
            and settings.urs_vq_priority_limit < settings.urs_vq_priority,
            "is below _urs_vq_priority",
        ),
        "_answering_machine_message": (
            settings.treatment_call_failure_answering_machine == "message"
            and not settings.answering_machine_message,
            "is empty, and a message is to be left",
        ),
    }
