"""`<session:fetch>` over real services: what the outside answers, and what it does not."""

import asyncio
from typing import Any

from aiohttp import web

from .test_orchestration_inbound import arrive

APPLICATION = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
    xmlns:ixn="www.genesyslab.com/modules/interaction" xmlns:session="www.genesyslab.com/modules/session">
  <datamodel><data id="told" expr="{{}}"/></datamodel>
  <state id="posting"><onentry>
      <session:fetch src="{base}/order" method="post" enctype="application/json"
                     headersexpr="{{'X-Key': 'k'}}">
        <session:param name="n" expr="1"/></session:fetch></onentry>
    <transition event="session.fetch.done" target="failing">
      <script>told.order = _event.data.content.getAttribute('id')</script></transition></state>
  <state id="failing"><onentry><session:fetch src="{base}/missing"/></onentry>
    <transition event="error.session.fetch" target="hanging">
      <script>told.code = _event.data.status; told.error = _event.data.error;
        told.content = _event.data.content.why</script></transition></state>
  <state id="hanging"><onentry><session:fetch src="{base}/hang" timeout="0.2"/></onentry>
    <transition event="error.session.fetch" target="over">
      <script>told.late = _event.data.error</script></transition></state>
  <final id="over"><onentry><ixn:attach dataexpr="told"/></onentry></final></scxml>"""


async def test_an_answer_a_refusal_and_silence_each_end_in_an_event(stage: Any) -> None:
    seen: list[Any] = []
    hung: asyncio.Queue[None] = asyncio.Queue()

    async def order(request: web.Request) -> web.Response:
        seen.append((request.headers["X-Key"], request.content_type, await request.json()))
        return web.Response(text='<order id="7"/>', content_type="application/xml")

    async def missing(_request: web.Request) -> web.Response:
        return web.json_response({"why": "gone"}, status=404)

    async def hang(_request: web.Request) -> web.Response:
        hung.put_nowait(None)
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.add_routes([web.post("/order", order), web.get("/missing", missing), web.get("/hang", hang)])
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, stage.outside_host, stage.OUTSIDE_PORT).start()
    try:
        text = APPLICATION.format(base=f"http://{stage.outside_host}:{stage.OUTSIDE_PORT}")
        await stage.designer.request("PUT", "/apps/demo/broken.scxml", text.encode())
        await arrive(stage, "8001")
        told = (await stage.calls.next()).user_data
    finally:
        await runner.cleanup()
    assert told == {"order": "7", "code": 404, "error": "http_error", "content": "gone", "late": "timeout"}
    assert seen == [("k", "application/json", {"n": 1})]
    assert hung.qsize() == 1
