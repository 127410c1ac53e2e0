"""Settings of the agent_state service."""

from typing import Annotated, Literal

from ringback.runtime.settings import Doc, ServiceSettings


class AgentStateSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the agent_state service can be told."""

    ringing_lease_s: Annotated[float, Doc("seconds after which a ringing that nobody ended is over")] = 60.0
    talking_lease_s: Annotated[float, Doc("seconds after which a conversation must show that it lives")] = (
        300.0
    )
    reconcile_s: Annotated[float, Doc("seconds between looks for leases that have ended")] = 0.25
    sweep_s: Annotated[float, Doc("seconds between comparisons of agents with the calls that live")] = 5.0
    on_no_answer: Annotated[
        Literal["none", "not_ready", "logout"], Doc("what becomes of an agent who does not answer")
    ] = "not_ready"
    on_reject: Annotated[
        Literal["none", "not_ready", "logout"], Doc("what becomes of an agent who rejects a call")
    ] = "none"
    acw_lease_s: Annotated[
        float, Doc("seconds after which after-call work is over that the agent has not ended")
    ] = 3600.0
    device_sweep_s: Annotated[
        float, Doc("seconds between comparisons of agents with the phones and calls at their devices")
    ] = 30.0
