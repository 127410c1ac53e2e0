"""Which cluster node a request goes to."""

from ringback.contracts.calls import owner_key
from ringback.contracts.telephony import ClusterNode
from ringback.runtime.context import Context
from ringback.runtime.directory import list_nodes


class Nodes:
    """The directory of cluster nodes, remembered for a moment, and the owner of each call."""

    def __init__(self, ctx: Context, ttl_s: float) -> None:
        self._ctx = ctx
        self._ttl_s = ttl_s
        self._known: dict[str, ClusterNode] = {}
        self._read_at = float("-inf")

    @property
    def known(self) -> int:
        """How many nodes there were when last asked."""
        return len(self._known)

    async def living(self) -> dict[str, ClusterNode]:
        """The nodes that announce themselves."""
        now = self._ctx.monotonic()
        if now - self._read_at > self._ttl_s:
            self._known = await list_nodes(self._ctx.valkey, "sip_cluster", ClusterNode)
            self._read_at = now
        return self._known

    def forget(self) -> None:
        """A node did not answer: look again."""
        self._read_at = float("-inf")

    async def owner(self, tenant: str, conn_id: str) -> str | None:
        """The name of the node that owns a call."""
        found = await self._ctx.valkey.call("GET", owner_key(tenant, conn_id))
        return found.decode() if found else None

    async def for_call(self, owner: str) -> list[ClusterNode]:
        """The owner first, then who may take the call over when the owner is gone."""
        living = await self.living()
        others = by_load([node for name, node in living.items() if name != owner])
        return [living[owner], *others] if owner in living else others

    async def for_new_call(self) -> list[ClusterNode]:
        """Nodes that take calls, the least loaded first."""
        nodes = (await self.living()).values()
        return by_load([node for node in nodes if not node.draining and node.calls < node.capacity])


def by_load(nodes: list[ClusterNode]) -> list[ClusterNode]:
    """The least loaded node first."""
    return sorted(nodes, key=lambda node: (node.draining, node.calls / max(node.capacity, 1), node.node))
