"""Session timers of the legs towards parties (RFC 4028), in both roles.

A leg has a timer where its other end knows the extension; all legs are asked for life beside that (`audit`).
The node that takes a call over goes on: where it is to refresh it does so at once, for it does not know when
that was done last.
"""

import asyncio
from collections.abc import Callable

from ringback.domain.calls import inputs as i
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.settings import SipClusterSettings
from ringback.services.sip_cluster.snapshot import LegSession
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.errors import SipParseError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import CSeq, Message, Request, Response
from ringback.sip.session_timer import MOST_TRIES, SessionTimer, agreed, answer, ask, is_too_brief, longer
from ringback.sip.uri import NameAddr

GONE = frozenset({408, 481})
"""RFC 3261 12.2.1.2: nobody has this dialog any more."""
_NO_UPDATE = frozenset({405, 501})
_TAKEN_OVER_S = 1.0
Headers = list[tuple[str, str]]


class Sessions:
    """Agrees on timers, refreshes, and ends what nobody refreshes."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        driver: Driver,
        settings: SipClusterSettings,
        contact: Callable[[], NameAddr],
    ) -> None:
        self._endpoint = endpoint
        self._driver = driver
        self._settings = settings
        self.contact = contact

    # What goes into messages

    def wish(self) -> Headers:
        """For the first INVITE of a leg; nothing where timers are not wanted."""
        wanted = self._settings.session_expires_s
        return ask(max(wanted, self._least), self._least) if wanted else []

    def again(self, leg: SipLeg) -> Headers:
        """For a re-INVITE or UPDATE: who refreshed goes on to do so (section 7.4)."""
        session = leg.session
        if session is None:
            return []
        return ask(session.seconds, self._least, "uac" if session.refreshes else "uas")

    def retry(self, leg: SipLeg, response: Response) -> Request | None:
        """The INVITE again after 422, with the interval that it asks for (section 7.3)."""
        if leg.invite is None or response.status != 422 or leg.invite.request.cseq.number >= MOST_TRIES:
            return None
        request = leg.invite.request.copy()
        seconds = longer(_asked(request), response)
        if seconds is None:
            return None
        request.remove("Via")
        request.set("CSeq", CSeq(request.cseq.number + 1, "INVITE"))
        for name, value in ask(seconds, seconds):
            request.set(name, value)
        return request

    def refused(self, tx: ServerTransaction, request: Request) -> bool:
        """True if a request is answered already: 422, or 400 for what cannot be read (section 9)."""
        if not request.has("Session-Expires"):
            return False
        try:
            if not is_too_brief(request, self._least):
                return False
            tx.reply(422, headers=[("Min-SE", str(self._least))])
        except SipParseError:
            tx.reply(400)
        return True

    def accept(self, live: LiveCall, leg: SipLeg, request: Request) -> Headers:
        """The headers of our 2xx to an INVITE or UPDATE; the timer begins anew (section 9)."""
        timer, headers = answer(request, self._settings.session_expires_s, self._least)
        self._set(live, leg, timer, request)
        return headers

    def accepted(self, live: LiveCall, leg: SipLeg, response: Response) -> None:
        """The other side's 2xx (section 7.2)."""
        try:
            timer = agreed(response)
        except SipParseError:
            timer = None
        self._set(live, leg, timer, response)

    @property
    def _least(self) -> int:
        return self._settings.min_se_s

    # Time

    def _set(self, live: LiveCall, leg: SipLeg, timer: SessionTimer | None, message: Message) -> None:
        leg.stop_session()
        if timer is None:
            leg.session = None
            return
        by_update = "UPDATE" in message.values("Allow") or bool(leg.session and leg.session.by_update)
        leg.session = LegSession(timer.seconds, timer.refreshes, by_update)
        self._arm(live, leg, timer.wait_s)

    def resume(self, live: LiveCall) -> None:
        """Go on with the timers of a call that was taken over."""
        for leg in live.legs.values():
            session = leg.session
            if session is not None:
                whole = SessionTimer(session.seconds, session.refreshes).wait_s
                self._arm(live, leg, _TAKEN_OVER_S if session.refreshes else whole)

    def moved(self, live: LiveCall, leg: SipLeg) -> None:
        """The leg is another call's now."""
        if leg.session is not None and leg.session_timer is not None:
            wait_s = leg.session_timer.when() - asyncio.get_running_loop().time()
            leg.stop_session()
            self._arm(live, leg, max(0.0, wait_s))

    def _arm(self, live: LiveCall, leg: SipLeg, wait_s: float) -> None:
        leg.session_timer = asyncio.get_running_loop().call_later(wait_s, self._due, live, leg)

    def _due(self, live: LiveCall, leg: SipLeg) -> None:
        session = leg.session
        if live.lost or leg.over or session is None or leg.dialog is None:
            return
        if not session.refreshes:
            self._driver.feed(live, i.SessionExpired(leg.id))
            return
        # Nobody answers the refresh: the session ends when the other side would end it.
        left = SessionTimer(session.seconds, False).wait_s - session.seconds / 2
        leg.session_timer = asyncio.get_running_loop().call_later(max(left, 1.0), self._expired, live, leg)
        if session.by_update:
            self._update(live, leg)
        else:
            self._driver.feed(live, i.RefreshDue(leg.id))

    def _expired(self, live: LiveCall, leg: SipLeg) -> None:
        if not live.lost and not leg.over:
            self._driver.feed(live, i.SessionExpired(leg.id))

    def _update(self, live: LiveCall, leg: SipLeg) -> None:
        """Refresh by UPDATE: without an offer, so that it cannot collide with one (RFC 4028 7.4)."""
        if leg.dialog is None:
            return
        dialog = leg.dialog
        request = dialog.request("UPDATE", headers=self.again(leg), contact=self.contact())
        request.add("Supported", "timer")

        def answered(response: Response) -> None:
            if response.is_success:
                dialog.refresh(response)
                self.accepted(live, leg, response)
            elif response.status in GONE:
                self._expired(live, leg)
            elif leg.session is not None and (seconds := longer(leg.session.seconds, response)) is not None:
                leg.session = LegSession(seconds, leg.session.refreshes, by_update=True)
                self._update(live, leg)
            elif leg.session is not None and response.status in _NO_UPDATE:
                leg.session = LegSession(leg.session.seconds, leg.session.refreshes, by_update=False)
                self._driver.feed(live, i.RefreshDue(leg.id))

        self._endpoint.send_request(request, dialog.destination, on_response=answered)


def _asked(request: Request) -> int:
    """The interval that our own INVITE has asked for."""
    return int((request.get("Session-Expires") or "0").partition(";")[0])
