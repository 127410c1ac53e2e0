"""Questions to a node that does not route the tenant are answered by the one that does.

So a balancer may lead to any node: which one routes is nobody's business outside, and may differ from tenant
to tenant. Nodes tell in the directory where they are; the lease of a tenant names its leader. A question goes
on once: where the lead is just changing hands it is answered 503, as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.routing import RoutingNode
from ringback.runtime.addresses import bracketed
from ringback.runtime.directory import list_nodes
from ringback.runtime.http import (
    HttpClient,
    HttpError,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    HttpUnavailable,
)
from ringback.runtime.http_server import Handler
from ringback.runtime.presence import Presence
from ringback.services.tenant.leader import leader_key

if TYPE_CHECKING:
    from ringback.runtime.context import Context

KIND = "tenant"
FORWARDED = "X-Ringback-Forwarded"
_TTL_S = 6.0
_ANNOUNCE_S = 1.0


class NotLeading(HttpError):
    """This node does not route the tenant, or not yet."""

    def __init__(self, tenant: str) -> None:
        message = "the routing of this tenant is being taken over; try again"
        super().__init__(503, "routing_not_ready", message, headers={"Retry-After": "1"})
        self.tenant = tenant


def presence(ctx: Context) -> Presence:
    """This node in the directory: where it answers, once its listeners are bound."""

    def place(listener: str) -> str:
        host, port = ctx.announced(ctx.listeners[listener][1])
        return f"{bracketed(host)}:{port}"

    def entry() -> RoutingNode:
        return RoutingNode(http=place("http"), ewt=place("ewt"))

    return Presence(ctx, KIND, entry, ttl_s=_TTL_S, every_s=_ANNOUNCE_S)


class AtLeader:
    """Sends on what this node cannot answer; `listener` is `http` or `ewt`, on both sides."""

    def __init__(self, ctx: Context, listener: str) -> None:
        self._ctx = ctx
        self._listener = listener
        self._clients: dict[str, HttpClient] = {}

    def __call__(self, handler: Handler) -> Handler:
        """The handler, or the leader's answer where it raises NotLeading."""

        async def serve(request: HttpRequest) -> object:
            try:
                return await handler(request)
            except NotLeading as missing:
                if FORWARDED in request.headers or (leader := await self._leader(missing.tenant)) is None:
                    raise
                return await self._ask(leader, request, missing)

        return serve

    async def _leader(self, tenant: str) -> HttpClient | None:
        """The node that routes a tenant; None if nobody does, or it is this one, which only begins to."""
        name = await self._ctx.valkey.call("GET", leader_key(tenant))
        if name is None or name.decode() == self._ctx.node:
            return None
        node = (await list_nodes(self._ctx.valkey, KIND, RoutingNode)).get(name.decode())
        if node is None:
            return None
        base = f"http://{getattr(node, self._listener)}"
        if base not in self._clients:
            self._clients.clear()  # there is one leader at a time, or a few
            self._clients[base] = HttpClient(self._ctx, KIND, self._listener, base_url=base, trusted=True)
        return self._clients[base]

    async def _ask(self, leader: HttpClient, request: HttpRequest, missing: NotLeading) -> HttpResponse:
        path, headers = request.raw.raw_path, {FORWARDED: self._ctx.node}
        try:
            reply = await leader.request(request.method, path, request.body, headers=headers)
        except HttpUnavailable:
            raise missing from None
        except HttpFailure as failure:
            if failure.status == missing.status:
                raise missing from None
            raise HttpError(failure.status, failure.slug, failure.message) from None
        return HttpResponse(reply.body, status=reply.status)
