"""What SCXML itself asks of the outside: documents of `<invoke>`, and events by HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.applications import FetchReply, FetchRequest
from ringback.runtime.http import HttpFailure
from ringback.scxml import Fetch, HttpPost
from ringback.services.orchestration.applications import ApplicationError

if TYPE_CHECKING:
    from ringback.services.orchestration.node import Node


async def document(node: Node, session: str, fetch: Fetch) -> str | None:
    """The document of an `<invoke>`, from the designer only; None if it cannot be had."""
    try:
        return await node.applications.text(fetch.url)
    except (ApplicationError, ConnectionError, HttpFailure) as error:
        node.log.warning("invoke_failed", session=session, error=str(error))
        return None


async def sent(node: Node, post: HttpPost) -> bool:
    """Whether an event has arrived by HTTP. It goes out through the designer, like every request."""
    headers = {"Content-Type": post.content_type}
    request = FetchRequest(url=post.url, method="POST", headers=headers, body=post.body)
    try:
        reply = await node.clients.designer.post("/fetch", request, FetchReply)
    except (HttpFailure, ConnectionError):
        return False
    return reply.status < 400
