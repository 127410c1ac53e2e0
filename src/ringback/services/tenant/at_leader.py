"""Questions to a node that does not route the tenant are answered by the one that does.

So a balancer may lead to any node: which one routes is nobody's business outside, and may differ from tenant
to tenant. Nodes tell in the directory where they are; the lease of a tenant names its leader. A question goes
on once: where the lead is just changing hands it is answered 503, as before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ringback.contracts.routing import RoutingNode
from ringback.runtime.addresses import bracketed
from ringback.runtime.directory import announce, list_nodes, withdraw
from ringback.runtime.http import (
    HttpClient,
    HttpError,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    HttpUnavailable,
)
from ringback.runtime.http_server import Handler
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
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


class Presence:
    """This node in the directory."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._telling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell where this node answers, once its listeners are bound."""
        entry = RoutingNode(http=self._place("http"), ewt=self._place("ewt"))
        self._telling = self._ctx.spawn(self._keep(entry), "presence")

    async def stop(self) -> None:
        """Be found no more."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait([self._telling])
        try:
            await withdraw(self._ctx.valkey, KIND, self._ctx.node)
        except (ValkeyUnavailable, ValkeyError) as error:
            self._ctx.log.info("node_not_withdrawn", error=repr(error))

    def _place(self, listener: str) -> str:
        host, port = self._ctx.announced(self._ctx.listeners[listener][1])
        return f"{bracketed(host)}:{port}"

    async def _keep(self, entry: RoutingNode) -> None:
        while True:
            try:
                await announce(self._ctx.valkey, KIND, self._ctx.node, entry, _TTL_S)
            except (ValkeyUnavailable, ValkeyError) as error:
                self._ctx.log.warning("announce_failed", error=repr(error))
            await asyncio.sleep(_ANNOUNCE_S)


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
