"""Requests to the outside under the name of older charts: `get` and `post`, as `<session:fetch>` does them.

Events: `ws.get.done`, `ws.post.done` (`status`, `type`, `content`), `error.ws.get`, `error.ws.post`.
"""

from __future__ import annotations

from ringback.scxml import ActionHandler
from ringback.services.orchestration.modules.reading import VENDOR
from ringback.services.orchestration.modules.session import request

NAMESPACE = f"{VENDOR}/ws"
ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "get"): request("GET"),
    (NAMESPACE, "post"): request("POST"),
}
