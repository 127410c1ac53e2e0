"""Settings of orchestration."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class OrchestrationSettings(ServiceSettings, frozen=True, kw_only=True):
    """How sessions run."""

    lease_s: Annotated[float, Doc("seconds after which the sessions of a silent node are taken over")] = 4.0
    retry_s: Annotated[float, Doc("seconds for which a request to a service that is away is tried again")] = (
        15.0
    )
    query_s: Annotated[
        float, Doc("seconds that a caller waits for the answer to a question about a queue")
    ] = 1.0
    report_retry_s: Annotated[float, Doc("seconds for which a callback's step is reported again")] = 600.0
    request_s: Annotated[float, Doc("seconds that a request to a session waits for its response")] = 10.0
    idle_s: Annotated[float, Doc("seconds after which a quiet session looks into its inbox unasked")] = 30.0
    script_s: Annotated[float, Doc("CPU seconds of scripts that one event may cause")] = 0.5
    memory_bytes: Annotated[int, Doc("memory of the data of one session, bytes")] = 16 * 1024 * 1024
    awake: Annotated[int, Doc("sessions that are kept in memory whole; others wait as they are stored")] = (
        1000
    )
    tombstone_s: Annotated[int, Doc("seconds for which an ended session's id is remembered")] = 3600
