"""A web hook for tests: takes signed notices, and refuses what is not signed as it must be."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import msgspec
from aiohttp import web

_SIGNATURE = re.compile(r"t=(\d{9,11}),v1=([0-9a-f]{64})").fullmatch


class HookForTests:
    """One address; `statuses` answer the next requests, one each, before 204."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.taken: list[dict[str, Any]] = []
        self.seen: list[str] = []
        self.statuses: list[int] = []
        self.violations: list[str] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        """Go away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        form = _SIGNATURE(request.headers.get("X-Ringback-Signature", ""))
        if form is None or not hmac.compare_digest(self._signature(form[1], body), form[2]):
            self.violations.append("the signature is wrong")
            return web.Response(status=401)
        notice = msgspec.json.decode(body)
        self.seen.append(notice["id"])
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        self.taken.append(notice)
        return web.Response(status=204)

    def _signature(self, time: str, body: bytes) -> str:
        return hmac.new(self.secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
