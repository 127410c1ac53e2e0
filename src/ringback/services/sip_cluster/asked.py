"""Telephony requests as inputs of the call: a table of what each of them asks for."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ringback.contracts import telephony as t
from ringback.domain.calls import inputs as i
from ringback.domain.calls.treatment import THEN_MUSIC
from ringback.domain.calls.types import Purpose, RouteType, TreatmentType

_TREATMENTS = {kind.name.replace("_", "").lower(): kind for kind in TreatmentType}
_ROUTE_TYPES = {"reject": RouteType.REJECT, "disconnect": RouteType.CALL_DISCONNECT}
_PURPOSES: dict[type, Purpose] = {
    t.RequestInitiateTransfer: Purpose.TRANSFER,
    t.RequestInitiateConference: Purpose.CONFERENCE,
    t.RequestSingleStepTransfer: Purpose.SINGLE_TRANSFER,
    t.RequestSingleStepConference: Purpose.SINGLE_CONFERENCE,
    t.RequestCompleteTransfer: Purpose.TRANSFER,
    t.RequestCompleteConference: Purpose.CONFERENCE,
}


class UnknownTreatmentError(ValueError):
    """The request names a treatment that does not exist."""


def request(asked: t.CallRequest, reference: str) -> i.Request:
    """A telephony request as an input of the call. Raises UnknownTreatmentError."""
    return WORDS[type(asked)](asked, reference)


def of_consultation(asked: t.CallRequest, reference: str) -> i.Request:
    """A request that names the consultation's ConnID: its release leads back to the call."""
    if isinstance(asked, t.RequestReleaseCall | t.RequestClearCall):
        return i.RequestReconnectCall(reference)
    return request(asked, reference)


def treatment_type(asked: t.RequestApplyTreatment) -> TreatmentType:
    """Raises UnknownTreatmentError."""
    try:
        return _TREATMENTS[asked.treatment_type.replace("_", "").lower()]
    except KeyError:
        raise UnknownTreatmentError(asked.treatment_type) from None


def _treatment(asked: t.RequestApplyTreatment, reference: str) -> i.Request:
    parameters = {
        "prompts": asked.prompts,
        "max_digits": asked.max_digits,
        "terminators": asked.terminators,
        "timeout_s": asked.timeout,
        "interdigit_s": asked.interdigit_timeout,
        "mailbox": asked.mailbox,
        "max_s": asked.max_duration,
        THEN_MUSIC: asked.then_music,
    }
    return i.RequestApplyTreatment(reference, treatment_type(asked), parameters)


def _route(asked: t.RequestRouteCall, reference: str) -> i.Request:
    kind = _ROUTE_TYPES.get(asked.route_type, RouteType.UNKNOWN)
    return i.RequestRouteCall(reference, asked.other_dn, kind, asked.timeout, asked.agent_id)


def _make(asked: t.RequestMakeCall | t.RequestMakePredictiveCall, reference: str) -> i.Request:
    greeting = {"prompts": asked.prompts, THEN_MUSIC: True} if asked.prompts else {}
    dialled = partial(
        i.RequestMakeCall,
        reference,
        asked.this_dn,
        asked.other_dn,
        asked.ani,
        asked.timeout,
        asked.user_data,
        greeting,
        detect_s=asked.detect,
        trunk=asked.trunk,
    )
    if isinstance(asked, t.RequestMakePredictiveCall):
        return dialled(predictive=True)
    return dialled(agent_id=asked.agent_id, customer=asked.customer, caller_name=asked.display_name)


def _attach(asked: t.RequestAttachUserData | t.RequestUpdateUserData, reference: str) -> i.Request:
    return i.RequestAttachUserData(reference, asked.user_data)


def _consult(asked: Any, reference: str) -> i.Request:
    purpose = _PURPOSES[type(asked)]
    return i.RequestConsult(reference, purpose, asked.this_dn, asked.other_dn, asked.timeout)


def _complete(asked: Any, reference: str) -> i.Request:
    return i.RequestComplete(reference, _PURPOSES[type(asked)], asked.this_dn)


def _of_dn(word: Callable[[str, str], i.Request]) -> Callable[[Any, str], i.Request]:
    """A request with nothing but the DN that asks."""
    return lambda asked, reference: word(reference, asked.this_dn)


WORDS: dict[type, Callable[[Any, str], i.Request]] = {
    t.RequestApplyTreatment: _treatment,
    t.RequestRouteCall: _route,
    t.RequestMakeCall: _make,
    t.RequestMakePredictiveCall: _make,
    t.RequestReleaseCall: _of_dn(i.RequestReleaseCall),
    t.RequestClearCall: lambda asked, reference: i.RequestClearCall(reference),
    t.RequestHoldCall: _of_dn(i.RequestHoldCall),
    t.RequestRetrieveCall: _of_dn(i.RequestRetrieveCall),
    t.RequestAttachUserData: _attach,
    t.RequestUpdateUserData: _attach,
    t.RequestDeletePair: lambda asked, reference: i.RequestDeleteUserData(reference, (asked.key,)),
    t.RequestDeleteUserData: lambda asked, reference: i.RequestDeleteUserData(reference),
    t.RequestInitiateTransfer: _consult,
    t.RequestInitiateConference: _consult,
    t.RequestSingleStepTransfer: _consult,
    t.RequestSingleStepConference: _consult,
    t.RequestCompleteTransfer: _complete,
    t.RequestCompleteConference: _complete,
    t.RequestReconnectCall: _of_dn(i.RequestReconnectCall),
    t.RequestAlternateCall: _of_dn(i.RequestAlternateCall),
    t.RequestDeleteFromConference: lambda asked, reference: i.RequestDeleteFromConference(
        reference, asked.other_dn
    ),
    t.RequestRedirectCall: lambda asked, reference: i.RequestRedirectCall(
        reference, asked.this_dn, asked.other_dn
    ),
    t.RequestSendDtmf: lambda asked, reference: i.RequestSendDtmf(
        reference, asked.dtmf_digits, asked.this_dn
    ),
}
