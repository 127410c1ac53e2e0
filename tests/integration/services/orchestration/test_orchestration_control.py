"""The control listener, as engagement and people use it."""

import asyncio

import pytest

from ringback.runtime.http import HttpFailure

from .conftest import Stage

APP = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:session="www.genesyslab.com/modules/session"
  version="1.0" datamodel="ecmascript">
  <datamodel><data id="greeting" expr="'none'"/><data id="heard" expr="[]"/></datamodel>
  <state id="a">
    <transition event="note"><script>heard.push(_event.data.word)</script></transition>
    <transition event="ask">
      <session:response requestid="_event.data.requestid" dataexpr="{greeting: greeting, heard: heard}"/>
    </transition>
    <transition event="HTTP.POST"><script>heard.push(_event.data)</script></transition>
    <transition event="out"><session:fetch srcexpr="_event.data.url"/></transition>
    <transition event="session.fetch.done"><script>heard.push(_event.data.content)</script></transition>
    <transition event="error.session.fetch"><script>heard.push(_event.data.reason)</script></transition>
    <transition event="post"><send type="basichttp" target="http://nowhere.example/"
    event="hi"/></transition> <transition
    event="error.communication"><script>heard.push('lost')</script></transition>
  </state>
</scxml>"""


MISSING = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml"
  xmlns:session="www.genesyslab.com/modules/session"
  xmlns:dialog="www.genesyslab.com/modules/dialog" xmlns:resource="www.genesyslab.com/modules/resource"
  version="1.0" datamodel="ecmascript">
  <datamodel><data id="heard" expr="[]"/><data id="request"/></datamodel>
  <state id="a">
    <onentry>
      <dialog:remote destination="8000"/><dialog:deleteann/><dialog:pause/>
      <resource:setstate requestid="request"/>
    </onentry>
    <transition event="error"><script>heard.push(_event.name + ' ' + _event.data.reason);
      if (_event.data.requestid === request) heard.push('mine')</script></transition>
    <transition event="ask">
      <session:response requestid="_event.data.requestid" dataexpr="{heard: heard}"/>
    </transition>
  </state>
</scxml>"""


async def start(stage: Stage, app: bytes = APP) -> str:
    await stage.designer.request("PUT", "/apps/demo/own.scxml", app)
    source = f"{stage.ctx.url('designer')}/apps/demo/own.scxml"
    return (await stage.control.post("/scxml/session/start", {"src": source, "greeting": "hello"}))["session"]


async def heard(stage: Stage, sid: str) -> dict:
    return await stage.control.get(f"/scxml/session/{sid}/request/ask")


async def test_a_session_is_started_told_asked_and_ended(stage: Stage) -> None:
    sid = await start(stage)
    await stage.control.get(f"/scxml/session/{sid}/event/note?word=one")
    await stage.control.post(f"/scxml/session/{sid}/event/note", {"word": "two"})
    assert await heard(stage, sid) == {"greeting": "hello", "heard": ["one", "two"]}
    assert (await stage.control.get(f"/scxml/session/{sid}/query"))["states"] == ["a"]
    await stage.control.post(f"/scxml/session/{sid}/terminate", {})
    await stage.until(lambda: stage.over(sid))
    with pytest.raises(HttpFailure) as caught:
        await stage.control.get(f"/scxml/session/{sid}/query")
    assert caught.value.status == 404


async def test_http_events_reach_the_session(stage: Stage) -> None:
    sid = await start(stage)
    await stage.control.request(
        "POST", f"/scxml/basichttp/{sid}", b"word", headers={"Content-Type": "text/plain"}
    )
    assert (await heard(stage, sid))["heard"] == ["word"]


async def test_what_may_not_be_reached_is_an_error_event(stage: Stage) -> None:
    sid = await start(stage)
    await stage.control.post(f"/scxml/session/{sid}/event/out", {"url": "http://nowhere.example/"})
    await stage.control.post(f"/scxml/session/{sid}/event/post", {})
    async with asyncio.timeout(20):
        while len((await heard(stage, sid))["heard"]) < 2:
            await asyncio.sleep(0.05)
    assert sorted((await heard(stage, sid))["heard"]) == ["lost", "not_allowed"]


async def test_what_the_original_has_and_we_have_not_is_an_error_event(stage: Stage) -> None:
    sid = await start(stage, MISSING)
    dialog = [f"dialog.{name}" for name in ("remote", "deleteann", "pause")]
    wanted = [f"error.{name} unsupported" for name in [*dialog, "resource.setstate"]]
    async with asyncio.timeout(20):
        while (found := (await heard(stage, sid))["heard"]) != [*wanted, "mine"]:
            assert found == wanted[: len(found)]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"src": "http://evil.example/a.scxml"}, 403),
        ({"src": 1}, 400),
        (b"not json", 400),
        (b"[1]", 400),
    ],
)
async def test_a_bad_start_is_refused(stage: Stage, body: object, status: int) -> None:
    with pytest.raises(HttpFailure) as caught:
        await stage.control.post("/scxml/session/start", body)
    assert caught.value.status == status


async def test_nobody_home_is_said(stage: Stage) -> None:
    for path in ("event/x", "terminate", "request/x"):
        with pytest.raises(HttpFailure) as caught:
            await stage.control.post(f"/scxml/session/none/{path}", {})
        assert caught.value.status == 404
    assert b"/scxml/session/start" in (await stage.control.request("GET", "/ors/help")).body


async def test_metrics_have_the_names_that_dashboards_know(stage: Stage) -> None:
    sid = await start(stage)
    await heard(stage, sid)
    text = (await stage.data.request("GET", "/metrics")).body.decode()
    for name in (
        "orsnode_callevents",
        "orsnode_total_interactions",
        "orsnode_rq_state 1.0",
        "orsnode_ha_writes",
        "orsnode_strategies 1.0",
        "orsnode_pending_sessions 0.0",
        "orsnode_create_session_time_seconds_count 1.0",
        'orsnode_action_time_seconds_count{element="response",module="session"} 1.0',
        "orsnode_document_processing_time_seconds_count",
        "orsnode_scxml_event_queuing_time_seconds_count",
        "orsnode_state_time_seconds_count",
    ):
        assert name in text
