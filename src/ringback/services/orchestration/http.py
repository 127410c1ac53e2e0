"""The two HTTP listeners: control of sessions (9098), and call data for the voice platform (11200)."""

from __future__ import annotations

import asyncio
import hmac
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from ringback.contracts.applications import CallData, SessionRow, SessionTrace
from ringback.runtime.http import CLUSTER_HEADER, HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.scxml import Event, event_from_http
from ringback.services.orchestration.looking import active_states, session_row, session_trace
from ringback.services.orchestration.node import Node
from ringback.services.orchestration.records import Input, Json, Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context

FORM = "application/x-www-form-urlencoded"
_POLL_S = 0.05
_LISTED = 1000
HELP = """POST /scxml/session/start                      src, idealtime, other pairs: first values of the data
POST /scxml/session/{sid}/terminate
GET|POST /scxml/session/{sid}/event/{name}     parameters become _event.data
GET|POST /scxml/session/{sid}/request/{name}   the session answers with <session:response>
GET /scxml/session/{sid}/query
GET /scxml/session/{sid}/trace                 states, last events, shape of the data; no user data
GET /scxml/sessions                            all live ones; ?limit=
POST /scxml/basichttp/{sid}                    SCXML's basic HTTP event processor
With several tenants: ?tenant=NAME.
"""


class ControlHttp:
    """Routes of the control listener; open to the same machine and to the platform's own services."""

    def __init__(self, ctx: Context, node: Node) -> None:
        self._ctx = ctx
        self._node = node

    def add_routes(self, server: HttpServer) -> None:
        """Serve everything on `server`."""
        session = "/scxml/session/{sid}"
        routes: list[tuple[str, str, Any]] = [
            ("POST", "/scxml/session/start", self._start),
            ("POST", f"{session}/terminate", self._terminate),
            ("GET", f"{session}/query", self._query),
            ("GET", f"{session}/trace", self._trace),
            ("GET", "/scxml/sessions", self._list),
            ("POST", "/scxml/basichttp/{sid}", self._basic_http),
        ]
        for method in ("GET", "POST"):
            routes.append((method, f"{session}/event/{{name}}", self._event))
            routes.append((method, f"{session}/request/{{name}}", self._request))
        for method, path, handler in routes:
            server.route(method, path, self._guarded(handler), public=True, connection="voice-10")
        server.route("GET", "/ors/help", self._help, public=True)

    def _guarded(self, handler: Any) -> Any:
        async def serve(request: HttpRequest) -> Any:
            secret = self._ctx.common.cluster_secret
            given = request.headers.get(CLUSTER_HEADER, "")
            trusted = request.peer.startswith("127.") or request.peer == "::1"
            if secret and not trusted and not hmac.compare_digest(secret.encode(), given.encode()):
                raise HttpError(401, "no_cluster_secret", "this path is for the platform's own services")
            return await handler(request)

        return serve

    async def _help(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse(HELP, content_type="text/plain")

    async def _start(self, request: HttpRequest) -> dict[str, str]:
        """The answer is the id of the session."""
        fields = _parameters(request)
        source = fields.pop("src", None)
        if not isinstance(source, str) or not source:
            raise HttpError(400, "no_src", "'src' is the address of an application at the designer")
        if not source.startswith(self._ctx.url("designer") + "/"):
            raise HttpError(403, "foreign_src", "applications come from the designer only")
        tenant = self._tenant(request)
        record = Record(
            id=f"start-{uuid.uuid4()}",
            tenant=tenant,
            kind="started",
            app=source,
            started=_ideal_time(fields.pop("idealtime", None), self._ctx.now()),
            data=fields,
        )
        await self._node.begin(record)
        return {"session": record.id}

    async def _terminate(self, request: HttpRequest) -> HttpResponse:
        await self._deliver(request, Input(terminate=True))
        return HttpResponse({"session": request.path_param("sid")}, status=202)

    async def _event(self, request: HttpRequest) -> HttpResponse:
        event = Event(request.path_param("name"), data=_parameters(request) or None)
        await self._deliver(request, Input(event=event.to_json()))
        return HttpResponse({"session": request.path_param("sid")}, status=202)

    async def _basic_http(self, request: HttpRequest) -> HttpResponse:
        content_type = request.headers.get("Content-Type", "")
        event = event_from_http(request.method, content_type, _text(request), request.path)
        await self._deliver(request, Input(event=event.to_json()))
        return HttpResponse(status=204)

    async def _request(self, request: HttpRequest) -> HttpResponse:
        """Wait for the session's `<session:response>`, wherever the session runs."""
        request_id = str(uuid.uuid4())
        data = {**_parameters(request), "requestid": request_id}
        await self._deliver(request, Input(event=Event(request.path_param("name"), data=data).to_json()))
        store = self._node.stores[self._tenant(request)]
        deadline = self._ctx.monotonic() + self._node.settings.request_s
        while self._ctx.monotonic() < deadline:
            body = await store.take_answer(request_id)
            if body is not None:
                return HttpResponse(msgspec.Raw(body))
            await asyncio.sleep(_POLL_S)
        raise HttpError(504, "no_response", "the session did not answer in time")

    async def _query(self, request: HttpRequest) -> dict[str, Json]:
        record = await self._node.stores[self._tenant(request)].load(request.path_param("sid"))
        if record is None:
            raise _no_session()
        return {
            "session": record.id,
            "kind": record.kind,
            "application": record.app,
            "started": record.started,
            "states": active_states(record),
            "connid": record.conn_id,
            "pending": [f"{action.number}:{action.name}" for action in record.pending],
            "ended": record.ended,
        }

    async def _list(self, request: HttpRequest) -> list[SessionRow]:
        limit = request.query.get("limit") or str(_LISTED)
        if not limit.isdecimal():
            raise HttpError(400, "bad_limit", "'limit' is a number")
        found = await self._node.stores[self._tenant(request)].everywhere(int(limit))
        rows = [session_row(node, record) for node, record in found]
        return sorted(rows, key=lambda row: (row.started, row.session))

    async def _trace(self, request: HttpRequest) -> SessionTrace:
        store, sid = self._node.stores[self._tenant(request)], request.path_param("sid")
        record = await store.load(sid)
        if record is None:
            raise _no_session()
        return session_trace(await store.owner(sid), record)

    async def _deliver(self, request: HttpRequest, entry: Input) -> None:
        tenant = self._tenant(request)
        if not await self._node.deliver(tenant, request.path_param("sid"), entry):
            raise _no_session()

    def _tenant(self, request: HttpRequest) -> str:
        tenant = request.query.get("tenant") or self._ctx.common.tenants[0]
        if tenant not in self._node.stores:
            raise HttpError(404, "unknown_tenant", "this platform has no such tenant")
        return tenant


class DataHttp:
    """What the voice platform asks about a call."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def add_routes(self, server: HttpServer) -> None:
        """Serve everything on `server`."""
        server.route("GET", "/calls/{conn_id}", self._call, connection="voice-21")

    async def _call(self, request: HttpRequest) -> CallData:
        conn_id = request.path_param("conn_id")
        for tenant, store in self._node.stores.items():
            sid = await store.session_of_call(conn_id)
            record = await store.load(sid) if sid else None
            if record is not None:
                return call_data(tenant, conn_id, record)
        raise HttpError(404, "unknown_call", "no session has this call")


def call_data(tenant: str, conn_id: str, record: Record) -> CallData:
    """What is told of a call."""
    about = record.data.get("interaction") or record.data.get("callback") or {}
    return CallData(
        tenant=tenant,
        conn_id=conn_id,
        session_id=record.id,
        kind=record.kind,
        route_point=record.route_point,
        ani=record.ani,
        dnis=record.dnis or str(about.get("number", "")),
        states=active_states(record),
        user_data=about.get("udata", {}),
    )


def _no_session() -> HttpError:
    return HttpError(404, "no_session", "there is no such session")


def _text(request: HttpRequest) -> str:
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise HttpError(400, "not_utf8", "the body is not UTF-8 text") from None


def _parameters(request: HttpRequest) -> dict[str, Json]:
    """Query and body (a form or a JSON object) as one dictionary."""
    found: dict[str, Json] = {name: value for name, value in request.query.items() if name != "tenant"}
    if not request.body:
        return found
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM:
        return found | dict(parse_qsl(_text(request), keep_blank_values=True))
    return found | request.decode(dict[str, Any])


def _ideal_time(value: Json, now: float) -> float:
    """Milliseconds since the epoch, as the original has it, in seconds."""
    try:
        return float(value) / 1000 if value is not None else now
    except (TypeError, ValueError):
        raise HttpError(400, "bad_idealtime", "'idealtime' is milliseconds since the epoch") from None
