"""Carries out the actions of sessions at the services that do the work.

Every request carries the action's id as its key, so that an action repeated after a crash does nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.contracts.applications import FetchReply, FetchRequest
from ringback.contracts.callbacks import CallbackStep, CallbackStepReply
from ringback.contracts.routing import (
    CancelRequest,
    ConfirmRequest,
    QueueView,
    ReturnRequest,
    SubmitRequest,
    TargetStep,
)
from ringback.contracts.rq import PriorityRequest
from ringback.contracts.telephony import (
    CallRequest,
    RequestApplyTreatment,
    RequestClearCall,
    RequestMakeCall,
    RequestReply,
    RequestRouteCall,
)
from ringback.runtime.http import HttpFailure
from ringback.runtime.link import LinkError
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.orchestration.calling import Calling
from ringback.services.orchestration.clients import Clients
from ringback.services.orchestration.modules.fetching import content_of
from ringback.services.orchestration.modules.missing import NAMES
from ringback.services.orchestration.records import Json, Pending, Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.orchestration.settings import OrchestrationSettings
    from ringback.services.orchestration.store import SessionStore

Reply = dict[str, Json] | None
"""Data of the event that the action is done; None when its result comes later, or is of no interest."""

_QUEUES_FRESH_S = 0.5
_QUEUES_KNOWN_S = 30.0
"""How old an answer about the queues may be that stands in for one that does not come."""
_HTTP_ERROR = 400
_OUTSIDE = (502, 504)
"""What the designer answers when it is the outside that fails."""
_FIRST_WAIT_S, _LAST_WAIT_S = 0.2, 2.0


class ActionFailed(Exception):
    """The action cannot be carried out; `reason` is a stable slug, `data` what else the event says."""

    def __init__(self, reason: str, **data: Json) -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data


class Performer:
    """One for all sessions of the node; knows nothing between two actions."""

    def __init__(self, ctx: Context, settings: OrchestrationSettings, clients: Clients) -> None:
        self._ctx = ctx
        self._settings = settings
        self._clients = clients
        self._known_queues: dict[str, tuple[float, list[QueueView]]] = {}
        """When they were asked for, and the answer, by tenant."""
        self._elements: dict[str, Callable[[Record, Pending, SessionStore], Awaitable[Reply]]] = {
            "queue.submit": self._submit,
            "queue.update": self._update,
            "queue.cancel": self._cancel,
            "queue.confirm": self._confirm,
            "queue.return": self._return,
            "queue.query": self._query,
            "dialog.play": self._treatment,
            "dialog.playsound": self._treatment,
            "dialog.collect": self._treatment,
            "dialog.playandcollect": self._treatment,
            "dialog.beep": self._treatment,
            "dialog.stop": self._treatment,
            "dialog.runtreatments": self._treatment,
            "dialog.playandverify": self._treatment,
            "dialog.createann": self._treatment,
            **{f"{module}.{name}": _unsupported for module, names in NAMES.items() for name in names},
            "ws.get": self._fetch,
            "ws.post": self._fetch,
            "interaction.redirect": self._redirect,
            "interaction.createcall": self._make_call,
            "session.fetch": self._fetch,
            "session.response": self._response,
            "callback.report": self._report,
        }
        Calling(self)

    def add(self, name: str, work: Callable[[Record, Pending, SessionStore], Awaitable[Reply]]) -> None:
        """Have an element carried out elsewhere."""
        self._elements[name] = work

    async def perform(self, record: Record, action: Pending, store: SessionStore) -> Reply:
        """Carry out one action, again and again while a service is away. Raises ActionFailed."""
        name = f"{module_of(action.namespace)}.{action.name}"
        patience = self._settings.report_retry_s if name == "callback.report" else self._settings.retry_s
        deadline, wait = self._ctx.monotonic() + patience, _FIRST_WAIT_S
        while True:
            try:
                return await self._elements[name](record, action, store)
            except HttpFailure as failure:
                if failure.status < 500:
                    raise ActionFailed(failure.slug) from None
                reason = failure.slug
            except LinkError as error:
                self._ctx.log.warning("action_refused", session=record.id, action=name, error=error.message)
                raise ActionFailed("refused") from None
            except msgspec.ValidationError as error:
                self._ctx.log.warning("action_invalid", session=record.id, action=name, error=str(error))
                raise ActionFailed("invalid") from None
            except (ConnectionError, ValkeyUnavailable) as error:
                reason = "unavailable"
                self._ctx.log.info("action_waits", session=record.id, action=name, error=str(error))
            if self._ctx.monotonic() + wait > deadline:
                raise ActionFailed(reason)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LAST_WAIT_S)

    async def clear_call(self, record: Record, reason: str) -> None:
        """Release every party of the session's call. Raises ActionFailed."""
        await self._perform_call(
            RequestClearCall(
                tenant=record.tenant,
                conn_id=record.conn_id,
                reference_id=f"{record.id}:clear",
                idempotency_key=f"{record.id}:clear",
                reason=reason,
            )
        )

    async def default_route(self, record: Record, default_dn: str) -> None:
        """Give the call to the default number of its route point. Raises ActionFailed."""
        await self._perform_call(
            RequestRouteCall(
                tenant=record.tenant,
                conn_id=record.conn_id,
                reference_id=f"{record.id}:default",
                idempotency_key=f"{record.id}:default",
                other_dn=default_dn,
            )
        )

    async def _perform_call(self, request: CallRequest) -> None:
        try:
            await self.request(request)
        except HttpFailure as failure:
            raise ActionFailed(failure.slug) from None
        except ConnectionError as error:
            raise ActionFailed("unavailable") from error

    async def request(self, request: CallRequest) -> RequestReply:
        """Ask frontend. Raises ActionFailed for a session without a call."""
        if not getattr(request, "conn_id", "none needed"):
            raise ActionFailed("no_call")
        return await self._clients.frontend.post("/requests", request, RequestReply, retry=True)

    # Queue

    async def _submit(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        found = action.payload
        is_callback = record.kind == "callback"
        request = SubmitRequest(
            request_id=record.reference(action.number),
            tenant=record.tenant,
            interaction_id=found["interaction_id"]
            or record.callback_id
            or record.call_uuid
            or record.conn_id,
            kind="callback" if is_callback else "call",
            conn_id=record.conn_id,
            session_id=record.id,
            vq=found["vq"],
            target=found["target"] or await self._target_unless_steps(record.tenant, found),
            priority=found["priority"],
            arrival_time=found["arrival_time"] or record.started,
            timeout_s=found["timeout_s"],
            lease_s=found.get("lease_s", 0.0),
            priority_increment=found.get("priority_increment", 0),
            priority_interval_s=found.get("priority_interval_s", 60.0),
            priority_limit=found.get("priority_limit", 0),
            steps=msgspec.convert(found.get("steps", ()), tuple[TargetStep, ...]),
            preferred_agent=found.get("preferred_agent", ""),
            preferred_s=found.get("preferred_s", 0.0),
            growth=found.get("growth"),
        )
        await self._clients.rq.call("submit", request)
        return None

    async def _target_unless_steps(self, tenant: str, found: dict[str, Json]) -> str:
        return "" if found.get("steps") else await self._target_of(tenant, str(found["vq"]))

    async def _update(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        await self._clients.rq.call("priority", PriorityRequest(tenant=record.tenant, **action.payload))
        return None

    async def _target_of(self, tenant: str, queue: str) -> str:
        """The target that the configuration gives a virtual queue."""
        for virtual_queue in await self._clients.config.virtual_queues(tenant):
            if virtual_queue.id == queue:
                return virtual_queue.target
        raise ActionFailed("unknown_queue")

    async def _cancel(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        await self._clients.rq.call("cancel", CancelRequest(tenant=record.tenant, **action.payload))
        return None

    async def _confirm(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        await self._clients.rq.call("confirm", ConfirmRequest(tenant=record.tenant, **action.payload))
        return None

    async def _return(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        await self._clients.rq.call("return", ReturnRequest(tenant=record.tenant, **action.payload))
        return None

    async def _query(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        found = _view(await self._queues(record.tenant), action)
        if found is None:
            raise ActionFailed("unknown_queue")
        return found

    def at_hand(self, record: Record, action: Pending) -> Reply:
        """The answer to a question without effect, where nobody has to be asked for it; else None."""
        if action.name != "query" or module_of(action.namespace) != "queue":
            return None
        age, known = self._remembered(record.tenant)
        return _view(known, action) if age < _QUEUES_FRESH_S else None

    async def _queues(self, tenant: str) -> list[QueueView]:
        """How the queues stand; calls that come together share one answer.

        A caller hears nothing meanwhile: without an answer in a second, the last one will do, or none.
        """
        age, known = self._remembered(tenant)
        if known and age < _QUEUES_FRESH_S:
            return known
        try:
            async with asyncio.timeout(self._settings.query_s):
                queues = await self._clients.tenant.get(f"/queues/{quote(tenant)}", list[QueueView])
        except (HttpFailure, ConnectionError, TimeoutError) as error:
            self._ctx.log.info("queues_not_known", tenant=tenant, age_s=age, error=repr(error))
            if known and age < _QUEUES_KNOWN_S:
                return known
            raise ActionFailed("unavailable") from None
        self._known_queues[tenant] = (self._ctx.monotonic(), queues)
        return queues

    def _remembered(self, tenant: str) -> tuple[float, list[QueueView]]:
        """How the queues stood when they were asked about last, and how long that is ago."""
        asked_at, known = self._known_queues.get(tenant, (-_QUEUES_KNOWN_S, []))
        return self._ctx.monotonic() - asked_at, known

    # The call

    async def _treatment(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        found, key = action.payload, record.reference(action.number)
        await self.request(
            RequestApplyTreatment(
                tenant=record.tenant,
                conn_id=record.conn_id,
                reference_id=key,
                idempotency_key=key,
                treatment_type=found["treatment"],
                prompts=found.get("prompts", []),
                max_digits=found.get("max_digits", 0),
                terminators=found.get("terminators", "#"),
                timeout=found.get("timeout", 5.0),
                interdigit_timeout=found.get("interdigit_timeout", 0.0),
                then_music=found.get("then_music", True),
                mailbox=found.get("mailbox", ""),
                max_duration=found.get("max_duration", 120.0),
            )
        )
        return None

    async def _redirect(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        found, key = action.payload, record.reference(action.number)
        await self.request(
            RequestRouteCall(
                tenant=record.tenant,
                conn_id=record.conn_id,
                reference_id=key,
                idempotency_key=key,
                other_dn=found["to"],
                agent_id=found["agent_id"],
                reservation_id=found["reservation_id"],
                timeout=found["timeout"],
                route_type=found["route_type"],
            )
        )
        return None

    async def _make_call(self, record: Record, action: Pending, store: SessionStore) -> Reply:
        found, key = action.payload, record.reference(action.number)
        reply = await self.request(
            RequestMakeCall(
                tenant=record.tenant,
                reference_id=key,
                idempotency_key=key,
                this_dn=found["from"],
                other_dn=found["to"],
                ani=found["ani"],
                timeout=found["timeout"],
                prompts=found["prompts"],
                user_data=found["user_data"],
                agent_id=found.get("agent_id", ""),
                customer=found.get("customer", ""),
                detect=found.get("detect", 0.0),
                display_name=found.get("display_name", ""),
            )
        )
        if reply.conn_id:
            await store.own_call(reply.conn_id, record.id)
            # The next action, which may be to release the call, comes before the call's first event.
            if reply.conn_id != record.conn_id:
                record.conn_id, record.routed, record.gone = reply.conn_id, False, False
        return None

    # The world outside, and engagement

    async def _fetch(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """Whoever does not answer in time is not asked again: the application says how long to wait."""
        found = action.payload
        headers = {"Idempotency-Key": record.reference(action.number), **found.get("headers", {})}
        if found["content_type"]:
            headers["Content-Type"] = found["content_type"]
        request = FetchRequest(
            url=found["url"],
            method=found["method"],
            headers=headers,
            body=found["body"],
            timeout_s=found["timeout_s"],
        )
        try:
            reply = await self._clients.designer.post("/fetch", request, FetchReply)
        except HttpFailure as failure:
            if failure.status in _OUTSIDE:
                raise ActionFailed(failure.slug) from None
            raise
        content = content_of(reply.content_type, reply.body)
        answer = {"status": reply.status, "type": reply.content_type, "content": content}
        if reply.status >= _HTTP_ERROR:
            raise ActionFailed("http_error", **answer)
        return answer

    async def _response(self, record: Record, action: Pending, store: SessionStore) -> Reply:
        await store.answer(action.payload["request_id"], msgspec.json.encode(action.payload["data"]))
        return None

    async def _report(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        step = CallbackStep(
            attempt=record.attempt,
            step=action.step,
            session_id=record.id,
            time=self._ctx.now(),
            **action.payload,
        )
        path = f"/internal/callbacks/{quote(record.tenant)}/{quote(record.callback_id)}/steps"
        reply = await self._clients.engagement.post(path, step, CallbackStepReply, retry=True)
        return {"state": action.payload["state"], "go_on": reply.go_on, "callback": reply.state}


def _view(queues: Iterable[QueueView], action: Pending) -> Reply:
    """How the queue that is asked about stands; None when there is no such queue."""
    for queue in queues:
        if queue.queue == action.payload["vq"]:
            return {
                "queue": queue.queue,
                "waiting": queue.waiting,
                "ewt": queue.ewt,
                "agentsloggedin": queue.agents_logged_in,
                "agentsready": queue.agents_ready,
            }
    return None


async def _unsupported(_record: Record, _action: Pending, _store: SessionStore) -> Reply:
    raise ActionFailed("unsupported")


def module_of(namespace: str) -> str:
    """`queue` of `www.genesyslab.com/modules/queue`, `callback` of `urn:ringback:callback`."""
    return namespace.replace(":", "/").rpartition("/")[2]
