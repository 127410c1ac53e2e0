"""Actions of sessions on their calls, as telephony requests: a table of what each element asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ringback.contracts import telephony as t

if TYPE_CHECKING:
    from ringback.services.orchestration.performer import Performer, Reply
    from ringback.services.orchestration.records import Json, Pending, Record
    from ringback.services.orchestration.store import SessionStore

Common = dict[str, Any]
"""Tenant, ConnID, reference and key."""
Build = Callable[[Common, "dict[str, Json]"], t.CallRequest]


def _of_party(kind: Callable[..., t.CallRequest]) -> Build:
    return lambda common, found: kind(**common, this_dn=found["from"])


def _third_party(kind: Callable[..., t.CallRequest]) -> Build:
    return lambda common, found: kind(
        **common, this_dn=found["from"], other_dn=found["to"], timeout=found["timeout"]
    )


def _two(kind: Callable[..., t.CallRequest]) -> Build:
    return lambda common, found: kind(**common, this_dn=found["from"], other_dn=found["to"])


def _detach(common: Common, found: dict[str, Json]) -> t.CallRequest:
    """One key at most is a request of T-Library; more are carried out key by key (see `requests_of`)."""
    if found["keys"]:
        return t.RequestDeletePair(**common, key=found["keys"][0])
    return t.RequestDeleteUserData(**common)


def _answer(common: Common, found: dict[str, Json]) -> t.CallRequest:
    """The caller on the route point hears silence; a telephone that rings is made to answer."""
    if found["from"]:
        return t.RequestAnswerCall(**common, this_dn=found["from"])
    return t.RequestApplyTreatment(**common, treatment_type="Silence")


REQUESTS: dict[str, Build] = {
    "terminate": lambda common, found: t.RequestClearCall(**common, reason=found["reason"]),
    "clearcall": lambda common, found: t.RequestClearCall(**common, reason=found["reason"]),
    "attach": lambda common, found: t.RequestAttachUserData(**common, user_data=found["user_data"]),
    "udata": lambda common, found: t.RequestUpdateUserData(**common, user_data=found["user_data"]),
    "detach": _detach,
    "answer": _answer,
    "senddtmf": lambda common, found: t.RequestSendDtmf(
        **common, this_dn=found["from"], dtmf_digits=found["digits"]
    ),
    "hold": _of_party(t.RequestHoldCall),
    "retrieve": _of_party(t.RequestRetrieveCall),
    "releasecall": _of_party(t.RequestReleaseCall),
    "completetransfer": _of_party(t.RequestCompleteTransfer),
    "completeconference": _of_party(t.RequestCompleteConference),
    "reconnect": _of_party(t.RequestReconnectCall),
    "alternate": _of_party(t.RequestAlternateCall),
    "singlesteptransfer": _third_party(t.RequestSingleStepTransfer),
    "singlestepconference": _third_party(t.RequestSingleStepConference),
    "initiatetransfer": _third_party(t.RequestInitiateTransfer),
    "initiateconference": _third_party(t.RequestInitiateConference),
    "redirectcall": _two(t.RequestRedirectCall),
    "deletefromconference": _two(t.RequestDeleteFromConference),
}
AT_ONCE = frozenset(
    {
        "terminate",
        "clearcall",
        "attach",
        "udata",
        "detach",
        "releasecall",
        "redirectcall",
        "deletefromconference",
    }
)
"""Done when the request is taken; what the others come to is told by an event of the call."""


class Calling:
    """Performs the elements of the interaction module that are nothing but a request."""

    def __init__(self, performer: Performer) -> None:
        self._performer = performer
        for name in REQUESTS:
            performer.add(f"interaction.{name}", self._perform)

    async def _perform(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        requests = requests_of(record, action)
        for request in requests:
            await self._performer.request(request)
        at_once = action.name in AT_ONCE or isinstance(requests[0], t.RequestAnswerCall)
        return {} if at_once else None


def requests_of(record: Record, action: Pending) -> list[t.CallRequest]:
    """What is asked of the call. Each request has a key of its own, so each is carried out once."""
    key = record.reference(action.number)
    common = {"tenant": record.tenant, "conn_id": record.conn_id, "reference_id": key}
    keys = action.payload.get("keys", [])
    if len(keys) <= 1:
        return [REQUESTS[action.name]({**common, "idempotency_key": key}, action.payload)]
    return [
        REQUESTS[action.name]({**common, "idempotency_key": f"{key}.{n}"}, {"keys": [name]})
        for n, name in enumerate(keys)
    ]
