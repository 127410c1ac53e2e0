"""What a virtual queue allows and how its callbacks are dialled, by the published property names.

The published form is one property per name, each value a string (`"_max_dial_attempts": "3"`); properties
that are not known here are left out without complaint: the table may carry columns of the customer's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from ringback.domain.calendar import BusinessHours, CalendarError, weekly
from ringback.domain.callbacks.retry import RetryPolicy
from ringback.domain.numbers import NumberRules

Positive = Annotated[int, Meta(ge=1)]
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

    def number_rules(self) -> NumberRules:
        """The rules by which the customer's number is judged."""
        return NumberRules(
            default_country=self.default_country,
            refuse_impossible=self.disallow_impossible_phone_numbers,
            refuse_invalid=self.disallow_impossible_phone_numbers,
            refuse_premium=self.disallow_premium_phone_numbers,
        )

    def retry_policy(self, hours: BusinessHours | None = None) -> RetryPolicy:
        """The policy after a failed dial, within the given hours."""
        return RetryPolicy(self.max_dial_attempts, float(self.dial_retry_timeout), hours)


def read_hours(properties: Mapping[str, object]) -> BusinessHours:
    """Business hours from published properties: `_timezone` and lines `_bh_regular1`, `_bh_regular2`, …

    Raises SettingsError.
    """
    lines = [str(properties[name]) for name in sorted(properties) if name.startswith("_bh_regular")]
    try:
        return weekly(str(properties.get("_timezone", "UTC")), lines)
    except CalendarError as error:
        raise SettingsError(str(error)) from error


def are_hours(properties: Mapping[str, object]) -> bool:
    """Whether published properties describe business hours and not a callback service."""
    return any(name == "_timezone" or name.startswith("_bh_regular") for name in properties)


def read_settings(properties: Mapping[str, object]) -> CallbackSettings:
    """Settings from published properties (values may be strings); raises SettingsError."""
    try:
        return msgspec.convert(dict(properties), CallbackSettings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
