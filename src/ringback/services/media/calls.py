"""All calls of a media node: admission, dispatch of SIP requests to legs, signs of life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ringback.contracts.sip_trace import SipTracer
from ringback.contracts.treatment import Command
from ringback.media.port import RtpPort
from ringback.media.ports import NoPortError, PortRange
from ringback.services.media.clients import CallDataClient, VoicemailClient
from ringback.services.media.leg import ALLOW, MediaLeg
from ringback.services.media.negotiation import host_toward
from ringback.services.media.rooms import Rooms
from ringback.services.media.settings import MediaSettings
from ringback.services.media.treatments import Deposit
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.errors import DialogError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_RETRY_AFTER_S = "2"
_SWEEP_S = 5.0
_STOP_S = 2.0


class MediaCalls:
    """The legs of this node, by dialog."""

    def __init__(self, ctx: Context, settings: MediaSettings) -> None:
        self.ctx = ctx
        self.endpoint = SipEndpoint(
            self._on_request,
            user_agent="Ringback media",
            trace=self._count,
            advertised_host=ctx.announced(0)[0],
        )
        self.voicemail = VoicemailClient(ctx, settings.deposit_tries)
        self.call_data = CallDataClient(ctx)
        self.default_tenant = ctx.common.tenants[0] if ctx.common.tenants else ""
        self.rooms = Rooms()
        self.draining = False
        """Whether new calls are refused."""
        self._settings = settings
        self._rtp_hosts = settings.rtp_host or ctx.announced(0)[0], settings.rtp_second_host
        self._ports = PortRange(settings.rtp_low, settings.rtp_high)
        self._legs: dict[tuple[str, str], MediaLeg] = {}
        self._deposits: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._gauge = Gauge("ringback_media_calls", "Calls on this node", registry=ctx.metrics)
        self._unsent = Counter(
            "ringback_media_unsent_packets",
            "RTP packets of ended calls that the network did not take",
            registry=ctx.metrics,
        )
        self._commands = Counter(
            "ringback_media_commands", "Commands carried out", ("do",), registry=ctx.metrics
        )

    def __len__(self) -> int:
        """Calls at the moment."""
        return len(self._legs)

    async def start(self) -> tuple[str, int]:
        """Listen for SIP over TCP; returns the address. Raises OSError."""
        bound = await self.endpoint.listen_tcp(*self.ctx.address("media", "sip"))
        SipTracer(self.ctx, self.endpoint).start()
        self.ctx.spawn(self._sweep(), "signs-of-life")
        return bound

    async def drained(self) -> None:
        """Returns when the last call has ended and its message is handed over."""
        await self._idle.wait()

    async def stop(self) -> None:
        """End every call and close; recordings get a moment to be handed over."""
        self.draining = True
        byes = [bye.final(_STOP_S) for leg in list(self._legs.values()) if (bye := leg.hang_up()) is not None]
        await asyncio.gather(*byes, return_exceptions=True)
        if self._deposits:
            await asyncio.wait(self._deposits, timeout=_STOP_S)
        await self.endpoint.close()

    def remove(self, leg: MediaLeg) -> None:
        """A call has ended."""
        if self._legs.pop(leg.dialog.id[:2], None) is not None:
            self._unsent.inc(leg.port.unsent)
        self._gauge.set(len(self._legs))
        self._note_idle()

    def deposit(
        self, tenant: str, deposit: Deposit, from_number: str, conn_id: str, done: Callable[[bool], None]
    ) -> None:
        """Hand a message over and tell `done` whether it is kept; goes on when the call has ended."""

        async def work() -> None:
            done(await self.voicemail.deposit(tenant, deposit, from_number=from_number, conn_id=conn_id))

        task = self.ctx.spawn(work(), "deposit")
        self._deposits.add(task)
        self._idle.clear()
        task.add_done_callback(self._deposited)

    def _deposited(self, task: asyncio.Task[None]) -> None:
        self._deposits.discard(task)
        self._note_idle()

    def _note_idle(self) -> None:
        if not self._legs and not self._deposits:
            self._idle.set()

    def counted(self, command: Command) -> None:
        """A command was taken."""
        self._commands.labels(str(type(command).__struct_config__.tag)).inc()

    def _on_request(self, tx: ServerTransaction, request: Request) -> None:
        if not tx.can_respond:
            return  # the ACK of a 2xx, which `accept` has seen
        if request.to_tag is not None:
            leg = self._legs.get((request.call_id, request.to_tag))
            if leg is None:
                tx.reply(481)
            else:
                leg.received(tx, request)
        elif request.method == "INVITE":
            self._invited(tx)
        else:
            tx.reply(200 if request.method == "OPTIONS" else 405, headers=[("Allow", ALLOW)])

    def _invited(self, tx: ServerTransaction) -> None:
        if self.draining or len(self._legs) >= self._settings.max_calls:
            self._refuse(tx)
            return
        try:
            port = RtpPort.open(host_toward(tx.request.body, *self._rtp_hosts), ports=self._ports)
        except NoPortError:
            self._refuse(tx)
            return
        try:
            leg = MediaLeg(self, tx, port)
        except DialogError as error:
            port.close()
            tx.reply(error.status)
            return
        self._admit(tx, leg)

    def _admit(self, tx: ServerTransaction, leg: MediaLeg) -> None:
        if not leg.answer(tx):
            leg.port.close()
            return
        self._legs[leg.dialog.id[:2]] = leg
        self._gauge.set(len(self._legs))
        self._idle.clear()

    def _refuse(self, tx: ServerTransaction) -> None:
        tx.reply(503, headers=[("Retry-After", _RETRY_AFTER_S)])

    def _count(self, direction: str, _data: bytes, _peer: Destination) -> None:
        if direction == "out":
            self.ctx.connections.count("voice-58", sent=1)
        else:
            self.ctx.connections.count("voice-58", received=1)

    async def _sweep(self) -> None:
        """Ask the peers of silent calls whether they still know of them: no call is left behind."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            oldest = asyncio.get_running_loop().time() - self._settings.silent_s
            for leg in list(self._legs.values()):
                if max(leg.heard_at, leg.port.heard_at) < oldest:
                    leg.ask_for_life()
