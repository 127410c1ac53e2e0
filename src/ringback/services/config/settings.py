"""Settings of the config service."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class ConfigSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the config service can be told."""

    refresh_s: Annotated[float, Doc("seconds between comparisons of the cache's version with Valkey's")] = 2.0
