"""Sessions are told of figures: once, as they change, and after their node has died."""

from typing import Any

from ringback.runtime.http import HttpFailure

from .test_orchestration_inbound import arrive

SID = "ixn-U1"
APPLICATION = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
    xmlns:ixn="www.genesyslab.com/modules/interaction" xmlns:statistic="www.genesyslab.com/modules/statistic">
  <datamodel><data id="asked"/></datamodel>
  <state id="reading"><onentry><statistic:sdata object="sales" statistic="Unknown"/></onentry>
    <transition event="error.statistic.sdata" target="on"
                cond="_event.data.reason == 'unknown_statistic'"/></state>
  <state id="on"><onentry>
      <statistic:subscribe requestid="asked" object="sales@ss.Q" statistic="StatCallsInQueue" interval="1"/>
    </onentry>
    <transition event="statistic.subscribe.done" cond="_event.data.value == 4" target="told"/></state>
  <state id="told">
    <transition event="statistic.update" target="off"
                cond="_event.data.value &gt; 9 &amp;&amp; _event.data.requestid == asked"/></state>
  <state id="off"><onentry><statistic:unsubscribe requestid="asked"/></onentry>
    <transition event="statistic.unsubscribe.done" cond="_event.data.closed == 1" target="over"/></state>
  <final id="over"><onentry><ixn:attach dataexpr="{seen: true}"/></onentry></final></scxml>"""


async def test_a_session_is_told_of_a_figure_until_it_has_heard_enough(stage: Any) -> None:
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", APPLICATION)
    await arrive(stage, "8001")
    await stage.until(lambda: told(stage))
    (name,) = [name for name in stage.router.opened if name != "one"]
    stage.router.tell(name, 9.0)
    stage.router.tell(name, 10.0)
    assert (await stage.calls.next()).user_data == {"seen": True}
    assert name not in stage.router.opened


async def told(stage: Any) -> bool:
    try:
        trace = await stage.control.get(f"/scxml/session/{SID}/query")
    except HttpFailure:
        return False  # the call's event has not been read yet
    return trace["states"] == ["told"]
