"""Which nodes are there: the directory in Valkey, read once a second and remembered while Valkey is away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

import msgspec

from ringback.contracts.telephony import ClusterNode, SipNode
from ringback.runtime.directory import list_nodes
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.sip.transport import Destination
from ringback.sip.uri import format_host_port

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")

_DISTRUST_S = 3.0
_GRACE_S = 10.0


class NodeDirectory:
    """Living nodes of the cluster, of media, of the registrar, and WebRTC gateways."""

    def __init__(self, ctx: Context, refresh_s: float) -> None:
        self._ctx = ctx
        self._refresh_s = refresh_s
        self.cluster: dict[str, ClusterNode] = {}
        self.media: dict[str, SipNode] = {}
        self.registrars: dict[str, SipNode] = {}
        self.webrtc: dict[str, SipNode] = {}
        self._addresses: dict[tuple[str, int], str] = {}
        self.hosts: set[str] = set()
        """Where nodes, media, registrars and WebRTC gateways are."""
        self._recent: dict[str, int] = {}
        self.distrusted: dict[str, float] = {}
        """Until when nodes that did not answer come last."""
        self._first_registrar: tuple[object, tuple[str, Destination]] = None, ("", Destination("tcp", "", 0))
        """The first registrar where none is distrusted, and the table that says so."""
        self._slow: set[str] = set()
        self._seen_at: dict[str, float] = {}

    async def start(self) -> None:
        """Read once, then keep reading."""
        await self.refresh()
        self._ctx.spawn(self._keep(), "directory")

    async def refresh(self) -> None:
        """Read the directory now; what was known stays if Valkey is away."""
        try:
            found = await list_nodes(self._ctx.valkey, "sip_cluster", ClusterNode)
            self.cluster = self._believed("sip_cluster", self.cluster, found)
            media = await list_nodes(self._ctx.valkey, "media", SipNode)
            self.media = self._believed("media", self.media, media)
            self.registrars = await list_nodes(self._ctx.valkey, "registrar", SipNode)
            self.webrtc = await list_nodes(self._ctx.valkey, "webrtc", SipNode)
        except (ValkeyUnavailable, ValkeyError, msgspec.MsgspecError) as error:
            self._ctx.log.warning("directory_not_read", error=str(error))
            return
        self._recent.clear()
        self.hosts = {node.sip_host for node in self.cluster.values()}
        others = (*self.media.values(), *self.registrars.values(), *self.webrtc.values())
        self.hosts |= {node.sip_host for node in others}
        self._addresses = {(node.sip_host, node.sip_port): name for name, node in self.cluster.items()}

    def _believed(self, kind: str, known: dict[str, T], found: dict[str, T]) -> dict[str, T]:
        """An empty directory is believed only after a while: a Valkey that was restarted fills again soon."""
        now = self._ctx.monotonic()
        if found:
            self._seen_at[kind] = now
        return found if found or now - self._seen_at.get(kind, 0.0) > _GRACE_S else known

    def distrust(self, name: str, now: float) -> None:
        """A node did not answer: others come first for a few seconds."""
        self.distrusted[name] = now + _DISTRUST_S

    def silent(self, now: float) -> str:
        """The cluster nodes that did not answer lately, with commas; nearly always none."""
        self.distrusted = {name: until for name, until in self.distrusted.items() if until > now}
        return ", ".join(name for name in self.distrusted if name in self.cluster)

    def heard(self, name: str, *, soon: bool) -> None:
        """Whether a node answers soon enough: if not, new calls go to others; those it has stay its own."""
        if soon:
            self._slow.discard(name)
        else:
            self._slow.add(name)

    def node_at(self, host: str, port: int) -> str:
        """The cluster node with this SIP address, or an empty string."""
        return self._addresses.get((host, port), "")

    def cluster_order(self, first: str, now: float) -> list[ClusterNode]:
        """Nodes for a request: `first` if it is alive, then those with the most room."""
        recent = self._recent
        usable = [
            node
            for node in self.cluster.values()
            if node.node == first
            or (not node.draining and node.calls + recent.get(node.node, 0) < node.capacity)
        ]
        if len(usable) < 2:
            return usable
        slow: set[str] = set() if first else self._slow
        usable.sort(
            key=lambda node: (
                node.node in slow or self._doubtful(node.node, now),
                node.node != first,
                self._load(node),
            )
        )
        return usable

    def chosen(self, name: str) -> None:
        """A call was given to a node: it counts until the node tells its own number."""
        self._recent[name] = self._recent.get(name, 0) + 1

    def media_order(self, now: float, wanted: str = "") -> list[SipNode]:
        """Media nodes, those with the fewest sessions first.

        `wanted`: the address of the node that has a part of the call already, which comes first; or any other
        name, for which each proxy puts the nodes into the same order.
        """
        usable = [node for node in self.media.values() if not node.draining]
        addresses = {format_host_port(node.sip_host, node.sip_port): node.node for node in usable}
        first = addresses.get(wanted, "")

        def rank(node: SipNode) -> tuple[bool, bool, int, int]:
            doubtful = self._doubtful(node.node, now)
            shared = crc32(f"{wanted} {node.node}".encode()) if wanted and not first else 0
            load = node.sessions + self._recent.get(node.node, 0)
            return doubtful, node.node != first, shared, load

        return sorted(usable, key=rank)

    def registrar_order(self, now: float) -> list[tuple[str, Destination]]:
        """Registrars by name; the configured address where the directory knows none."""
        known = sorted(self.registrars.values(), key=lambda node: self._doubtful(node.node, now))
        if not known:
            return [("registrar", Destination("tcp", *self._ctx.address("registrar", "sip")))]
        return [(node.node, Destination("tcp", node.sip_host, node.sip_port)) for node in known]

    def registrar(self, now: float) -> tuple[str, Destination]:
        """The first of `registrar_order`, which mostly is the same for long."""
        if self.distrusted or not self.registrars:
            return self.registrar_order(now)[0]
        of, first = self._first_registrar
        if of is not self.registrars:
            first = self.registrar_order(now)[0]
            self._first_registrar = self.registrars, first
        return first

    def _doubtful(self, name: str, now: float) -> bool:
        return self.distrusted.get(name, 0.0) > now

    def _load(self, node: ClusterNode) -> float:
        return (node.calls + self._recent.get(node.node, 0)) / max(1, node.capacity)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self.pause_s)
            await self.refresh()

    @property
    def pause_s(self) -> float:
        """Seconds until the next look: short while calls are refused for want of a node or of media."""
        return self._refresh_s if self.cluster and self.media else self._refresh_s / 10
