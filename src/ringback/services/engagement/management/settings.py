"""Settings of the management API and of the limits that keep floods off."""

from __future__ import annotations

from typing import Annotated

from ringback.runtime.settings import Doc
from ringback.services.engagement.selfservice.settings import SelfServiceSettings


class ManagementSettings(SelfServiceSettings, frozen=True, kw_only=True):
    """What a caller may ask for, and how often."""

    access_cache_s: Annotated[
        float, Doc("seconds for which a token and what its user may do are remembered: a revocation's delay")
    ] = 5.0
    key_rate: Annotated[
        float, Doc("requests a second that one API key may send to a node, unless it has its own; 0: any")
    ] = 1000.0
    key_burst: Annotated[int, Doc("requests that one API key may send to a node at once")] = 10_000
    flood_tolerance: Annotated[
        int,
        Doc("answers 401 and 404 to one address in ten seconds after which such answers are slowed; 0: any"),
    ] = 50
