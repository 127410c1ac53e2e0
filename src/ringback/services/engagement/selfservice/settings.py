"""Settings of the customers' own pages."""

from __future__ import annotations

from typing import Annotated

from ringback.runtime.settings import Doc
from ringback.services.engagement.outside.settings import OutsideSettings


class SelfServiceSettings(OutsideSettings, frozen=True, kw_only=True):
    """Links and what they open, beside what is asked of the outside."""

    public_url: Annotated[
        str, Doc("address at which customers reach this service; empty: the listener's own")
    ] = ""
    link_key_days: Annotated[float, Doc("days after which links are signed with a new key")] = 30.0
    link_after_h: Annotated[float, Doc("hours that a link opens after its callback's time to live")] = 24.0
    link_loads: Annotated[int, Doc("looks at one link in a minute, at most")] = 120
    link_changes: Annotated[int, Doc("changes through one link in a minute, at most")] = 10
    link_guesses: Annotated[int, Doc("wrong links from one address in a minute, at most")] = 60
