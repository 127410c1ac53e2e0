"""A registration of ours at somebody else's registrar (RFC 3261 10.2, 22.2; back-off of RFC 5626 4.5). Pure.

state        input       next
UNREGISTERED due         ASKING       REGISTER is sent, with credentials as soon as they were asked for
ASKING       ok          REGISTERED   again when four fifths of the time are over
ASKING       challenge   ASKING       at once, once for each who asks and each nonce that is called stale
ASKING       too brief   ASKING       at once with the time that the registrar wants (423)
ASKING       no flows    ASKING       at once without reg-id (439; RFC 5626 4.2.1)
ASKING       refused     UNREGISTERED again after a pause that doubles, up to half an hour
REGISTERED   due         ASKING       it stays registered until its time is over
REGISTERED   flow failed UNREGISTERED at once: the keep-alive was not answered (RFC 5626 4.4)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ringback.sip.challenges import Challenges
from ringback.sip.digest import DigestClient
from ringback.sip.ids import IdSource
from ringback.sip.message import CSeq, Request, Response, parse_number
from ringback.sip.uri import NameAddr, SipUri, split_commas

FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 1800.0
_MIN_S = 10


class State(Enum):
    """Where a registration is."""

    UNREGISTERED = "unregistered"
    ASKING = "asking"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class Account:
    """Who registers: `registrar` is the Request-URI, `aor` what is registered; `expires` in seconds."""

    registrar: SipUri
    aor: SipUri
    user: str
    password: str
    expires: int = 3600
    instance: str = ""
    """Who registers, whatever the address: `urn:uuid:…` (RFC 5626 4.1); empty: without flows."""
    reg_id: int = 1
    """Which of its flows this is (RFC 5626 4.2)."""
    edge: SipUri | None = None
    """The outbound proxy that it goes over; None: straight to the registrar."""

    @property
    def next_hop(self) -> SipUri:
        """Where REGISTER is sent."""
        return self.edge or self.registrar


class Registration:
    """One registration. `random` gives numbers from 0 to below 1."""

    def __init__(self, account: Account, ids: IdSource, random: Callable[[], float]) -> None:
        self.account = account
        self.state = State.UNREGISTERED
        self.due_at = 0.0
        """When the next REGISTER is to be sent."""
        self.until = 0.0
        """Until when the carrier knows us."""
        self.reason = ""
        """Why it is not registered: the status and its text."""
        self._ids = ids
        self._random = random
        self._challenges = Challenges(DigestClient(account.user or account.aor.number, account.password))
        self._call_id = ids.call_id()
        self._tag = ids.tag()
        self._cseq = 0
        self._expires = account.expires
        self._failures = 0
        self._outbound = bool(account.instance)
        self.keeps_flow = False
        """The registrar knows flows: the one to it is to be kept alive (RFC 5626 4.4)."""
        self._flow_timer = 0
        self.first_pause_s = FIRST_PAUSE_S
        """The pause after the first refusal."""

    def request(self, contact: NameAddr, *, remove: bool = False) -> Request:
        """The next REGISTER; `remove` ends the registration (10.2.2)."""
        self.state = State.ASKING
        self._cseq += 1
        account = self.account
        me = NameAddr(account.aor)
        made = Request("REGISTER", account.registrar)
        seconds = 0 if remove else self._expires
        if self._outbound:
            own = {"+sip.instance": f'"<{account.instance}>"', "reg-id": str(account.reg_id)}
            contact = NameAddr(contact.uri, contact.display, {**contact.params, **own})
        made.headers = [
            ("Max-Forwards", "70"),
            ("From", str(me.with_tag(self._tag))),
            ("To", str(me)),
            ("Call-ID", self._call_id),
            ("CSeq", str(CSeq(self._cseq, "REGISTER"))),
            ("Contact", f"{contact};expires={seconds}"),
            ("Expires", str(seconds)),
        ]
        if account.edge is not None:
            made.add("Route", str(NameAddr(account.edge.with_params(lr=None))))
        if self._outbound:
            made.add("Supported", "path, outbound")
        for name, value in self._challenges.answers("REGISTER", made.raw_uri, self._ids.tag):
            made.add(name, value)
        return made

    def answered(self, response: Response, contact: NameAddr, now: float) -> None:
        """A final response has come (or was made up here); `due_at` says when to go on."""
        if response.is_success:
            self._registered(response, contact, now)
        elif response.status in (401, 407) and self._may_answer(response):
            self.due_at = now
        elif response.status == 439 and self._outbound:
            self._outbound, self.due_at = False, now
        elif response.status == 423 and (wanted := parse_number(response.get("Min-Expires") or "")):
            self._expires = max(self._expires, wanted)
            self.due_at = now if self._expires == wanted else now + FIRST_PAUSE_S
        else:
            self._refused(response, now)

    def alive_again(self, transport: str) -> float:
        """Seconds until the flow is to be shown alive: within its Flow-Timer, or what is usual (4.4)."""
        longest = self._flow_timer or (29 if transport == "udp" else 120)
        return longest * (0.8 + self._random() / 5)

    def flow_failed(self, now: float) -> None:
        """The flow is dead: the carrier cannot reach us until we register anew (4.4, 4.5)."""
        self.state, self.until, self.reason = State.UNREGISTERED, 0.0, "flow failed"
        self.keeps_flow, self.due_at = False, now

    def is_registered(self, now: float) -> bool:
        """True while the carrier knows us."""
        return now < self.until

    def _may_answer(self, response: Response) -> bool:
        """Note a challenge; false if our answer to one was wrong."""
        if self.account.password and self._challenges.hear(response):
            return True
        self._challenges.forget()
        return False

    def _registered(self, response: Response, contact: NameAddr, now: float) -> None:
        seconds = _granted(response, contact, self._expires)
        self.state, self.reason, self._failures = State.REGISTERED, "", 0
        self._challenges.settled()
        self.until = now + seconds
        self.keeps_flow = any(name.lower() == "outbound" for name in response.values("Require"))
        self._flow_timer = parse_number(response.get("Flow-Timer") or "") or 0
        self.due_at = now + max(seconds * 0.8, _MIN_S)

    def _refused(self, response: Response, now: float) -> None:
        """Back-off: doubled each time, and never all lines at the same moment (RFC 5626 4.5)."""
        self.state = State.UNREGISTERED
        self.reason = f"{response.status} {response.reason}"
        pause = min(_LONGEST_PAUSE_S, self.first_pause_s * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._challenges.settled()
        if not response.local:
            self.until = 0.0
        self.due_at = now + pause * (0.5 + self._random() / 2)


def _granted(response: Response, contact: NameAddr, asked: int) -> int:
    """The seconds that the registrar gives our contact (10.2.4)."""
    for value in (item for line in response.get_all("Contact") for item in split_commas(line)):
        found = NameAddr.parse(value)
        if found.uri.matches(contact.uri):
            given = parse_number(found.params.get("expires") or "")
            return asked if given is None else given
    return asked if response.expires is None else response.expires
