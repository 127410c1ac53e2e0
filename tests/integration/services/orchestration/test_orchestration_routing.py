"""An application that leaves the routing to the platform, on real services, across the death of its node."""

from ringback.contracts.telephony import RequestRouteCall

from .conftest import Stage
from .test_orchestration_inbound import SID, arrive, ring
from .test_orchestration_nodes import kill, orchestration

APPLICATION = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
    xmlns:queue="www.genesyslab.com/modules/queue" xmlns:ixn="www.genesyslab.com/modules/interaction">
  <state id="line">
    <onentry><queue:submit queue="sales" target="?:sales&gt;=1" timeout="60" route="true"/></onentry>
    <transition event="queue.submit.done" target="talking">
      <ixn:attach dataexpr="{agent: _event.data.targetobjectselected, call: _event.data.interactionid}"/>
    </transition>
    <transition event="error" target="over"/>
  </state>
  <state id="talking"><transition event="interaction.deleted" target="over"/></state>
  <final id="over"/></scxml>"""


async def test_the_platform_rings_gives_back_and_confirms(stage: Stage) -> None:
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", APPLICATION)
    await arrive(stage, "8001")
    request = await stage.router.next("submit")
    first = await ring(stage, request, "ann")
    await stage.calls.tell("EventError", reference_id=first.reference_id, reason="no_answer")
    back = await stage.router.next("return")
    assert (back["agent_id"], back["reason"]) == ("ann", "no_answer")
    second = await ring(stage, request, "bob")
    assert second.reference_id != first.reference_id

    other = await stage.other_node("two")
    try:
        await kill(orchestration(stage.harness))
        await stage.calls.tell("EventRouteUsed", reference_id=second.reference_id, third_party_dn="1bob")
        confirm = await stage.router.next("confirm")
        assert (confirm["request_id"], confirm["agent_id"]) == (request["request_id"], "bob")
        told = await stage.calls.next()
        assert told.user_data == {"agent": "bob", "call": "U1"}
        await stage.calls.tell("EventCallDeleted", reason="caller_hung_up")
        await stage.until(lambda: stage.over(SID))
        assert [type(each) for each in stage.calls.requests].count(RequestRouteCall) == 2
    finally:
        await other.__aexit__(None, None, None)
