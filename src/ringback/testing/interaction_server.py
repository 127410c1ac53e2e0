"""A foreign interaction server, as small as it can be: it plays the server that carries chats and e-mails.

What such a server has to do, step by step, over the platform's own connections:

1. **Provisioning** (TCP 8888, `voice-5`): `search {tenant, kind, like}` for persons and queues, and
   `subscribe {tenant, kinds}` to be told of changes.
2. **Routing** (TCP 12100, `voice-20`): `subscribe {tenant, role: "interactions", cursor}`, then `submit` for
   each interaction that needs an agent, with `kind` "interaction" and a `media` (chat, email, …). A
   `result` with the outcome `reserved` names the agent; `confirm` when the agent has accepted, `return`
   when the agent has not, `cancel` when the customer has gone.
3. **Events** (Valkey stream `{tenant}:events:interactions`, `voice-7`): what becomes of the interaction. Each
   event keeps the agent's place; `EventInteractionEnded` gives it back.
4. **Status** (TCP 2060, `voice-5`): `RequestInteractionStatus {tenant, interaction_id}`.

Each line of a link is a JSON-RPC 2.0 message; `hello {connection, secret}` comes first.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ringback.contracts.interactions import (
    ENDED,
    InteractionEvent,
    InteractionStatus,
    interactions_stream,
)
from ringback.contracts.routing import (
    CancelRequest,
    ConfirmRequest,
    ReturnRequest,
    RouteResult,
    SubmitRequest,
)
from ringback.runtime.context import Context
from ringback.runtime.link import LinkClient
from ringback.runtime.streams import append

ACCEPTED = "EventInteractionAccepted"


class InteractionServer:
    """One tenant's chats and e-mails. `offers` are the reservations that it is told of, in their order."""

    def __init__(self, ctx: Context, tenant: str) -> None:
        self._ctx = ctx
        self._tenant = tenant
        self._valkey = ctx.valkey.using("voice-7")
        self._routing = LinkClient(ctx, "rq", "link", connection="voice-20")
        self._config = LinkClient(ctx, "tenant", "config", connection="voice-5")
        self._telephony = LinkClient(ctx, "tenant", "telephony", connection="voice-5")
        self._routing.on("result", self._heard)
        self._routing.on_connect(self._follow)
        self._cursor = ""
        self.offers: asyncio.Queue[RouteResult] = asyncio.Queue()

    async def start(self) -> None:
        """Connect to all that is needed. Raises LinkUnavailable."""
        for link in (self._routing, self._config, self._telephony):
            await link.start()
        for link in (self._routing, self._config, self._telephony):
            await link.wait_connected()
        await self._follow()

    async def agents(self, media: str) -> list[str]:
        """Who may ever get interactions of a medium, by the configuration."""
        found = await self._config.call("search", {"tenant": self._tenant, "kind": "persons", "limit": 1000})
        persons = (item["body"] for item in found["objects"])
        return sorted(each["id"] for each in persons if f"{media}:" in each.get("capacity", ""))

    async def submit(self, name: str, media: str, queue: str, target: str, **more: Any) -> str:
        """Ask for an agent; the id of the request."""
        request = SubmitRequest(
            request_id=f"ixn-{name}",
            tenant=self._tenant,
            interaction_id=name,
            kind="interaction",
            media=media,
            vq=queue,
            target=target,
            arrival_time=self._ctx.now(),
            **more,
        )
        await self._routing.call("submit", request)
        return request.request_id

    async def offer(self, timeout: float = 10.0) -> RouteResult:
        """The next reservation; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while True:
                result = await self.offers.get()
                if result.outcome == "reserved":
                    return result

    async def accept(self, offer: RouteResult) -> None:
        """The agent works on it."""
        confirm = ConfirmRequest(request_id=offer.request_id, tenant=self._tenant, agent_id=offer.agent_id)
        await self._routing.call("confirm", confirm)
        await self._say(ACCEPTED, offer)

    async def reject(self, offer: RouteResult, reason: str = "rejected") -> None:
        """The agent does not want it."""
        returned = ReturnRequest(
            request_id=offer.request_id, tenant=self._tenant, agent_id=offer.agent_id, reason=reason
        )
        await self._routing.call("return", returned)

    async def end(self, offer: RouteResult) -> None:
        """The agent is done with it."""
        await self._say(ENDED, offer)

    async def cancel(self, request_id: str) -> bool:
        """The customer has gone; whether the request was still open."""
        cancel = CancelRequest(request_id=request_id, tenant=self._tenant, reason="customer_gone")
        reply = await self._routing.call("cancel", cancel)
        return bool(reply["open"])

    async def status(self, name: str) -> InteractionStatus:
        """How an interaction stands with the router."""
        params = {"tenant": self._tenant, "interaction_id": name}
        reply = await self._telephony.call("RequestInteractionStatus", params)
        return msgspec.convert(reply, InteractionStatus)

    async def _say(self, event: str, offer: RouteResult) -> None:
        name = offer.request_id.removeprefix("ixn-")
        happened = InteractionEvent(
            id=event,
            time=self._ctx.now(),
            tenant=self._tenant,
            interaction_id=name,
            media_type=offer.media,
            agent_id=offer.agent_id,
            reservation_id=offer.reservation_id,
        )
        await append(self._valkey, interactions_stream(self._tenant), happened)

    async def _follow(self) -> None:
        params = {"tenant": self._tenant, "role": "interactions", "cursor": self._cursor}
        reply = await self._routing.call("subscribe", params)
        self._cursor = self._cursor or reply["cursor"]

    async def _heard(self, params: dict[str, Any]) -> None:
        self._cursor = params["cursor"]
        await self.offers.put(msgspec.convert(params, RouteResult))
