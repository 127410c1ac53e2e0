"""RTP on UDP sockets: one non-blocking socket for each session, one clock of 20 ms for all of them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable
from math import floor
from typing import ClassVar
from weakref import WeakKeyDictionary

from ringback.media.g711 import FRAME_SECONDS, PCMU, Codec
from ringback.media.ports import PortRange
from ringback.media.session import MediaEvent, RtpSession

_log = logging.getLogger(__name__)
Address = tuple[str, int]
EventHandler = Callable[[MediaEvent], None]
_BATCH = 32
_LARGEST = 2048
_LATE_LIMIT = 10
"""Ticks that are caught up after a stall; more are left out, or the far end's buffer would overflow."""


def ignore(_event: MediaEvent) -> None:
    """The handler of a port whose events nobody wants yet."""


_FULL_LOAD = 0.7
"""Share of the 20 ms that one round may take before stalls are no longer caught up."""


class Pacer:
    """Calls every registered port each 20 ms from one timer, without drift."""

    _of_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ports: dict[RtpPort, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._round_s = 0.0

    @classmethod
    def shared(cls) -> Pacer:
        """The pacer of the running loop."""
        loop = asyncio.get_running_loop()
        if (pacer := cls._of_loop.get(loop)) is None:
            pacer = cls._of_loop[loop] = cls(loop)
        return pacer

    def add(self, port: RtpPort) -> None:
        """Begin to pull packets from *port*."""
        self._ports[port] = None
        if self._timer is None:
            # On whole multiples of the frame: what else waits so wakes the process at the same moment.
            self._due = (floor(self._loop.time() / FRAME_SECONDS) + 1) * FRAME_SECONDS
            self._timer = self._loop.call_at(self._due, self._tick)

    def remove(self, port: RtpPort) -> None:
        """Stop it; the clock stops with the last one."""
        self._ports.pop(port, None)
        if not self._ports and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        late = int((self._loop.time() - self._due) / FRAME_SECONDS)
        self._due += (1 + late) * FRAME_SECONDS
        # Armed before anything is sent: whatever a port's user does, the clock of all others goes on.
        self._timer = self._loop.call_at(self._due, self._tick)
        # A stall is caught up, unless a round takes so long that catching up would be the next stall.
        missed = min(late, _LATE_LIMIT) if self._round_s < _FULL_LOAD * FRAME_SECONDS else 0
        began = self._loop.time()
        for _ in range(1 + missed):
            for port in list(self._ports):
                port.send_next()
        self._round_s = (self._loop.time() - began) / (1 + missed)


class RtpPort:
    """A UDP socket with an `RtpSession` behind it.

    The far end's address is what SDP said until the first packet arrives; from then on it is where that
    packet came from (symmetric RTP, RFC 4961), so that a peer behind NAT is heard and hears. A packet
    from the address in SDP always wins over one from elsewhere.
    """

    def __init__(self, sock: socket.socket, session: RtpSession, on_event: EventHandler) -> None:
        """Takes the socket over."""
        self.session = session
        self.remote: Address | None = None
        self.unsent = 0
        """Packets that the network did not take."""
        self._socket = sock
        self._send = sock.sendto
        self.on_event = on_event
        """Called on the loop with each event; it must not block."""
        self.heard_at = 0.0
        """When the last RTP packet came, by the loop's clock."""
        self._described: Address | None = None
        self._latched = False
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._loop.add_reader(sock.fileno(), self._readable)
        Pacer.shared().add(self)

    @classmethod
    def open(
        cls,
        host: str,
        on_event: EventHandler = ignore,
        *,
        ports: PortRange | None = None,
        codec: Codec = PCMU,
    ) -> RtpPort:
        """Bind a port and start a session with random identifiers. Raises NoPortError."""
        session = RtpSession(
            secrets.randbits(32), sequence=secrets.randbits(16), timestamp=secrets.randbits(32), codec=codec
        )
        return cls((ports or PortRange()).bind(host), session, on_event)

    @property
    def address(self) -> Address:
        """Host and port to put into SDP."""
        host, port, *_ = self._socket.getsockname()
        return host, port

    def set_remote(self, remote: Address | None) -> None:
        """The far end's address from SDP; None stops sending. A new address must latch again."""
        self.remote = self._described = remote
        self._latched = False

    def agree(self, remote: Address | None) -> None:
        """The address of a new description: `set_remote`, but one that has not changed keeps the latch."""
        if remote != self._described:
            self.set_remote(remote)

    def _readable(self) -> None:
        now = self._loop.time()
        for _ in range(_BATCH):
            try:
                datagram, source = self._socket.recvfrom(_LARGEST)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error of an earlier packet: the far end is not there yet
            if self._from_peer(source[:2]) and self.session.receive(datagram, now):
                self._latch(source[:2])
                self.heard_at = now
        if self.session.events:
            self._deliver()

    def _from_peer(self, source: Address) -> bool:
        return not self._latched or source in (self.remote, self._described)

    def _latch(self, source: Address) -> None:
        # Who sends from the described address is the peer, also when a stray sender came first: the last
        # packets of an earlier call on this port, or somebody who guesses ports.
        if not self._latched or source == self._described:
            self.remote, self._latched = source, True

    def send_next(self) -> None:
        """Send the packet of this 20 ms; called by the pacer."""
        session, remote = self.session, self.remote
        packet = session.pull()
        if packet is not None and remote is not None:
            try:
                self._send(packet, remote)
            except OSError:
                self.unsent += 1  # what is lost to a full or unreachable network is what RTP expects
        if session.events:
            self._deliver()

    def _deliver(self) -> None:
        for event in self.session.take_events():
            if self._closed:
                return
            try:
                self.on_event(event)
            except Exception:
                _log.exception("the handler of %s failed", type(event).__name__)

    def close(self) -> None:
        """Free the port. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self.on_event = ignore  # who hears it knows the port: a circle for the garbage collector to find
            Pacer.shared().remove(self)
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
