"""What the telephony link says of a device and of a call."""

from __future__ import annotations

from typing import Any

import msgspec

from ringback.contracts.calls import CallDialogs
from ringback.contracts.names import tlib
from ringback.domain.agents import AgentSession, status
from ringback.domain.dialplan import DnState


class AddressParams(msgspec.Struct, frozen=True, kw_only=True, rename=tlib):
    """One device."""

    tenant: str
    this_dn: str

    @property
    def address(self) -> tuple[str, str]:
        return self.tenant, self.this_dn


class AddressView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """EventRegistered, EventUnregistered, EventAddressInfo: what is at a device."""

    id: str
    time: float
    tenant: str
    this_dn: str
    agent_id: str = ""
    state: str = ""
    status: str = ""
    reason_code: str = ""
    conn_id: str = ""
    place: str = ""
    queues: tuple[str, ...] = ()
    extensions: dict[str, Any] = {}


class CallParams(msgspec.Struct, frozen=True, kw_only=True, rename=tlib):
    """One call."""

    tenant: str
    conn_id: str


class PartyView(msgspec.Struct, frozen=True, kw_only=True, rename=tlib):
    """A device in a call, and how far its dialog is: offered, inviting, ringing, answered, up, cancelling."""

    this_dn: str
    state: str


class CallInfo(msgspec.Struct, frozen=True, kw_only=True, rename=tlib):
    """EventPartyInfo: who is in a call. A party without a number is the caller or an announcement."""

    id: str
    time: float
    tenant: str
    conn_id: str
    parties: list[PartyView]


def empty(name: str, address: tuple[str, str], now: float, device: DnState | None = None) -> AddressView:
    """A device at which nobody is logged in, as its user has set it."""
    set_so = {} if device is None else _set_so(device)
    return AddressView(id=name, time=now, tenant=address[0], this_dn=address[1], extensions=set_so)


def _set_so(device: DnState) -> dict[str, Any]:
    return {"DND": int(bool(device.dnd)), "ForwardTo": device.forward_to or ""}


def occupied(
    name: str, address: tuple[str, str], session: AgentSession, now: float, device: DnState
) -> AddressView:
    """A device and the agent at it."""
    return AddressView(
        id=name,
        time=now,
        tenant=address[0],
        this_dn=address[1],
        agent_id=session.agent_id,
        state=session.state.value,
        status=status(session).name,
        reason_code=session.reason,
        conn_id=session.conn_id,
        place=session.place,
        queues=session.queues,
        extensions={
            **_set_so(device),
            "DND": int(session.dnd),
            "AutoAnswer": int(session.policy.auto_answer),
        },
    )


def parties(wanted: CallParams, dialogs: CallDialogs, now: float) -> CallInfo:
    """Who is in a call."""
    found = [
        PartyView(this_dn=leg.dn, state=leg.state) for leg in dialogs.call.legs.values() if not leg.ended
    ]
    return CallInfo(
        id="EventPartyInfo", time=now, tenant=wanted.tenant, conn_id=wanted.conn_id, parties=found
    )
