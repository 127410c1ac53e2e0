"""Settings of the rq service."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class RqSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the rq service can be told."""

    keep_closed_s: Annotated[int, Doc("seconds for which a closed request is remembered")] = 3600
    stream_length: Annotated[int, Doc("entries kept in the streams of requests and of results")] = 100_000
    active_lease_s: Annotated[
        float, Doc("seconds after which a standby node goes on for a dead active one")
    ] = 3.0
