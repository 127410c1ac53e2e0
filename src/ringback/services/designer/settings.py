"""Settings of the designer."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class DesignerSettings(ServiceSettings, frozen=True, kw_only=True):
    """What applications may be and where they may reach."""

    max_application_bytes: Annotated[int, Doc("largest application, bytes")] = 1_048_576
    max_table_bytes: Annotated[int, Doc("largest data table, bytes")] = 1_048_576
    fetch_allow: Annotated[
        tuple[str, ...],
        Doc("outside hosts that applications may reach: scheme://host[:port], comma separated"),
    ] = ()
    fetch_max_bytes: Annotated[int, Doc("largest answer from outside, bytes")] = 262_144
    fetch_max_s: Annotated[float, Doc("longest wait for an answer from outside, seconds")] = 10.0
    publish_retry_s: Annotated[float, Doc("seconds between two tries to deliver a published table")] = 2.0
    digital_channels: Annotated[
        str,
        Doc(
            "server of the digital channels, which applications reach as digital:/PATH: scheme://host[:port]"
        ),
    ] = ""
