"""VoiceXML dialogs of sessions, their documents on a server outside; nodes die in between."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ringback.contracts.telephony import RequestApplyTreatment

from .conftest import Stage
from .test_orchestration_inbound import arrive
from .test_orchestration_nodes import kill, orchestration

CHART = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:dialog="www.genesyslab.com/modules/dialog" xmlns:ixn="www.genesyslab.com/modules/interaction">
  <state id="talking">
    <onentry>
      <dialog:start src="{}"><param name="who" expr="_genesys.interaction.ani"/></dialog:start>
    </onentry>
    <transition event="dialog.start.done" target="routing"/>
    <transition event="error.dialog.start" target="failed"/>
  </state>
  <state id="routing">
    <onentry><ixn:redirect toexpr="_event.data.result.to"/></onentry>
    <transition event="interaction" target="over"/>
  </state>
  <state id="failed">
    <onentry><ixn:redirect toexpr="_event.data.reason"/></onentry>
    <transition event="interaction" target="over"/>
  </state>
  <final id="over"/>
</scxml>"""
FIRST = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><form>
  <field name="score" type="digits?length=1"><prompt><audio src="prompt:welcome"/></prompt></field>
  <block><submit next="next" namelist="score session.parameters.who" method="post"/></block></form></vxml>"""
SECOND = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><var name="to" expr="'1'"/><form>
  <field name="more" type="digits?length=2"><prompt><audio src="prompt:enter-code"/></prompt>
    <filled><assign name="to" expr="to + more"/><exit namelist="to"/></filled></field></form></vxml>"""


class Outside:
    """Serves the documents; the answer to a submit waits for `go`."""

    def __init__(self) -> None:
        self.submits: list[tuple[str, str]] = []
        self.conditional: list[str] = []
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()

    async def first(self, request: web.Request) -> web.Response:
        tag = request.headers.get("If-None-Match", "")
        self.conditional.append(tag)
        if tag == '"one"':
            return web.Response(status=304, headers={"ETag": '"one"'})
        return web.Response(text=FIRST, content_type="application/voicexml+xml", headers={"ETag": '"one"'})

    async def next(self, request: web.Request) -> web.Response:
        self.submits.append((request.headers["Idempotency-Key"], await request.text()))
        self.arrived.set()
        await self.go.wait()
        return web.Response(text=SECOND, content_type="application/voicexml+xml")


@pytest.fixture
async def outside(stage: Stage) -> AsyncIterator[Outside]:
    """The server, and the route point 8001 with a chart that begins its dialog."""
    served, app = Outside(), web.Application()
    app.add_routes([web.get("/first", served.first), web.post("/next", served.next)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    host = stage.harness.process.common.host
    await web.TCPSite(runner, host, stage.OUTSIDE_PORT).start()
    await use(stage, f"http://{host}:{stage.OUTSIDE_PORT}/first")
    yield served
    served.go.set()
    await runner.cleanup()


async def use(stage: Stage, source: str) -> None:
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", CHART.format(source).encode())


async def asked(stage: Stage) -> RequestApplyTreatment:
    collect = await stage.calls.next()
    assert isinstance(collect, RequestApplyTreatment) and not collect.then_music
    return collect


async def pressed(stage: Stage, collect: RequestApplyTreatment, digits: str) -> None:
    common = {"reference_id": collect.reference_id, "treatment_type": collect.treatment_type}
    await stage.calls.tell("EventTreatmentEnd", reason="finished", digits=digits, **common)


async def test_a_dialog_goes_on_at_another_node_and_a_submit_that_is_repeated_has_one_key(
    stage: Stage, outside: Outside
) -> None:
    await arrive(stage, "8001")
    collect = await asked(stage)
    assert (collect.prompts, collect.max_digits, collect.interdigit_timeout) == (["welcome"], 1, 3.0)
    second = await stage.other_node("two")
    try:
        await pressed(stage, collect, "4")
        await asyncio.wait_for(outside.arrived.wait(), 10.0)
        outside.arrived.clear()
        await kill(orchestration(stage.harness))
        await asyncio.wait_for(outside.arrived.wait(), 10.0)
        outside.go.set()
        more = await asked(stage)
        assert more.prompts == ["enter-code"] and more.reference_id != collect.reference_id
        await pressed(stage, more, "42")
        assert (await stage.calls.next()).other_dn == "142"
    finally:
        await second.__aexit__(None, None, None)
    (key, form), again = outside.submits
    assert again == (key, form)
    assert "score=4" in form and "%2B14155550100" in form


async def test_documents_are_asked_for_again_by_their_entity_tag(stage: Stage, outside: Outside) -> None:
    for uuid in ("U1", "U2"):
        await stage.calls.tell("EventRouteRequest", this_dn="8001", conn_id=uuid, call_uuid=uuid)
        await asked(stage)
    assert outside.conditional == ["", '"one"']


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("http://elsewhere.example/x", "error.badfetch"),
        ("nosuch", "error.badfetch.http.404"),
        ("../tables/demo/MENUS", "error.badfetch"),
    ],
)
async def test_what_may_not_be_reached_or_is_not_there_ends_the_dialog(
    stage: Stage, source: str, reason: str
) -> None:
    await use(stage, source)
    await arrive(stage, "8001")
    assert (await stage.calls.next()).other_dn == reason
