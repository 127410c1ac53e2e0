"""UPDATE before the answer (RFC 3311 5): an offer in one early dialog is passed to the other side at once.

That needs an early dialog on the other side in which the first offer and its answer are done with, reliably,
and an agent that takes UPDATE. Where several phones ring, or the caller has been told several descriptions,
nobody can tell for whom it is meant: it is answered here, and the other side hears of it on the answer.
"""

from collections.abc import Callable, Iterable

from ringback.domain.calls import inputs as i
from ringback.domain.calls.bridge import OTHER
from ringback.domain.calls.types import LegState
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.live import LiveCall, SipLeg, body_of
from ringback.sip.dialog import Dialog
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.message import Response

METHOD = "UPDATE"
EARLY = (LegState.OFFERED, LegState.RINGING)


def onward(live: LiveCall, leg: SipLeg) -> bool:
    """Whether an offer on this leg, before the answer, may be passed to the other side now."""
    data = live.call.data
    this = data.legs[leg.id]
    other = data.legs.get(data.slots.get(OTHER.get(this.slot, this.slot), ""))
    if other is None or other is this or data.slots.get(this.slot) != leg.id:
        return False
    if other.state is LegState.UP:
        return other.peer == leg.id
    return other.state in EARLY and early_dialog(live.legs[other.id]) is not None


def early_dialog(leg: SipLeg) -> Dialog | None:
    """The dialog of a leg in which an offer may be made before the answer."""
    if leg.server is not None:
        return _with_caller(leg)
    parties = list(leg.called.values())
    if leg.dialog is not None or len(parties) != 1 or len(leg.heard) != 1:
        return None
    return parties[0].dialog if parties[0].updates and parties[0].sdp else None


def _with_caller(leg: SipLeg) -> Dialog | None:
    waiting, server = leg.waiting_caller, leg.server
    if waiting is None or server is None or waiting.sender is None or waiting.sender.holds_final:
        return None
    one = len(waiting.said) == 1 and METHOD in server.request.values("Allow")
    return next(iter(waiting.said.values())).dialog if one else None


def note(leg: SipLeg, tag: str | None, ours: str, theirs: str) -> None:
    """An offer and its answer have changed what both say in an early dialog."""
    waiting = leg.waiting_caller
    if waiting is not None and (said := waiting.said.get(tag or "")) is not None:
        said.sdp = ours
    if (party := leg.called.get(tag or "")) is not None:
        party.sdp, party.changed = theirs, True


class Updates:
    """The sending side."""

    def __init__(
        self, endpoint: SipEndpoint, driver: Driver, own_headers: Callable[[], Iterable[tuple[str, str]]]
    ) -> None:
        self._endpoint = endpoint
        self._driver = driver
        self._own_headers = own_headers

    def send(self, live: LiveCall, leg: SipLeg, sdp: str) -> None:
        """Offer a description in the early dialog of a leg."""
        dialog = early_dialog(leg)
        if dialog is None:
            self._driver.feed(live, i.ReofferFailed(leg.id, 491))
            return
        request = dialog.request(METHOD, headers=self._own_headers(), body=sdp.encode())
        tag = dialog.remote_tag if leg.server is None else dialog.local_tag

        def answered(response: Response) -> None:
            if response.is_success:
                dialog.refresh(response)
                note(leg, tag, sdp, body_of(response))
                self._driver.feed(live, i.ReofferAnswered(leg.id, body_of(response)))
            elif not response.is_provisional:
                self._driver.feed(live, i.ReofferFailed(leg.id, response.status))

        self._endpoint.send_request(request, dialog.destination, on_response=answered)
