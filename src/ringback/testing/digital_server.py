"""The digital channels for tests: takes messages for customers, and says what became of them."""

from __future__ import annotations

import itertools

import msgspec
from aiohttp import web


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an application wants a customer to read."""

    channel: str
    to: str
    text: str


class DigitalForTests:
    """`POST /messages` answers 202 and an id, `GET /messages/{id}` the message and its status."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.asked: list[str] = []
        """Ids whose status was asked for."""
        self.violations: list[str] = []
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0: on a free one."""
        app = web.Application()
        app.router.add_post("/messages", self._take)
        app.router.add_get("/messages/{id}", self._tell)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Go away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        try:
            message = msgspec.json.decode(await request.read(), type=Message)
        except msgspec.MsgspecError as error:
            self.violations.append(str(error))
            return web.json_response({"error": "this is no message"}, status=400)
        id_ = f"message-{next(self._numbers)}"
        self.messages[id_] = message
        return web.json_response({"id": id_}, status=202)

    async def _tell(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if id_ not in self.messages:
            self.violations.append("a message that was never given")
            return web.json_response({"error": "there is no such message"}, status=404)
        self.asked.append(id_)
        return web.json_response({"id": id_, "status": "delivered", "channel": self.messages[id_].channel})
