"""Sessions that start and end other sessions."""

import pytest

from ringback.contracts.applications import SessionRow

from .conftest import Stage

PARENT = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:session="www.genesyslab.com/modules/session"
  version="1.0" datamodel="ecmascript">
  <datamodel><data id="what" expr="'child'"/><data id="said" expr="[]"/><data id="child"/></datamodel>
  <state id="parent">
    <transition event="go">
      <session:start srcexpr="what" dataexpr="{colour: 'red'}">
        <param name="size" expr="6 * 7"/>
      </session:start>
    </transition>
    <transition event="session.start.done">
      <assign location="child" expr="_event.data.sessionid"/>
    </transition>
    <transition event="error.session"><script>said.push(_event.name, _event.data.reason)</script></transition>
    <transition event="end"><session:terminate sessionidexpr="_event.data.id || child"/></transition>
    <transition event="session.terminate.done"><script>said.push('ended')</script></transition>
    <transition event="die"><session:terminate/></transition>
    <transition event="ask">
      <session:response requestid="_event.data.requestid" dataexpr="{said: said, child: child || ''}"/>
    </transition>
  </state>
</scxml>"""
CHILD = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:session="www.genesyslab.com/modules/session"
  version="1.0" datamodel="ecmascript">
  <datamodel><data id="colour"/><data id="size"/></datamodel>
  <state id="child">
    <transition event="ask">
      <session:response requestid="_event.data.requestid" dataexpr="[colour, size]"/>
    </transition>
  </state>
</scxml>"""
AGAIN = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:session="www.genesyslab.com/modules/session"
  version="1.0" datamodel="ecmascript">
  <state id="a">
    <onentry><session:start src="again"/></onentry>
    <transition event="error.session.start" target="last"/>
  </state>
  <state id="last"/>
</scxml>"""


async def begin(stage: Stage, name: str = "parent", **data: str) -> str:
    for app, text in (("parent", PARENT), ("child", CHILD), ("again", AGAIN)):
        await stage.designer.request("PUT", f"/apps/demo/{app}.scxml", text)
    source = f"{stage.ctx.url('designer')}/apps/demo/{name}.scxml"
    return (await stage.control.post("/scxml/session/start", {"src": source, **data}))["session"]


async def tell(stage: Stage, sid: str, event: str, **data: str) -> None:
    await stage.control.post(f"/scxml/session/{sid}/event/{event}", data)


async def ask(stage: Stage, sid: str) -> dict:
    return await stage.control.get(f"/scxml/session/{sid}/request/ask")


async def child_of(stage: Stage, sid: str) -> str:
    async def look() -> str:
        return (await ask(stage, sid))["child"]

    return await stage.until(look)


async def said(stage: Stage, sid: str) -> list[str]:
    async def look() -> list[str]:
        return (await ask(stage, sid))["said"]

    return await stage.until(look)


async def test_a_session_starts_another_with_data_and_ends_it(stage: Stage) -> None:
    sid = await begin(stage)
    await tell(stage, sid, "go")
    child = await child_of(stage, sid)
    assert await ask(stage, child) == ["red", 42]
    await tell(stage, sid, "end", id="")
    assert await said(stage, sid) == ["ended"]
    await stage.until(lambda: stage.over(child))


async def test_a_session_may_end_itself(stage: Stage) -> None:
    sid = await begin(stage)
    await tell(stage, sid, "die")
    await stage.until(lambda: stage.over(sid))


@pytest.mark.parametrize(
    ("source", "event", "error"),
    [
        ("http://elsewhere.example/a.scxml", "go", ["error.session.start", "foreign_application"]),
        ("child", "end", ["error.session.terminate", "unknown_session"]),
    ],
)
async def test_what_cannot_be_done_is_an_error(
    stage: Stage, source: str, event: str, error: list[str]
) -> None:
    sid = await begin(stage, what=source)
    await tell(stage, sid, event, id="no-such")
    assert await said(stage, sid) == error


async def test_sessions_that_start_themselves_come_to_an_end(stage: Stage) -> None:
    await begin(stage, "again")

    async def look() -> list[SessionRow]:
        rows = await stage.control.get("/scxml/sessions", list[SessionRow])
        return rows if any(row.states == ["last"] for row in rows) else []

    assert len(await stage.until(look)) == 6
