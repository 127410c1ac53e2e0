"""A call that this node owns: the core, and the SIP side of each of its legs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ringback.domain.calls.call import Call
from ringback.domain.calls.outputs import Output
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.sip.dialog import Dialog
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.message import Message, Response

if TYPE_CHECKING:
    from ringback.services.sip_cluster.early import CalledParty, Waiting
    from ringback.services.sip_cluster.referring import Subscription
    from ringback.services.sip_cluster.snapshot import LegSession


class SipLeg:
    """Transactions and dialog of one leg."""

    __slots__ = (
        "ack_cseq",
        "call_id",
        "called",
        "carried",
        "dialog",
        "heard",
        "id",
        "invite",
        "losers",
        "offer",
        "over",
        "patience",
        "sent_by",
        "server",
        "session",
        "session_timer",
        "taken",
        "talks",
        "unacked",
        "waiting",
        "waiting_caller",
    )

    def __init__(self, leg_id: str, call_id: str) -> None:
        self.id = leg_id
        self.call_id = call_id
        self.dialog: Dialog | None = None
        self.invite: ClientTransaction | None = None
        """Our first INVITE."""
        self.sent_by: tuple[str, int] | None = None
        """The host and port of the node that sent it first, where that was another one."""
        self.talks: Response | None = None
        """The provisional response of a phone that can be made to answer."""
        self.taken = False
        """sip_proxy has it: the phone may ring."""
        self.carried: str | None = None
        """The media server's first command, as our INVITE has it."""
        self.ack_cseq = 0
        self.server: ServerTransaction | None = None
        """Their first INVITE."""
        self.patience: asyncio.TimerHandle | None = None
        """When an answer to their first INVITE is of no use to them any more."""
        self.offer: ServerTransaction | None = None
        """Their re-INVITE that waits for our answer."""
        self.unacked = False
        """The ACK to a 2xx of ours has not come."""
        self.over = False
        """The other end has said BYE."""
        self.called: dict[str, CalledParty] = {}
        """Early dialogs of our INVITE by their tag, where something was sent in them."""
        self.heard: set[str] = set()
        """Tags of the phones that ring for our INVITE."""
        self.losers: dict[str, bytes] = {}
        """The ACKs of phones that answered too late, by their tag."""
        self.waiting_caller: Waiting | None = None
        """Our provisional responses to their INVITE."""
        self.session: LegSession | None = None
        self.session_timer: asyncio.TimerHandle | None = None
        self.waiting: list[Callable[[], None]] = []
        """What must not be sent before that ACK (RFC 3261 14.1, 15)."""

    def stop_session(self) -> None:
        """The session timer does not run any more."""
        if self.session_timer is not None:
            self.session_timer.cancel()
            self.session_timer = None

    def after_ack(self, send: Callable[[], None]) -> None:
        """Run `send` now, or when the 2xx that is under way, or has to wait itself, has been acknowledged."""
        if self.server is None and not self.unacked:
            send()
        else:
            self.waiting.append(send)

    def acknowledged(self) -> None:
        """The ACK has come, or will not come any more."""
        waiting, self.waiting = self.waiting, []
        for send in waiting:
            send()


class LiveCall:
    """The shell's view of one call."""

    __slots__ = (
        "audit",
        "call",
        "changed",
        "conn_id",
        "flushing",
        "kept",
        "lasting",
        "legs",
        "lost",
        "outbox",
        "referrals",
        "requests",
        "stored",
        "taken_over",
        "tenant",
        "timer",
        "timer_due",
        "unindexed",
        "unnoted",
        "unsaid",
        "waiters",
    )

    def __init__(self, call: Call) -> None:
        self.call = call
        self.conn_id = call.data.conn_id
        self.tenant = call.data.tenant
        self.legs: dict[str, SipLeg] = {}
        self.outbox: list[Output] = []
        self.referrals: dict[str, Subscription] = {}
        """Transfers that telephones have asked for, by their reference."""
        self.stored = b""
        """The snapshot as the store has it; empty when that is not known."""
        self.unindexed: list[str] = []
        """Call-IDs that go into the index of dialogs with the next step."""
        self.requests: dict[str, str] = {}
        """What telephony requests have come to, by their idempotency key."""
        self.unnoted: list[str] = []
        """Those that are written down with the next step."""
        self.waiters: list[asyncio.Future[None]] = []
        """Who waits until all steps that are under way are stored."""
        self.kept = True
        """The last step was stored."""
        self.taken_over = False
        """Another node began it."""
        self.flushing = False
        self.changed = False
        """There is a step that has not been stored."""
        self.lasting = False
        """It changes what another node could not find out."""
        self.unsaid = False
        """Nobody, the caller neither, was told of the call."""
        self.lost = False
        """The call is over, or another node's: words for it are not heard any more."""
        self.timer: asyncio.TimerHandle | None = None
        self.timer_due = 0.0
        """When the call is looked at by that timer, in seconds since the epoch."""
        self.audit: asyncio.TimerHandle | None = None

    def answer_waiters(self) -> None:
        """No step is under way any more."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if self.kept:
                waiter.set_result(None)
            else:
                waiter.set_exception(ValkeyUnavailable("the step was not stored"))

    def encoded(self, node: str, sent_by: tuple[str, int] = ("", 0)) -> bytes:
        """What another node needs to go on: the JSON of a `Snapshot`."""
        dialogs = {leg.id: leg.dialog for leg in self.legs.values() if leg.dialog is not None}
        whole = {"node": node, "call": self.call.data, "dialogs": dialogs, "sent_by": sent_by}
        sessions = {leg.id: leg.session for leg in self.legs.values() if leg.session is not None}
        if sessions:
            whole["sessions"] = sessions
        if self.taken_over:
            whole["resumed"] = {leg.id: leg.sent_by for leg in self.legs.values() if leg.sent_by is not None}
        return msgspec.json.encode(whole)


def body_of(message: Message) -> str:
    """The SDP of a message."""
    return message.body.decode("utf-8", "replace")
