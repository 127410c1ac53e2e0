"""What VoiceXML dialogs fetch and submit: documents of the designer, and by way of it the outside."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from ringback.contracts.applications import FetchReply, FetchRequest
from ringback.runtime.http import HttpFailure
from ringback.services.orchestration.applications import ApplicationError
from ringback.services.orchestration.modules.fetching import with_query
from ringback.services.orchestration.performer import ActionFailed, Reply

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.orchestration.applications import Applications
    from ringback.services.orchestration.clients import Clients
    from ringback.services.orchestration.records import Pending, Record
    from ringback.services.orchestration.store import SessionStore

_KEPT = 64
_KEPT_BYTES = 65_536
VXML = ".vxml"


@dataclass(frozen=True, slots=True)
class _Kept:
    reply: FetchReply
    got_at: float


class Documents:
    """One for all dialogs of the node. Documents that may be kept are; what is submitted bears a key."""

    def __init__(self, ctx: Context, clients: Clients, applications: Applications) -> None:
        self._now = ctx.monotonic
        self._clients = clients
        self._applications = applications
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def fetch(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """Carry out `Fetch` of a dialog. Raises ActionFailed, HttpFailure, ConnectionError."""
        found = action.payload
        url, form = found["url"], found["form"]
        if found["method"] == "GET" and form:
            url = with_query(url, form)
        own = self._at_designer(record.tenant, url)
        if own is not None:
            return await self._own(own)
        if found["method"] == "GET":
            reply = await self._get(url, record.reference(action.number), found)
        else:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            reply = await self._ask(url, record.reference(action.number), found, headers, urlencode(form))
        return {"status": reply.status, "type": reply.content_type, "text": reply.body, "url": ""}

    def _at_designer(self, tenant: str, url: str) -> str | None:
        """The address of a tenant's own document at the designer; None: it is not there."""
        if "://" not in url:
            if "/" in url:
                raise ActionFailed("no_document")
            return self._applications.url(tenant, url.removesuffix(VXML)).removesuffix(".scxml") + VXML
        first = self._applications.url(tenant, "")
        if urlsplit(first).netloc != urlsplit(url).netloc:
            return None
        name = url.removeprefix(first.removesuffix(".scxml"))
        if name == url or "/" in name or not name.endswith(VXML):
            raise ActionFailed("no_document")
        return url

    async def _own(self, url: str) -> Reply:
        try:
            text = await self._applications.text(url)
        except ApplicationError:
            return {"status": 404, "type": "", "text": "", "url": url}
        return {"status": 200, "type": "application/voicexml+xml", "text": text, "url": url}

    async def _get(self, url: str, key: str, found: dict[str, object]) -> FetchReply:
        kept, max_age = self._kept.get(url), found["max_age_s"]
        if kept is not None:
            limit = float(str(max_age)) if max_age is not None else kept.reply.fresh_s
            if self._now() - kept.got_at < limit:
                return kept.reply
        headers = {"If-None-Match": kept.reply.etag} if kept is not None and kept.reply.etag else {}
        reply = await self._ask(url, key, found, headers)
        if reply.status == 304 and kept is not None:
            reply = kept.reply
        self._keep(url, reply)
        return reply

    async def _ask(
        self, url: str, key: str, found: dict[str, object], headers: dict[str, str], body: str = ""
    ) -> FetchReply:
        request = FetchRequest(
            url=url,
            method=str(found["method"]),
            headers={"Idempotency-Key": key, **headers},
            body=body,
            timeout_s=float(str(found["timeout_s"])),
        )
        try:
            return await self._clients.designer.post("/fetch", request, FetchReply)
        except HttpFailure as failure:
            # The dialog has said how long it waits: no second try.
            raise ActionFailed(failure.slug) from None

    def _keep(self, url: str, reply: FetchReply) -> None:
        if reply.status != 200 or len(reply.body) > _KEPT_BYTES or not (reply.etag or reply.fresh_s):
            self._kept.pop(url, None)
            return
        self._kept[url] = _Kept(reply, self._now())
        self._kept.move_to_end(url)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
