"""Settings of call state."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class CallStateSettings(ServiceSettings, frozen=True, kw_only=True):
    """What call state can be told."""

    stale_s: Annotated[float, Doc("seconds without an event after which a call is looked after")] = 30.0
    sweep_s: Annotated[float, Doc("seconds between two looks for stale calls")] = 5.0
    keep_s: Annotated[int, Doc("seconds that an ended call is remembered")] = 300
    list_limit: Annotated[int, Doc("calls that one answer holds at most")] = 1000
