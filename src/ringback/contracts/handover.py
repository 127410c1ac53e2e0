"""One cluster node asks another for a call, so that two calls of one telephone can become one."""

from __future__ import annotations

from typing import Literal

import msgspec

PATH = "/hand-over"

Outcome = Literal["given", "rings", "busy", "refused", "unknown"]


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """The call with this dialog (RFC 3891: named as the asked node knows it), for a telephone in it."""

    tenant: str
    call_id: str
    to_tag: str
    from_tag: str
    dn: str
    """The telephone that wants its calls joined."""
    node: str
    """Who asks, and is to own the call."""


class HandOverReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: given; rings (it was hung up, `number` was dialled); busy (something is under way,
    ask again); refused (it is another telephone's); unknown (there is no such dialog here).
    """

    outcome: Outcome
    number: str = ""
