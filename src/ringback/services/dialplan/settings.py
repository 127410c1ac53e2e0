"""Settings of the dialplan service."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class DialplanSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the dialplan service can be told."""

    config_ttl_s: Annotated[float, Doc("seconds that configuration is kept without a change")] = 5.0
    reuse_s: Annotated[float, Doc("seconds that sip_cluster remembers where a route point is; 0: not")] = 1.0
