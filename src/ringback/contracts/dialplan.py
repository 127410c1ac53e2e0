"""dialplan's question and answer."""

from __future__ import annotations

from typing import Literal

import msgspec


def dn_states_key(tenant: str) -> str:
    """The hash of what users set on their DNs: DN to JSON of domain.dialplan.DnState."""
    return f"{{{tenant}}}:dn-states"


class ResolveRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where does this dialled number go?"""

    tenant: str
    origin: Literal["trunk", "dn", "route_point"]
    from_number: str = ""
    to_number: str
    conn_id: str = ""
    trunk: str = ""
    """Comes first of those that take the number."""


class ResolveReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """There. `kind` unknown carries the SIP status to answer."""

    kind: Literal["dn", "route_point", "trunk", "mailbox", "unknown"]
    dn: str = ""
    number: str = ""
    """What to dial on a trunk, E.164."""
    trunk: str = ""
    default_dn: str = ""
    """Where a route point sends calls that no application takes."""
    mailbox: str = ""
    no_answer_timeout: float = 15.0
    """Seconds a device rings."""
    status: int = 0
    reason: str = ""
    trunks: tuple[str, ...] = ()
    """All trunks that take the number, the first to be tried first."""
    script: str = ""
    """The application of a route point."""
    on_no_answer: str = ""
    """The number to dial when a device does not answer."""
    on_busy: str = ""
    """The number to dial when a device is busy."""
    caller_id: str = ""
    """The number to show instead of the caller's."""
    hide_caller: bool = False
    dnis: str = ""
    """What was dialled, cut to the rule's length."""
    dnis_over: str = ""
    """The digits that were cut off."""
    call_type: str = "internal"
    diverted_from: tuple[str, ...] = ()
    auto_answer: bool = False
    """The device is to answer by itself."""
    reuse_s: float = 0.0
    """Seconds for which it is the answer for every caller: it follows from the configuration alone."""


class ResolveMany(msgspec.Struct, frozen=True, kw_only=True):
    """Several such questions at once."""

    questions: list[ResolveRequest]


class ResolvedMany(msgspec.Struct, frozen=True, kw_only=True):
    """Their answers, in the same order."""

    answers: list[ResolveReply]
