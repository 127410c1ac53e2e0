"""Settings of a cluster node."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class SipClusterSettings(ServiceSettings, frozen=True, kw_only=True):
    """What a cluster node can be told."""

    capacity: Annotated[int, Doc("calls that this node takes; more are refused with 503")] = 10_000
    retry_after_s: Annotated[int, Doc("seconds in Retry-After of a refused call")] = 5
    lease_s: Annotated[float, Doc("seconds after which the calls of a silent node are taken over")] = 6.0
    audit_s: Annotated[
        float, Doc("seconds between two questions whether the parties of a call are there")
    ] = 60.0
    media_audit_s: Annotated[
        float, Doc("seconds between two such questions to the media server of a call")
    ] = 10.0
    snapshot_ttl_s: Annotated[int, Doc("seconds that the snapshot of a call is kept without a change")] = (
        86_400
    )
    idempotency_ttl_s: Annotated[int, Doc("seconds that a request's idempotency key is remembered")] = 3_600
    session_expires_s: Annotated[
        int, Doc("seconds after which a session that nobody refreshes ends (RFC 4028); 0 asks for no timer")
    ] = 1_800
    min_se_s: Annotated[int, Doc("the shortest such time that is accepted, in seconds; at least 90")] = 90
    follow_redirects: Annotated[
        bool, Doc("dial the number that a telephone names in a 3xx, as the dial plan allows it to the caller")
    ] = True
