"""Settings of the voicemail service."""

from __future__ import annotations

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class VoicemailSettings(ServiceSettings, frozen=True, kw_only=True):
    """How messages are kept and mailboxes are guarded."""

    storage: Annotated[str, Doc("folder of the recordings; empty: voicemail/ in the data folder")] = ""
    least_s: Annotated[float, Doc("seconds that a message must last to be kept")] = 1.0
    max_bytes: Annotated[int, Doc("largest recording that is accepted, in bytes")] = 8 * 1024 * 1024
    wrong_pins: Annotated[int, Doc("wrong PINs in a row that lock a mailbox")] = 4
    lock_s: Annotated[int, Doc("seconds that a mailbox stays locked")] = 600
