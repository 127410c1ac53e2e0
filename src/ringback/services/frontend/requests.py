"""Telephony requests: taken from tenant and orchestration, given to the node or service that can do them."""

from collections.abc import Awaitable, Callable

import msgspec

from ringback.contracts.events import TOPIC_FRONTEND
from ringback.contracts.names import tlib
from ringback.contracts.telephony import (
    AgentRequest,
    CallRequest,
    ClusterNode,
    RequestMakeCall,
    RequestMakePredictiveCall,
    RequestReply,
    TelephonyRequest,
)
from ringback.runtime.context import Context
from ringback.runtime.http import (
    HttpClient,
    HttpError,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    HttpServer,
    HttpUnavailable,
)
from ringback.runtime.http_wire import Unreached
from ringback.services.frontend.metrics import FrontendMetrics
from ringback.services.frontend.nodes import Nodes
from ringback.services.frontend.settings import FrontendSettings

_AWAY = HttpError(503, "node_away", "the node of this call does not answer; try again", {"Retry-After": "1"})
_NO_NODE = HttpError(503, "no_node", "no cluster node takes calls now; try again", {"Retry-After": "1"})


class RequestReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """One request for reporting: who asked for what, where it went, what came of it."""

    id: str
    time: float
    tenant: str
    reference_id: str = ""
    conn_id: str = ""
    agent_id: str = ""
    node: str = ""
    status: int
    seconds: float


class Requests:
    """Serves `POST /requests`."""

    def __init__(self, ctx: Context, settings: FrontendSettings) -> None:
        self._ctx = ctx
        self._settings = settings
        self._nodes = Nodes(ctx, settings.directory_ttl_s)
        self._metrics = FrontendMetrics(ctx.metrics, lambda: self._nodes.known)
        self._agents = HttpClient(ctx, "agent_state", timeout_s=settings.node_timeout_s)
        self._clients: dict[str, HttpClient] = {}
        self.server = HttpServer(ctx)
        self.server.route("POST", "/requests", self._serve)

    async def _serve(self, request: HttpRequest) -> HttpResponse:
        asked: TelephonyRequest = request.decode(TelephonyRequest)  # type: ignore[arg-type]
        self._metrics.requests.labels(type(asked).__name__, asked.tenant).inc()
        started, status, reply = self._ctx.monotonic(), 202, RequestReply()
        try:
            reply = await self._carry_out(asked)
        except HttpError as error:
            status = error.status
            raise
        finally:
            self._metrics.responses.labels(str(status)).inc()
            self._report(asked, reply, status, self._ctx.monotonic() - started)
        return HttpResponse(reply, status=202)

    async def _carry_out(self, asked: TelephonyRequest) -> RequestReply:
        if isinstance(asked, AgentRequest):
            return await self._ask_agent_state(asked)
        if isinstance(asked, RequestMakeCall | RequestMakePredictiveCall):
            if not await self._nodes.for_new_call():
                raise _NO_NODE
            return await self._ask_nodes(asked, self._nodes.for_new_call)
        owner = await self._nodes.owner(asked.tenant, asked.conn_id)
        if owner is None:
            raise HttpError(404, "unknown_call", "there is no such call")
        return await self._ask_nodes(asked, lambda: self._nodes.for_call(owner), owner)

    async def _ask_agent_state(self, asked: AgentRequest) -> RequestReply:
        retry = bool(asked.idempotency_key)
        try:
            return await self._agents.post("/requests", asked, RequestReply, retry=retry)
        except HttpFailure as failure:
            raise HttpError(failure.status, failure.slug, failure.message) from failure
        except HttpUnavailable as error:
            raise HttpError(503, "agent_state_away", str(error), {"Retry-After": "1"}) from error

    async def _ask_nodes(
        self, asked: CallRequest, find: Callable[[], Awaitable[list[ClusterNode]]], owner: str = ""
    ) -> RequestReply:
        """The answer of the first node that has one; only what cannot be done twice is tried twice.

        A second round asks the directory afresh: a node may have come back at another address.
        """
        for _ in range(2):
            for node in await find():
                try:
                    return await self._ask_node(asked, node)
                except HttpFailure as failure:
                    if failure.status != 503 and not (failure.status == 404 and node.node != owner):
                        raise HttpError(failure.status, failure.slug, failure.message) from failure
                except HttpUnavailable as error:
                    if not asked.idempotency_key and not _never_sent(error):
                        raise _AWAY from error
            self._nodes.forget()
        raise _AWAY

    async def _ask_node(self, asked: CallRequest, node: ClusterNode) -> RequestReply:
        client = self._clients.get(node.http)
        if client is None:
            timeout_s = self._settings.node_timeout_s
            client = HttpClient(
                self._ctx,
                "sip_cluster",
                connection="voice-39",
                timeout_s=timeout_s,
                base_url=node.http,
                trusted=True,
            )
            self._clients[node.http] = client
        self._metrics.node_requests.labels(node.node).inc()
        started, status = self._ctx.monotonic(), "away"
        try:
            reply = await client.request("POST", "/requests", asked)
            status = str(reply.status)
        except HttpFailure as failure:
            status = str(failure.status)
            raise
        finally:
            self._metrics.node_responses.labels(node.node, status).inc()
            self._metrics.node_seconds.observe(self._ctx.monotonic() - started)
        return msgspec.json.decode(reply.body, type=RequestReply)

    def _report(self, asked: TelephonyRequest, reply: RequestReply, status: int, seconds: float) -> None:
        report = RequestReport(
            id=type(asked).__name__,
            time=self._ctx.now(),
            tenant=asked.tenant,
            reference_id=asked.reference_id,
            conn_id=reply.conn_id or getattr(asked, "conn_id", ""),
            agent_id=getattr(asked, "agent_id", ""),
            node=reply.node,
            status=status,
            seconds=round(seconds, 6),
        )

        def failed(_error: BaseException) -> None:
            self._ctx.log.warning("request_not_reported", request=report.id, conn_id=report.conn_id)

        key = f"{report.tenant}:{report.conn_id or report.agent_id}"
        self._ctx.kafka.report(TOPIC_FRONTEND, key, report, connection="voice-48", failed=failed, gather=True)


def _never_sent(error: HttpUnavailable) -> bool:
    """Whether the node cannot have seen the request."""
    return isinstance(error.__cause__, Unreached)
