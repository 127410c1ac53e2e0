"""Telephony requests from frontend: each is carried out once, however often it comes."""

from ringback.contracts.telephony import (
    CallRequest,
    RequestAnswerCall,
    RequestMakeCall,
    RequestMakePredictiveCall,
    RequestReply,
)
from ringback.domain.calls.inputs import Request
from ringback.domain.calls.outputs import Event, Output
from ringback.runtime.context import Context
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.sip_cluster import asked as asking
from ringback.services.sip_cluster.answering import answer
from ringback.services.sip_cluster.driver import Driver, new_call
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.settings import SipClusterSettings
from ringback.services.sip_cluster.store import CallStore
from ringback.services.sip_cluster.takeover import Takeover
from ringback.sip.endpoint import SipEndpoint

DONE = "done"


class Requests:
    """Serves `POST /requests`."""

    def __init__(
        self,
        ctx: Context,
        settings: SipClusterSettings,
        driver: Driver,
        store: CallStore,
        takeover: Takeover,
        metrics: ClusterMetrics,
        endpoint: SipEndpoint,
    ) -> None:
        self._endpoint = endpoint
        self._ctx = ctx
        self._settings = settings
        self._driver = driver
        self._store = store
        self._takeover = takeover
        self._metrics = metrics
        self.draining = False
        self.server = HttpServer(ctx)
        self.server.route("POST", "/requests", self._serve, connection="voice-39")

    async def _serve(self, request: HttpRequest) -> RequestReply:
        asked: CallRequest = request.decode(CallRequest)  # type: ignore[arg-type]
        self._metrics.requests.labels(type(asked).__name__, asked.tenant).inc()
        reference = asked.reference_id or asked.idempotency_key or request.corr_id
        if isinstance(asked, RequestAnswerCall):
            live = await self._call(asked.tenant, asked.conn_id)
            await answer(self._endpoint, live, asked)
            return self._reply(reference, asked.conn_id)
        try:
            word = asking.request(asked, reference)
        except asking.UnknownTreatmentError as error:
            raise HttpError(400, "unknown_treatment", f"no treatment is called {error}") from None
        if isinstance(asked, RequestMakeCall | RequestMakePredictiveCall):
            return await self._make_call(asked, word, reference)
        return await self._on_call(asked, asked.conn_id, word, reference)

    async def _make_call(
        self, asked: RequestMakeCall | RequestMakePredictiveCall, word: Request, reference: str
    ) -> RequestReply:
        if asked.tenant not in self._ctx.common.tenants:
            raise HttpError(404, "unknown_tenant", "this platform has no such tenant")
        if self.draining or len(self._driver.calls) >= self._settings.capacity:
            raise HttpError(503, "no_capacity", "this node takes no more calls", {"Retry-After": "1"})
        live = new_call(asked.tenant)
        outputs = live.call.handle(word, self._ctx.now())
        earlier = await self._store.create(live, asked.idempotency_key or reference)
        conn_id = earlier or live.conn_id
        if earlier is None:
            self._driver.open(live)
            self._driver.carry_on(live, outputs)
        return self._reply(reference, conn_id)

    async def _on_call(self, asked: CallRequest, conn_id: str, word: Request, reference: str) -> RequestReply:
        live = await self._call(asked.tenant, conn_id)
        if live.conn_id != conn_id:
            word = asking.of_consultation(asked, reference)
        key = asked.idempotency_key
        result = await self._earlier(live, key)
        if result is None:
            result = _refusal(self._driver.feed(live, word), reference) or DONE
            if key:
                live.requests[key] = result
                live.unnoted.append(key)
        elif key in live.unnoted and not live.lost:
            self._driver.carry_on(live, [])
        await self._driver.stored(live)
        self._check(result)
        return self._reply(reference, conn_id)

    async def _earlier(self, live: LiveCall, key: str) -> str | None:
        """What a request has come to that was carried out already. Raises ValkeyUnavailable."""
        if not self._ctx.valkey.connected:
            raise ValkeyUnavailable("not connected to Valkey")
        if not key:
            return None
        if key not in live.requests and live.taken_over:
            kept = await self._store.noted(live.tenant, key)
            if kept is not None and key not in live.requests:
                live.requests[key] = kept
        return live.requests.get(key)

    async def _call(self, tenant: str, conn_id: str) -> LiveCall:
        live = self._driver.find(conn_id) or await self._takeover.take_if_orphan(tenant, conn_id)
        if live is None and await self._takeover.living_owner(tenant, conn_id) is not None:
            # It was handed over while the request was on its way here: frontend asks the others.
            raise HttpError(503, "call_moved", "another node has this call now", {"Retry-After": "1"})
        if live is None or live.tenant != tenant:
            raise HttpError(404, "unknown_call", "this node has no such call")
        return live

    @staticmethod
    def _check(result: str) -> None:
        if result != DONE:
            raise HttpError(409, result, "the call is not in a state that allows this")

    def _reply(self, reference: str, conn_id: str) -> RequestReply:
        return RequestReply(reference_id=reference, conn_id=conn_id, node=self._ctx.node)


def _refusal(outputs: list[Output], reference: str) -> str:
    """The reason when the call refused the request at once."""
    for output in outputs:
        if isinstance(output, Event) and output.name == "EventError" and output.reference == reference:
            return output.reason
    return ""
