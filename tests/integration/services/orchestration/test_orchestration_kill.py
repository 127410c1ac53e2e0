"""A node dies with sessions at whatever they do; another goes on with all of them and does nothing twice.

`RINGBACK_TEST_LEASE_S=4` with `-s` runs it with the lease of a real platform and prints the time.
"""

import asyncio
import time
from collections import Counter
from typing import Any

from aiohttp import web

from ringback.contracts.telephony import RequestInitiateTransfer, RequestRouteCall

from .conftest import Stage
from .test_orchestration_nodes import kill, orchestration

APPLICATION = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
    xmlns:ixn="www.genesyslab.com/modules/interaction" xmlns:session="www.genesyslab.com/modules/session">
  <datamodel><data id="what" expr="_genesys.interaction.ani"/></datamodel>
  <state id="choosing">
    <transition cond="what == 'timer'" target="timer"/><transition cond="what == 'fetch'" target="fetch"/>
    <transition target="consult"/></state>
  <state id="timer"><onentry><send event="due" delay="1s"/></onentry>
    <transition event="due" target="over"/></state>
  <state id="fetch"><onentry><session:fetch src="{base}/hang" timeout="9"/></onentry>
    <transition event="session.fetch.done" target="over"/></state>
  <state id="consult"><onentry><ixn:initiatetransfer from="1001" to="1002"/></onentry>
    <transition event="interaction.initiatetransfer.done" target="over"/></state>
  <final id="over"><onentry><ixn:attach dataexpr="{{done: what}}"/></onentry></final></scxml>"""


NAMES = ("greeted", "waits", "consult", "fetch", "timer")


class Outside:
    """Answers the requests of the second node only."""

    def __init__(self) -> None:
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        self.answers = False

    async def serve(self, request: web.Request) -> web.Response:
        self.keys.put_nowait(request.headers["Idempotency-Key"])
        if not self.answers:
            await asyncio.Event().wait()
        return web.Response(text="late")


async def arrives(stage: Stage, name: str, point: str) -> dict[str, str]:
    """A call of its own; what its events have in common."""
    call = {"conn_id": f"c-{name}", "call_uuid": f"u-{name}"}
    await stage.calls.tell("EventRouteRequest", this_dn=point, ani=name, dnis=point, **call)
    return call


async def test_five_sessions_go_on_from_where_they_were(stage: Stage) -> None:
    outside = Outside()
    app = web.Application()
    app.add_routes([web.get("/hang", outside.serve)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, stage.outside_host, stage.OUTSIDE_PORT).start()
    text = APPLICATION.format(base=f"http://{stage.outside_host}:{stage.OUTSIDE_PORT}")
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", text.encode())
    second: Any = None
    try:
        greeted = await arrives(stage, "greeted", "8000")
        greeting = await stage.calls.next()
        waits = await arrives(stage, "waits", "8000")
        told = await stage.calls.next()
        await stage.calls.tell(
            "EventTreatmentEnd", reference_id=told.reference_id, reason="finished", **waits
        )
        request = await stage.router.next("submit")
        consults = await arrives(stage, "consult", "8001")
        consult = await stage.calls.next()
        assert isinstance(consult, RequestInitiateTransfer)
        await arrives(stage, "fetch", "8001")
        first_key = await asyncio.wait_for(outside.keys.get(), 20)
        await arrives(stage, "timer", "8001")
        await stage.until(lambda: in_state(stage, "ixn-u-timer", "timer"))

        second = await stage.other_node("two")
        await kill(orchestration(stage.harness))
        died, outside.answers = time.monotonic(), True
        # On a slow machine the timer may have run out before.
        left = [await stage.over(f"ixn-u-{name}") for name in NAMES].count(False)
        await stage.until(lambda: resumed(second, left))
        print(f"\n{left} sessions went on after {time.monotonic() - died:.2f} s")

        await stage.calls.tell(
            "EventTreatmentEnd", reference_id=greeting.reference_id, reason="finished", **greeted
        )
        assert (await stage.router.next("submit"))["conn_id"] == "c-greeted"
        await stage.router.reserve(request, "ann")
        await stage.calls.tell("EventEstablished", reference_id=consult.reference_id, **consults)
        assert await asyncio.wait_for(outside.keys.get(), 20) == first_key
        # What each asks for, and the default number for the three calls that their sessions leave.
        found = [await stage.calls.next() for _ in range(3 + 3 + 1)]
        routes = [each for each in found if isinstance(each, RequestRouteCall)]
        done = sorted(each.user_data["done"] for each in found if each not in routes)
        assert done == ["consult", "fetch", "timer"]
        assert sorted(each.agent_id or each.other_dn for each in routes) == ["1900", "1900", "1900", "ann"]
        assert outside.keys.empty()
        assert set(Counter(each.idempotency_key for each in stage.calls.requests).values()) == {1}
    finally:
        if second is not None:
            await second.__aexit__(None, None, None)
        await runner.cleanup()


async def in_state(stage: Stage, sid: str, state: str) -> bool:
    rows = await stage.control.get("/scxml/sessions")
    return any(row["session"] == sid and state in row["states"] for row in rows)


async def resumed(harness: Any, number: int) -> bool:
    registry = orchestration(harness).ctx.metrics
    return bool(registry.get_sample_value("orsnode_resumed_sessions") == number)
