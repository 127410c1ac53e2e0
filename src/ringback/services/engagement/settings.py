"""Settings of the engagement service."""

from typing import Annotated

from ringback.runtime.settings import Doc
from ringback.services.engagement.management.settings import ManagementSettings


class EngagementSettings(ManagementSettings, frozen=True, kw_only=True):
    """What the engagement service can be told."""

    max_body_bytes: Annotated[int, Doc("largest request body, bytes")] = 64 * 1024
    scheduler_s: Annotated[float, Doc("seconds between looks for due callbacks when nothing wakes it")] = 0.5
    batch: Annotated[int, Doc("callbacks taken from the database at a time")] = 100
    silence_s: Annotated[float, Doc("seconds without a word from a session before it is asked for")] = 15.0
    routing_s: Annotated[float, Doc("seconds in ROUTING without a step after which an attempt is ended")] = (
        300.0
    )
    max_ahead_days: Annotated[int, Doc("days that a desired time may lie ahead")] = 90
    past_s: Annotated[float, Doc("seconds that a desired time may lie back and still count as now")] = 60.0
    key_cache_s: Annotated[float, Doc("seconds for which a resolved API key is remembered")] = 10.0
    settings_cache_s: Annotated[float, Doc("seconds for which a service's settings are remembered")] = 1.0
    status_s: Annotated[float, Doc("seconds between two pictures of the status page")] = 1.0
    applications: Annotated[
        str, Doc("application of services that name none: URL with {tenant}; empty: the designer's callback")
    ] = ""
    starts_per_second: Annotated[
        float, Doc("scheduled callbacks that a node starts a second at most: after an outage they come paced")
    ] = 250.0
    cors_origins: Annotated[
        str,
        Doc("origins whose pages may call the public API from a browser, with commas; *: all; empty: none"),
    ] = ""
