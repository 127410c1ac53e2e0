"""Settings of the frontend."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class FrontendSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the frontend can be told."""

    directory_ttl_s: Annotated[float, Doc("seconds that the list of cluster nodes is remembered")] = 0.5
    node_timeout_s: Annotated[float, Doc("seconds that a cluster node may take to answer")] = 4.0
