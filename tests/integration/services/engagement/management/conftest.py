"""Users of the management API, each with a token."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringback.contracts.auth import UserInfo
from ringback.contracts.telephony import AgentRequest, RequestAgentLogout
from ringback.contracts.views import AgentView
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.testing.schema import faults

from ..chromium import Tab, chromium


class Document:
    """The served document; answers are held against it."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self.whole = whole
        self.asked: set[tuple[str, str]] = set()

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """The operation of a path; literal ones come before those with parameters."""
        for template in sorted(self.whole["paths"], key=lambda each: (each.count("{"), -len(each))):
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            found = self.whole["paths"][template].get(method.lower())
            if found and re.fullmatch(pattern, "/" + path.partition("?")[0]):
                return template, found
        raise AssertionError(f"{method} {path} is not in the document")

    def check(self, method: str, path: str, status: int, data: bytes) -> None:
        """The answer is one that the document names."""
        template, operation = self.operation(method, path)
        self.asked.add((method, template))
        assert str(status) in operation["responses"], (method, path, status, data)
        [(media, content)] = operation["responses"][str(status)]["content"].items()
        if media == "application/json":
            found = list(faults(msgspec.json.decode(data), content["schema"], self.whole))
            assert found == [], (method, path, data)


class User:
    """Somebody with a token, in a browser or a program. Every answer is held against the document."""

    def __init__(self, world: Any, token: str, document: Document) -> None:
        self.world = world
        self.token = token
        self.document = document

    async def raw(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        data = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        url = f"{self.world.base}/api/v1/{path}"
        async with self.world.context.http_session().request(method, url, data=data, headers=sent) as reply:
            status, found = reply.status, await reply.read()
        self.document.check(method, path, status, found)
        return status, found

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        status, data = await self.raw(method, path, body, **headers)
        return status, msgspec.json.decode(data)

    async def get(self, path: str) -> Any:
        status, found = await self.ask("GET", path)
        assert status == 200, found
        return found

    async def post(self, path: str, body: object = None) -> Any:
        status, found = await self.ask("POST", path, {} if body is None else body)
        assert status == 200, found
        return found


class Office:
    """Makes users."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self._document: Document | None = None

    async def document(self) -> Document:
        """What is served to everybody."""
        if self._document is None:
            url = f"{self.world.base}/api/v1/openapi.json"
            async with self.world.context.http_session().get(url) as reply:
                assert reply.status == 200
                self._document = Document(await reply.json())
        return self._document

    async def user(self, name: str, *roles: str, only: Iterable[str] | None = None) -> User:
        """A user with roles; `only`: limited to these queues."""
        scopes = {} if only is None else {role: list(only) for role in roles}
        body = {"tenant": "demo", "user": name, "roles": roles, "scopes": scopes}
        configuration = HttpClient(self.world.context, "auth", "configuration")
        await configuration.post("/configuration/v3/users", body)
        # As for a password, without the time that a password takes.
        tokens = self.world.auth["auth"]._tokens
        token = tokens.issue(UserInfo(sub=name, tenant="demo"), self.world.auth.process.now(), 3600)
        return User(self.world, token, await self.document())


class Agents:
    """agent_state with two agents: ann talks, and bob, who is logged out, can be asked for nothing."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.views = {
            "ann": AgentView(
                tenant="demo",
                agent_id="ann",
                state="talking",
                since=100.0,
                dn="1001",
                groups=("Sales",),
            ),
            "bob": AgentView(tenant="demo", agent_id="bob", state="logged_out", since=100.0),
        }

    def serve(self, server: HttpServer) -> None:
        server.route("GET", "/agents/demo", self._list)
        server.route("GET", "/agents/demo/{agent}", self._one)
        server.route("POST", "/requests", self._perform)

    async def _list(self, _request: HttpRequest) -> list[AgentView]:
        return list(self.views.values())

    async def _one(self, request: HttpRequest) -> AgentView:
        if request.path_param("agent") not in self.views:
            raise HttpError(404, "unknown_agent", "no such agent has ever logged in")
        return self.views[request.path_param("agent")]

    async def _perform(self, request: HttpRequest) -> HttpResponse:
        wanted: Any = request.decode(AgentRequest)  # type: ignore[arg-type]
        if wanted.agent_id == "bob":
            raise HttpError(409, "wrong_state", "bob is logged out")
        self.asked.append(wanted)
        if isinstance(wanted, RequestAgentLogout):
            self.views["ann"] = msgspec.structs.replace(self.views["ann"], state="logged_out")
        return HttpResponse({}, status=202)


@pytest.fixture
def engagement_env() -> dict[str, str]:
    """What a user may do is asked for at every request, and guesses are answered at once."""
    return {"RINGBACK_ENGAGEMENT_ACCESS_CACHE_S": "0", "RINGBACK_ENGAGEMENT_FLOOD_TOLERANCE": "0"}


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    """A browser, in which no script fails."""
    async with chromium(tmp_path / "profile") as tab:
        yield tab
        assert tab.faults == []


@pytest.fixture
def office(world: Any) -> Office:
    return Office(world)


@pytest.fixture
async def agents(world: Any) -> AsyncIterator[Agents]:
    played = Agents()
    server = HttpServer(Context(world.harness.process, "agent_state"))
    played.serve(server)
    await server.start()
    yield played
    await server.stop()
