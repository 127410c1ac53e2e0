"""What the check has in its hands: clients of the running platform, and phones of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from ringback.contracts.routing import QueueView
from ringback.contracts.views import AgentView
from ringback.contracts.voicemail import VoiceMessage
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.link import LinkClient
from ringback.testing.check_report import CheckFailed
from ringback.testing.demo_tenant import CHECK_CARRIER_PORT, DOMAIN, TENANT, DemoSecrets, demo_secrets
from ringback.testing.phone import Phone, PhoneCarrier

T = TypeVar("T")
_PAUSE_S = 0.02


class World:
    """The running platform from the outside, and from where its own services stand."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.secrets: DemoSecrets = demo_secrets(Path(ctx.common.data))
        self.host = "127.0.0.1" if ctx.common.host in ("0.0.0.0", "::") else ctx.common.host  # noqa: S104
        self.edge = (self.host, ctx.address("sip_proxy", "edge")[1])
        self.base = ctx.url("engagement")
        self._links: dict[tuple[str, str], LinkClient] = {}
        self._agents = HttpClient(ctx, "agent_state")
        self._voicemail = HttpClient(ctx, "voicemail", connection="voice-19")
        self._tenant = HttpClient(ctx, "tenant", connection="voice-8")

    def phone(self, dn: str, *, transport: str = "udp") -> Phone:
        """A phone of the demo tenant that has not registered yet."""
        return Phone(
            dn,
            self.secrets.sip[dn],
            proxy=self.edge,
            domain=DOMAIN,
            transport="tcp" if transport == "tcp" else "udp",
            host=self.host,
        )

    def carrier(self, port: int = CHECK_CARRIER_PORT) -> PhoneCarrier:
        """The far side of a trunk."""
        return PhoneCarrier(proxy=self.edge, host=self.host, port=port)

    async def agent(self, agent_id: str) -> AgentView:
        """An agent as agent_state sees it; logged out when it has never been seen."""
        try:
            return await self._agents.get(f"/agents/{TENANT}/{agent_id}", AgentView)
        except HttpFailure as failure:
            if failure.status == 404:
                return AgentView(tenant=TENANT, agent_id=agent_id, state="logged_out", since=0.0)
            raise

    async def agent_becomes(self, agent_id: str, *states: str, timeout: float = 20.0) -> AgentView:
        """Wait until the agent is in one of the states."""
        return await until(lambda: self.agent(agent_id), lambda seen: seen.state in states, timeout)

    async def ready(self, agent_id: str) -> None:
        """Make an agent ready, as the desktop does."""
        await self._desktop("RequestAgentReady", agent_id)

    async def not_ready(self, agent_id: str) -> None:
        """Make an agent not ready, as the desktop does."""
        await self._desktop("RequestAgentNotReady", agent_id)

    async def _desktop(self, request: str, agent_id: str) -> None:
        link = await self.link("telephony", "voice-4")
        key = str(uuid.uuid4())
        await link.call(request, {"Tenant": TENANT, "AgentID": agent_id, "IdempotencyKey": key})

    async def link(self, listener: str, connection: str) -> LinkClient:
        """A connected link to the tenant service; one per listener and connection."""
        link = self._links.get((listener, connection))
        if link is None:
            link = LinkClient(self.ctx, "tenant", listener, connection=connection)
            self._links[listener, connection] = link
            await link.start()
        await link.wait_connected(5.0)
        return link

    async def queue(self, name: str) -> QueueView | None:
        """A virtual queue as the router sees it."""
        found = await self._tenant.get(f"/queues/{TENANT}", list[QueueView])
        return next((each for each in found if each.queue == name), None)

    async def waiting(self, queue: str, number: int, timeout: float = 20.0) -> None:
        """Wait until so many interactions are in the queue."""

        def has(seen: QueueView | None) -> bool:
            return (seen.waiting if seen else 0) == number

        await until(lambda: self.queue(queue), has, timeout)

    async def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        key: str | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """A request to the Engagement API with the tenant's key: status and envelope."""
        sent = {"x-api-key": self.secrets.api_key if key is None else key, **(headers or {})}
        data = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        timeout = aiohttp.ClientTimeout(total=10.0)
        url = f"{self.base}/engagement/v3{path}"
        session = self.ctx.http_session()
        async with session.request(method, url, data=data, headers=sent, timeout=timeout) as response:
            text = await response.read()
        try:
            return response.status, msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise CheckFailed(f"{method} {path}: {response.status} and a body that is no envelope") from None

    async def book(self, number: str, service: str = "CB_Check", *, key: str = "", **fields: object) -> str:
        """Book a callback; returns its id. Raises CheckFailed when it is refused."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        body = {"serviceName": service, "phoneNumber": number, **fields}
        status, envelope = await self.api("POST", "/callbacks/create", body, headers=headers)
        if status != 200:
            raise CheckFailed(f"create was answered with {status} {envelope.get('status')}")
        return str(envelope["data"]["id"])

    async def callback(self, callback_id: str) -> dict[str, Any]:
        """A callback as the API shows it."""
        status, envelope = await self.api("POST", "/callbacks/retrieve", {"id": callback_id})
        if status >= 500:
            raise ConnectionError(f"retrieve was answered with {status}")
        if status != 200:
            raise CheckFailed(f"retrieve was answered with {status} {envelope.get('status')}")
        found: dict[str, Any] = envelope["data"]
        return found

    async def callback_becomes(self, callback_id: str, *states: str, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until a callback is in one of the states."""
        return await until(
            lambda: self.callback(callback_id), lambda seen: seen["callbackState"] in states, timeout
        )

    async def messages(self, mailbox: str) -> list[VoiceMessage]:
        """What lies in a mailbox."""
        return await self._voicemail.get(f"/fs/mailboxes/{TENANT}/{mailbox}/messages", list[VoiceMessage])

    async def take_message(self, mailbox: str, message_id: str) -> bytes:
        """The audio of a message (a WAV file), which is deleted."""
        path = f"/fs/mailboxes/{TENANT}/{mailbox}/messages/{message_id}"
        audio = (await self._voicemail.request("GET", f"{path}/audio")).body
        await self._voicemail.request("DELETE", path)
        return audio

    async def cancel(self, callback_id: str) -> None:
        """Cancel a callback. Raises CheckFailed when it is refused."""
        status, envelope = await self.api("POST", "/callbacks/cancel", {"id": callback_id})
        if status != 200:
            raise CheckFailed(f"cancel was answered with {status} {envelope.get('status')}")


async def until(look: Callable[[], Awaitable[T]], met: Callable[[T], bool], timeout: float) -> T:
    """Look again and again until what is seen meets the condition; CheckFailed says what was seen last.

    A service that cannot be reached is looked at again.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while True:
        last: object
        try:
            last = seen = await look()
            if met(seen):
                return seen
        except (OSError, TimeoutError, aiohttp.ClientError) as error:
            last = repr(error)
        except HttpFailure as failure:
            if failure.status < 500:
                raise
            last = repr(failure)
        if loop.time() > end:
            raise CheckFailed(f"after {timeout:g} s: {last}")
        await asyncio.sleep(_PAUSE_S)
