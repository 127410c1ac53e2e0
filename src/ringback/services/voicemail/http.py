"""The HTTP interface of voicemail, base `/fs`.

Media greets and deposits with the cluster secret. The user API takes the mailbox and its PIN (HTTP Basic).
The admin API takes a supervisor's bearer token. With that token, or with the cluster secret, the user API is
open too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ringback.domain.configuration import Mailbox
from ringback.runtime.http import HttpRequest, HttpResponse, HttpServer
from ringback.services.voicemail.access import Access
from ringback.services.voicemail.mailboxes import Mailboxes, unauthorised

_MAILBOX = "/fs/mailboxes/{tenant}/{mailbox}"
_ADMIN = "/fs/admin/mailboxes/{tenant}"
UserHandler = Callable[[HttpRequest, str, Mailbox], Awaitable[object]]


class VoicemailHttp:
    """Routes and their handlers."""

    def __init__(self, mailboxes: Mailboxes, access: Access) -> None:
        self._mailboxes = mailboxes
        self._access = access

    def add_routes(self, server: HttpServer, max_bytes: int) -> None:
        """Serve the media, user and admin interfaces."""
        media, web = "voice-18", "voice-19"
        server.route("GET", f"{_MAILBOX}/greeting", self._greeting, connection=media)
        server.route("POST", f"{_MAILBOX}/messages", self._deposit, connection=media, max_bytes=max_bytes)
        users: tuple[tuple[str, str, UserHandler], ...] = (
            ("GET", "", self._view),
            ("GET", "/messages", self._messages),
            ("GET", "/messages/{id}/audio", self._audio),
            ("POST", "/messages/{id}/read", self._read),
            ("DELETE", "/messages/{id}/read", self._unread),
            ("DELETE", "/messages/{id}", self._delete),
        )
        for method, path, handler in users:
            server.route(method, _MAILBOX + path, self._as_user(handler), public=True, connection=web)
        server.route("GET", _ADMIN, self._all, public=True, connection=web)
        server.route("DELETE", _ADMIN + "/{mailbox}/lock", self._unlock, public=True, connection=web)

    async def _mailbox(self, request: HttpRequest) -> tuple[str, Mailbox]:
        tenant = request.path_param("tenant")
        return tenant, await self._mailboxes.find(tenant, request.path_param("mailbox"))

    def _as_user(self, handler: UserHandler) -> Callable[[HttpRequest], Awaitable[object]]:
        async def serve(request: HttpRequest) -> object:
            if not self._access.presented(request):
                raise unauthorised()
            tenant, mailbox = await self._mailbox(request)
            await self._access.use(request, tenant, mailbox)
            return await handler(request, tenant, mailbox)

        return serve

    async def _greeting(self, request: HttpRequest) -> object:
        return await self._mailboxes.greeting(*await self._mailbox(request))

    async def _deposit(self, request: HttpRequest) -> object:
        tenant, mailbox = await self._mailbox(request)
        message = await self._mailboxes.deposit(
            tenant,
            mailbox,
            request.body,
            from_number=request.query.get("from", "")[:64],
            conn_id=request.query.get("conn_id", "")[:64],
        )
        return HttpResponse(message, status=201)

    async def _view(self, _request: HttpRequest, tenant: str, mailbox: Mailbox) -> object:
        return await self._mailboxes.view(tenant, mailbox)

    async def _messages(self, _request: HttpRequest, tenant: str, mailbox: Mailbox) -> object:
        return await self._mailboxes.messages(tenant, mailbox)

    async def _audio(self, request: HttpRequest, tenant: str, mailbox: Mailbox) -> object:
        data = await self._mailboxes.audio(tenant, mailbox, request.path_param("id"))
        return HttpResponse(data, content_type="audio/wav")

    async def _read(self, request: HttpRequest, tenant: str, mailbox: Mailbox) -> object:
        return await self._mailboxes.mark(tenant, mailbox, request.path_param("id"), read=True)

    async def _unread(self, request: HttpRequest, tenant: str, mailbox: Mailbox) -> object:
        return await self._mailboxes.mark(tenant, mailbox, request.path_param("id"), read=False)

    async def _delete(self, request: HttpRequest, tenant: str, mailbox: Mailbox) -> object:
        await self._mailboxes.delete(tenant, mailbox, request.path_param("id"))
        return HttpResponse(status=204)

    async def _all(self, request: HttpRequest) -> object:
        tenant = request.path_param("tenant")
        await self._access.administer(request, tenant)
        return await self._mailboxes.all(tenant)

    async def _unlock(self, request: HttpRequest) -> object:
        await self._access.administer(request, request.path_param("tenant"))
        await self._mailboxes.unlock(*await self._mailbox(request))
        return HttpResponse(status=204)
