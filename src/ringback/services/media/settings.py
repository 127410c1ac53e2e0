"""Settings of the media service."""

from __future__ import annotations

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class MediaSettings(ServiceSettings, frozen=True, kw_only=True):
    """Where RTP goes, and how much of it."""

    rtp_host: Annotated[str, Doc("address that RTP uses and SDP says; empty: what media announces")] = ""
    rtp_low: Annotated[int, Doc("lowest UDP port for RTP; 0: the system chooses")] = 20000
    rtp_high: Annotated[int, Doc("highest UDP port for RTP")] = 29999
    max_calls: Annotated[int, Doc("calls at a time; more are refused with 503")] = 1000
    silent_s: Annotated[float, Doc("seconds without RTP or a command until the peer is asked for life")] = (
        60.0
    )
    deposit_tries: Annotated[
        int, Doc("attempts to hand a message to voicemail, seconds 1, 2, 4, … apart")
    ] = 6
    rtp_second_host: Annotated[
        str, Doc("address of the other version of IP, for phones and trunks that speak that; empty: none")
    ] = ""
