"""Settings of the tenant service."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class TenantSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the tenant service can be told."""

    call_lease_s: Annotated[
        float, Doc("seconds an agent is held for a call until the route is asked for")
    ] = 10.0
    callback_lease_s: Annotated[float, Doc("seconds an agent is held while a customer is dialled")] = 60.0
    ringing_lease_s: Annotated[float, Doc("seconds a place is kept while the agent's phone rings")] = 90.0
    talking_lease_s: Annotated[
        float, Doc("seconds a place is kept after the agent answered, unconfirmed")
    ] = 120.0
    retry_pause_s: Annotated[float, Doc("seconds before an agent can get back what the agent returned")] = 5.0
    priority_growth: Annotated[
        float, Doc("points of priority gained per second of waiting; 0: priority comes before arrival")
    ] = 0.0
    leader_lease_s: Annotated[
        float, Doc("seconds after which another node takes over a dead node's routing")
    ] = 3.0
    configuration_s: Annotated[float, Doc("seconds between looks at the virtual queues' configuration")] = 2.0
    interaction_lease_s: Annotated[
        float, Doc("seconds an agent is held for an interaction of another medium until it is accepted")
    ] = 30.0
    interaction_hold_s: Annotated[
        float, Doc("seconds an accepted interaction keeps its place at the agent without a further event")
    ] = 86400.0
    experience_s: Annotated[
        float, Doc("seconds between two savings of what the prediction of waiting times has learned")
    ] = 15.0
    decision_log: Annotated[
        int, Doc("entries kept of the log of routing decisions, a tenth of a second each; 0: no log")
    ] = 20_000
    campaign_attempts_days: Annotated[
        float, Doc("days for which the finished dials of campaigns are kept")
    ] = 90.0
