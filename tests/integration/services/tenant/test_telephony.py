"""The telephony link on real parts: who gets in, what is heard, what hostile sessions cannot do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from tests.integration.services.started import configured

from ringback.contracts.auth import LinkRequest, TokenReply, UserRequest
from ringback.contracts.events import CallEvent, calls_stream
from ringback.domain.configuration import Configuration, Extension, Person, Tenant
from ringback.runtime.http import HttpClient
from ringback.runtime.link import LinkClient, LinkError
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import append
from ringback.services.tenant import telephony, telephony_desk
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.services.tenant.service import TenantService
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(36)
DEMO = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    dns=(Extension(id="1001"), Extension(id="1002"), Extension(id="1003")),
    persons=(Person(id="kim", dn="1001"), Person(id="lee", dn="1002")),
)


class Desktop:
    """A raw client: lines out, lines in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.events: list[dict[str, Any]] = []
        self._number = 0

    async def call(self, method: str, **params: Any) -> Any:
        """The result; LinkError when it is refused. Events that come before it are kept."""
        self._number += 1
        line = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self.writer.write(msgspec.json.encode(line) + b"\n")
        while True:
            frame = await self._read()
            if frame.get("id") == self._number:
                if "error" in frame:
                    raise LinkError(frame["error"]["code"], frame["error"]["message"])
                return frame["result"]
            self.events.append(frame["params"])

    async def until(self, name: str) -> dict[str, Any]:
        while not any(event["id"] == name for event in self.events):
            self.events.append((await self._read())["params"])
        found = next(event for event in self.events if event["id"] == name)
        self.events.remove(found)
        return found

    async def _read(self) -> Any:
        async with asyncio.timeout(20):
            return msgspec.json.decode(await self.reader.readline())


class Floor:
    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.ctx = harness.context()
        self.opened: list[asyncio.StreamWriter] = []

    @property
    def link(self) -> telephony.TelephonyLink:
        service = self.harness["tenant"]
        assert isinstance(service, TenantService)
        return service._telephony

    async def desktop(self) -> Desktop:
        reader, writer = await asyncio.open_connection(*self.ctx.address("tenant", "telephony"))
        self.opened.append(writer)
        return Desktop(reader, writer)

    async def user(self, name: str, *roles: Any) -> Desktop:
        """A desktop of a user who has registered as a client."""
        users, auth = HttpClient(self.ctx, "auth", "configuration"), HttpClient(self.ctx, "auth")
        await users.post("/configuration/v3/users", UserRequest(tenant="demo", user=name, roles=roles))
        token = await auth.post("/auth/v3/links", LinkRequest(tenant="demo", user=name), TokenReply)
        desktop = await self.desktop()
        await desktop.call("RequestRegisterClient", token=token.access_token)
        return desktop

    async def call(self, name: str, dn: str, conn_id: str = "00aa") -> None:
        event = CallEvent(id=name, time=1.0, tenant="demo", conn_id=conn_id, this_dn=dn)
        await append(self.ctx.valkey, calls_stream("demo"), event)


@pytest.fixture
async def floor(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Floor]:
    await migrate(postgres_dsn, ["tenant", "auth"])
    services = ("config", "rq", "auth", "agent_state", "frontend", "tenant")
    async with ServiceHarness(
        *services, valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST
    ) as running:
        await ConfigurationStore(running.context("tenant"), "demo").import_(DEMO)
        await configured(running["config"])
        floor = Floor(running)
        yield floor
        for writer in floor.opened:
            writer.close()


async def test_an_agents_desktop_from_login_to_logout(floor: Floor) -> None:
    kim = await floor.user("kim")
    me = {"Tenant": "demo", "AgentID": "kim"}
    registered = await kim.call("RequestRegisterAddress", Tenant="demo", ThisDN="1001")
    assert (registered["id"], registered.get("AgentID", "")) == ("EventRegistered", "")
    await kim.call("RequestAgentLogin", **me, ThisDN="1001", AgentWorkMode="AutoIn")
    assert (await kim.until("EventAgentReady"))["AgentID"] == "kim"
    await kim.call("RequestAgentNotReady", **me, ReasonCode="lunch")
    assert (await kim.until("EventAgentNotReady"))["ReasonCode"] == "lunch"
    await kim.call("RequestSetDNDOn", Tenant="demo", ThisDN="1001")
    await kim.until("EventDNDOn")
    await kim.call("RequestCallForwardSet", Tenant="demo", ThisDN="1001", OtherDN="1002")
    await kim.until("EventForwardSet")
    view = await kim.call("RequestQueryAddress", Tenant="demo", ThisDN="1001")
    assert view["Extensions"]["ForwardTo"] == "1002"
    assert (view["Status"], view["ReasonCode"], view["Extensions"]["DND"]) == (
        "NotReadyForNextCall",
        "lunch",
        1,
    )

    await floor.call("EventRinging", "1002")
    await floor.call("EventRinging", "1001")
    assert (await kim.until("EventRinging"))["ThisDN"] == "1001"
    with pytest.raises(LinkError, match="unknown_call"):  # the call is kim's to ask for; there is none
        await kim.call("RequestHoldCall", Tenant="demo", ConnID="00aa", ThisDN="1001")
    for method, more in (("RequestHoldCall", {"ThisDN": "1001"}), ("RequestQueryCall", {})):
        with pytest.raises(LinkError, match="has not been at"):
            await kim.call(method, Tenant="demo", ConnID="00bb", **more)
    legs = {"a": {"dn": "", "state": "up"}, "b": {"dn": "1001", "state": "ringing"}, "c": {"state": "ended"}}
    await floor.ctx.valkey.call("SET", "{demo}:call:00aa", msgspec.json.encode({"call": {"legs": legs}}))
    info = await kim.call("RequestQueryCall", Tenant="demo", ConnID="00aa")
    assert [(each["ThisDN"], each["State"]) for each in info["Parties"]] == [("", "up"), ("1001", "ringing")]
    with pytest.raises(LinkError, match="another agent"):
        await kim.call("RequestAgentReady", Tenant="demo", AgentID="lee")
    for method in ("RequestRegisterAddress", "RequestQueryAddress"):
        with pytest.raises(LinkError, match="not the agent's device"):
            await kim.call(method, Tenant="demo", ThisDN="1002")
    with pytest.raises(LinkError, match="register the agent's device"):
        await kim.call("subscribe", tenant="demo")
    await kim.call("RequestUnregisterAddress", Tenant="demo", ThisDN="1001")
    await floor.call("EventReleased", "1001")
    await kim.call("RequestAgentLogout", **me)
    await kim.call("RequestRegisterClient")
    assert not {"EventReleased", "EventAgentLogout"} & {event["id"] for event in kim.events}


async def test_who_leaves_a_desk_hears_no_more_of_it(floor: Floor) -> None:
    kim, lee = await floor.user("kim"), await floor.user("lee")
    await kim.call("RequestAgentLogin", Tenant="demo", AgentID="kim", ThisDN="1003")
    await kim.call("RequestRegisterAddress", Tenant="demo", ThisDN="1003")
    await kim.call("RequestAgentLogout", Tenant="demo", AgentID="kim")
    await lee.call("RequestAgentLogin", Tenant="demo", AgentID="lee", ThisDN="1003")
    await lee.call("RequestRegisterAddress", Tenant="demo", ThisDN="1003")
    await lee.call("RequestAgentReady", Tenant="demo", AgentID="lee")
    await lee.until("EventAgentReady")
    await floor.call("EventRinging", "1003")
    await lee.until("EventRinging")
    await kim.call("RequestRegisterClient")
    assert "EventRinging" not in [event["id"] for event in kim.events]


async def test_roles_say_who_hears_and_who_asks_for_everybody(floor: Floor) -> None:
    monitor, supervisor = await floor.user("mo", "Monitor"), await floor.user("sue", "Supervisor")
    await monitor.call("subscribe", tenant="demo")
    with pytest.raises(LinkError, match="may not"):
        await monitor.call("RequestAgentLogin", Tenant="demo", AgentID="kim", ThisDN="1001")
    await supervisor.call("RequestAgentLogin", Tenant="demo", AgentID="kim", ThisDN="1001")
    assert (await monitor.until("EventAgentLogin"))["AgentID"] == "kim"
    kim = await floor.user("kim")
    asked = {"tenant": "demo", "interaction_id": "none"}
    assert (await monitor.call("RequestInteractionStatus", **asked))["state"] == "unknown"
    with pytest.raises(LinkError, match="may not"):
        await kim.call("RequestInteractionStatus", **asked)
    for desktop in (monitor, supervisor):
        with pytest.raises(LinkError, match="no tenant"):
            await desktop.call("subscribe", tenant="other")
        with pytest.raises(LinkError, match="may not"):
            await desktop.call("RequestInteractionStatus", **{**asked, "tenant": "other"})
    with pytest.raises(LinkError, match="no such device"):
        await supervisor.call("RequestRegisterAddress", Tenant="demo", ThisDN="4711")


async def test_who_is_no_longer_who_they_were_is_sent_home(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telephony, "_RIGHTS_S", 0.1)
    sue = await floor.user("sue", "Supervisor")
    await sue.call("subscribe", tenant="demo")
    users = HttpClient(floor.ctx, "auth", "configuration")
    await users.post("/configuration/v3/users", UserRequest(tenant="demo", user="sue", roles=("Developer",)))
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            assert await sue.reader.read() == b""


async def test_nobody_gets_in_without_a_token_or_the_secret(floor: Floor) -> None:
    stranger = await floor.desktop()
    for method in ("subscribe", "RequestAgentLogin", "RequestRegisterAddress"):
        with pytest.raises(LinkError, match="say hello"):
            await stranger.call(method, tenant="demo")
    for token in ("", "guessed", "x" * 5000, "a\nb", 7, None):
        with pytest.raises(LinkError, match="token"):
            await stranger.call("RequestRegisterClient", token=token)
    await stranger.call("hello", secret="guessed")
    with pytest.raises(LinkError, match="say hello"):
        await stranger.call("subscribe", tenant="demo")
    with pytest.raises(LinkError, match="no role"):
        await floor.user("nobody")


async def test_hostile_sessions_end_and_the_others_go_on(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent, deaf, endless lines, too fast: each is stopped, a good session hears everything meanwhile."""
    monkeypatch.setattr(telephony, "_SLOW", 200_000)
    good = LinkClient(floor.ctx, "tenant", "telephony", connection="voice-4")
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    good.on("event", heard.put)
    await good.start()
    await good.call("subscribe", {"tenant": "demo", "dns": ["1001"]})

    deaf, silent = await floor.user("mo", "Monitor"), await floor.desktop()
    await deaf.call("subscribe", tenant="demo")
    monkeypatch.setattr(telephony, "_SILENT_S", 0.1)
    deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
    endless = await floor.desktop()
    endless.writer.write(b"x" * 1_000_000)
    big = {"more": "x" * 50_000}
    event = CallEvent(id="EventAttachedDataChanged", time=1.0, tenant="demo", conn_id="00aa", this_dn="1002")
    for _ in range(400):
        await append(floor.ctx.valkey, calls_stream("demo"), msgspec.structs.replace(event, user_data=big))
    await floor.call("EventRinging", "1001")
    async with asyncio.timeout(30):
        assert (await heard.get())["id"] == "EventRinging"
        assert await silent.reader.read() == b""
        with suppress(ConnectionError):
            await endless.reader.read()
        while len(floor.link.server.sessions) > 1:
            await asyncio.sleep(0.01)
    assert floor.link.cut_off.labels("slow")._value.get() == 1
    assert floor.link.cut_off.labels("silent")._value.get() >= 1

    monkeypatch.setattr(telephony, "_SILENT_S", 10.0)
    monkeypatch.setattr(telephony_desk, "PER_SECOND", 0.0)
    fast = await floor.user("kim")
    refused = 0
    for _ in range(150):
        try:
            await fast.call("RequestQueryAddress", Tenant="demo", ThisDN="1001")
        except LinkError as error:
            refused += error.code == telephony.TOO_MANY
    assert refused > 0
