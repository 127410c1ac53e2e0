"""What others may ask about live calls."""

from ringback.contracts.views import CallView
from ringback.runtime.context import Context
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.services.call_state.settings import CallStateSettings
from ringback.services.call_state.store import RecordStore


class CallStateHttp:
    """`GET /calls/{tenant}`, `GET /calls/{tenant}/{conn_id}`, `GET /threads/{tenant}/{thread_id}`."""

    def __init__(self, ctx: Context, settings: CallStateSettings, store: RecordStore) -> None:
        self._settings = settings
        self._store = store
        self.server = HttpServer(ctx)
        self.server.route("GET", "/calls/{tenant}", self._calls)
        self.server.route("GET", "/calls/{tenant}/{conn_id}", self._call)
        self.server.route("GET", "/threads/{tenant}/{thread_id}", self._thread)

    async def _calls(self, request: HttpRequest) -> HttpResponse:
        views = await self._store.live(request.path_param("tenant"), self._settings.list_limit)
        return HttpResponse(views)

    async def _call(self, request: HttpRequest) -> CallView:
        record = await self._store.record(request.path_param("tenant"), request.path_param("conn_id"))
        if record is None:
            raise HttpError(404, "unknown_call", "there is no such call")
        return record.view

    async def _thread(self, request: HttpRequest) -> HttpResponse:
        tenant, thread_id = request.path_param("tenant"), request.path_param("thread_id")
        return HttpResponse(await self._store.thread(tenant, thread_id))
