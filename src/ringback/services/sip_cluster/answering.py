"""Having a phone answer: by itself when it is called, or when its user's desktop says so.

To answer by itself a phone is told in the forms that phones know: `Answer-Mode: Auto` (RFC 5373 4.3),
`Call-Info` with `answer-after=0`, and `Alert-Info` with `info=alert-autoanswer`. A phone that rings is made
to answer by a NOTIFY of the package `talk` in its early dialog, which it has to have announced
(`Allow-Events`).
"""

from __future__ import annotations

from ringback.contracts.telephony import RequestAnswerCall
from ringback.domain.calls.types import LegState
from ringback.runtime.http import HttpError
from ringback.services.sip_cluster.early import called_party
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.errors import DialogError, SipParseError
from ringback.sip.message import Response

TALK = "talk"
ANSWERED_S = 3.0
_RINGS = (LegState.INVITING, LegState.RINGING)


def auto_answer_headers(domain: str) -> list[tuple[str, str]]:
    """What makes a phone answer by itself."""
    return [
        ("Answer-Mode", "Auto"),
        ("Call-Info", f"<sip:{domain}>;answer-after=0"),
        ("Alert-Info", f"<http://{domain}>;info=alert-autoanswer;delay=0"),
    ]


def note_ringing(leg: SipLeg, response: Response) -> None:
    """Remember the early dialog of a phone that can be made to answer."""
    events = {name.strip().lower() for name in response.values("Allow-Events")}
    if TALK in events and response.to_tag:
        leg.talks = response


async def answer(endpoint: SipEndpoint, live: LiveCall, asked: RequestAnswerCall) -> None:
    """Make the phone of a DN answer the call that it rings for. HttpError 409 when it cannot."""
    rings = [leg for leg in live.call.data.legs.values() if leg.dn == asked.this_dn and leg.state in _RINGS]
    leg = live.legs.get(rings[-1].id) if rings else None
    if leg is None or leg.invite is None:
        raise HttpError(409, "not_ringing", "this device does not ring for this call")
    if leg.talks is None:
        message = "this phone has not announced the event package talk: its user has to answer by hand"
        raise HttpError(409, "phone_cannot_answer", message)
    try:
        dialog = called_party(leg, leg.talks).dialog
    except (DialogError, SipParseError):
        raise HttpError(409, "phone_cannot_answer", "the phone has opened no dialog") from None
    notify = dialog.request("NOTIFY", headers=[("Event", TALK), ("Subscription-State", "active")])
    sent = endpoint.send_request(notify, dialog.destination)
    try:
        response = await sent.final(ANSWERED_S)
    except TimeoutError:
        raise HttpError(409, "phone_silent", "the phone has not said whether it answers") from None
    if not response.is_success:
        raise HttpError(409, "phone_refused", f"the phone has said {response.status}")
