"""A menu, hours, direct dialling and after hours, by real phones; an agent gives a call away."""

from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from ringback.contracts import telephony as t
from ringback.contracts.applications import SessionRow
from ringback.contracts.views import AgentView
from ringback.runtime.http import HttpClient
from ringback.runtime.link import LinkClient
from ringback.testing.check_inbound import QUEUE, leave_message
from ringback.testing.check_world import until
from ringback.testing.demo_tenant import CHECK, CHECK_MAILBOX, CHECK_PHONES, CHECK_WEB_PORT
from ringback.testing.phone import Call
from ringback.testing.scene import Scene

from .test_journeys import hear_each_other, ready, rings

pytestmark = pytest.mark.timeout(120)
MENU, SHUT, DIRECT, CLOSED, ASKED = "8950", "8951", "8952", "8953", "8954"
POINTS = {
    MENU: ("menu", {"menu": "scenario", "hours": "always", "say": "press-one-to-connect"}),
    SHUT: ("menu", {"menu": "scenario", "hours": "never", "mailbox": CHECK_MAILBOX}),
    DIRECT: ("direct", {"dn": CHECK_PHONES[0], "no_answer": "5"}),
    CLOSED: ("closed", {"mailbox": CHECK_MAILBOX}),
    ASKED: ("after-hours", {"mailbox": CHECK_MAILBOX}),
}
TABLES: dict[str, Any] = {
    "MENUS": {"one": {"menu": "scenario", "key": "1", "do": "route", "to": CHECK, "say": ""}},
    "BUSINESS_HOURS": {
        "always": {"zone": "UTC", "hours": "Mon-Sun 00:00-24:00"},
        "never": {"zone": "UTC", "hours": ""},
    },
}


CODE = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><form>
  <field name="code" type="digits?length=2">
    <prompt><audio src="prompt:enter-code"/></prompt>
    <noinput><reprompt/></noinput>
  </field>
  <block><submit next="check" namelist="code" method="post"/></block></form></vxml>"""
CHECKED = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><var name="choice" expr="'message'"/>
  <form><block><exit namelist="choice"/></block></form></vxml>"""


@pytest.fixture
async def points(scene: Scene) -> Scene:
    """Route points with their tables."""
    designer = HttpClient(scene.world.ctx, "designer")
    for name, rows in TABLES.items():
        await designer.request("PUT", f"/tables/demo/{name}", rows)
        await designer.post(f"/tables/demo/{name}/publish", {})
    config = LinkClient(scene.world.ctx, "tenant", "config")
    await config.start()
    await config.wait_connected()
    for dn, (script, given) in POINTS.items():
        parameters = (
            {**given, "dialog": f"http://{scene.world.host}:{CHECK_WEB_PORT}/code"} if dn == ASKED else given
        )
        point = {"type": "route_point", "id": dn, "script": script, "parameters": parameters}
        await config.call("write", {"tenant": "demo", "kind": "dns", "object": point})
    return scene


async def dial(scene: Scene, point: str) -> Call:
    """The second phone calls a route point, once the dial plan knows it."""
    await scene.second.register()

    async def look() -> Call | None:
        call = await scene.second.call(point)
        try:
            await call.wait_answered(5.0)
        except Exception:
            return None
        return call

    call = await until(look, lambda found: found is not None, 20.0)
    assert call is not None
    return call


async def test_a_key_leads_through_another_route_point_to_an_agent_who_gives_the_call_away(
    points: Scene,
) -> None:
    scene = points
    await ready(scene, scene.first, "check-1")
    call = await dial(scene, MENU)
    await call.hear_speech_or_music()

    control = HttpClient(scene.world.ctx, "orchestration", "control")

    async def asks() -> bool:
        rows = await control.get("/scxml/sessions", list[SessionRow])
        return any("asking" in row.states for row in rows)

    await until(asks, bool, 20.0)
    await call.hear_speech_or_music()
    agent = await presses_one(scene, call)
    await agent.answer()
    await hear_each_other(call, agent)
    await gives_away(scene, call, agent)


async def presses_one(scene: Scene, call: Call) -> Call:
    """Press 1 until the agent's phone rings: a key before the prompt begins is not heard."""
    for _ in range(3):
        call.send_dtmf("1")
        with suppress(TimeoutError):
            return await rings(scene.first, 5.0)
    raise AssertionError("the agent's phone does not ring")


async def gives_away(scene: Scene, call: Call, agent: Call) -> None:
    """A single step from the agent's phone to a third one."""
    world = scene.world
    view = await HttpClient(world.ctx, "agent_state").get("/agents/demo/check-1", AgentView)
    third = world.phone(CHECK_PHONES[2])
    async with third:
        await third.register()
        frontend = HttpClient(world.ctx, "frontend")
        request = t.RequestSingleStepTransfer(
            tenant="demo", conn_id=view.conn_id, this_dn=CHECK_PHONES[0], other_dn=CHECK_PHONES[2]
        )
        await frontend.post("/requests", request, t.RequestReply)
        taken = await rings(third)
        await taken.answer()
        await agent.wait_ended()
        await hear_each_other(call, taken)
        await call.hangup()
        await taken.wait_ended()


async def test_outside_the_hours_and_after_hours_a_message_is_taken(points: Scene) -> None:
    for point in (SHUT, CLOSED):
        before = len(await points.world.messages(CHECK_MAILBOX))
        call = await dial(points, point)
        await leave_message(call)
        await until(lambda: points.world.messages(CHECK_MAILBOX), lambda now, n=before: len(now) > n, 20.0)


async def test_an_agent_is_dialled_directly(points: Scene) -> None:
    await points.first.register()
    await points.second.register()
    call = await points.second.call(DIRECT)
    agent = await rings(points.first)
    await agent.answer()
    await call.wait_answered()
    await hear_each_other(call, agent)
    await agent.hangup()
    await call.wait_ended()
    await points.world.waiting(QUEUE, 0)


async def test_keys_of_a_dialog_in_voicexml_reach_its_server_and_the_answer_the_application(
    points: Scene,
) -> None:
    """RFC 4733 to media, the digits to the dialog, a submit to the outside, the result to the chart."""
    submitted: list[str] = []

    async def code(_request: web.Request) -> web.Response:
        return web.Response(text=CODE, content_type="application/voicexml+xml")

    async def check(request: web.Request) -> web.Response:
        submitted.append(await request.text())
        return web.Response(text=CHECKED, content_type="application/voicexml+xml")

    app = web.Application()
    app.add_routes([web.get("/code", code), web.post("/check", check)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, points.world.host, CHECK_WEB_PORT).start()
        before = len(await points.world.messages(CHECK_MAILBOX))
        call = await dial(points, ASKED)
        await call.hear_speech_or_music()
        call.send_dtmf("47")
        await until(lambda: found(submitted), bool, 20.0)
        await leave_message(call)
        await until(lambda: points.world.messages(CHECK_MAILBOX), lambda now: len(now) > before, 20.0)
    finally:
        await runner.cleanup()
    assert submitted == ["code=47"]


async def found(submitted: list[str]) -> list[str]:
    """What has come to the server."""
    return submitted
