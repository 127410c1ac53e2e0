"""Menus, hours and prompts by data table; from one route point to another."""

from typing import Any

from ringback.contracts.telephony import RequestApplyTreatment

from .test_orchestration_inbound import SID, arrive

MENUS = {"sales": {"menu": "main", "key": "1", "do": "route", "to": "8000", "say": ""}}
PROMPTS = {"hello": {"prompts": "welcome please-hold"}}


async def publish(stage: Any, name: str, rows: Any) -> None:
    await stage.designer.request("PUT", f"/tables/demo/{name}", rows)
    await stage.designer.post(f"/tables/demo/{name}/publish", {})


async def test_a_menu_leads_to_another_route_point_whose_application_has_the_call(stage: Any) -> None:
    await publish(stage, "MENUS", MENUS)
    await publish(stage, "PROMPTS", PROMPTS)
    await arrive(stage, "8004")
    greeting = await stage.calls.next()
    assert greeting.prompts == ["welcome", "please-hold"]
    await stage.calls.tell("EventTreatmentEnd", reference_id=greeting.reference_id, reason="finished")
    asking = await stage.calls.next()
    assert (asking.treatment_type, asking.max_digits) == ("PlayAnnouncementAndDigits", 1)
    await stage.calls.tell("EventTreatmentEnd", reference_id=asking.reference_id, reason="max", digits="1")
    route = await stage.calls.next()
    assert route.other_dn == "8000"
    await stage.calls.tell("EventRouteUsed", reference_id=route.reference_id, third_party_dn="8000")
    await arrive(stage, "8000")
    assert isinstance(await stage.calls.next(), RequestApplyTreatment)
    await stage.until(lambda: stage.over(SID))
    trace = await stage.control.get(f"/scxml/session/{SID}-2/query")
    assert trace["application"].endswith("/inbound.scxml")


async def test_outside_the_hours_the_caller_leaves_a_message(stage: Any) -> None:
    await publish(stage, "BUSINESS_HOURS", {"office": {"zone": "UTC", "hours": ""}})
    await arrive(stage, "8004")
    closed = await stage.calls.next()
    assert closed.prompts == ["closed"]
    await stage.calls.tell("EventTreatmentEnd", reference_id=closed.reference_id, reason="finished")
    deposit = await stage.calls.next()
    assert (deposit.other_dn, deposit.route_type) == ("8500", "mailbox")


ASKING = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
    xmlns:ixn="www.genesyslab.com/modules/interaction" xmlns:res="www.genesyslab.com/modules/resource"
    xmlns:cls="www.genesyslab.com/modules/classification">
  <datamodel><data id="told" expr="{}"/></datamodel>
  <state id="asking"><onentry>
      <if cond="_genesys.session.isOpen('office') &amp;&amp;
                _genesys.statistic.sData('sales', 'Waiting') == 4">
        <script>_genesys.ixn.setuData({price: _genesys.session.getListItemValue('PRICES', 'gold', 'price'),
                                       day: _genesys.session.dateInZone('UTC').length})</script></if>
    </onentry>
    <transition event="interaction.udata.done" target="judging"/></state>
  <state id="judging"><onentry><cls:classify textexpr="'My CARD, stolen!'"/><cls:screen text="hello"/>
      <cls:screen text="" table="NONE"/><res:gettarget target="kim@ringback.A"/></onentry>
    <transition event="classification.classify.done"><script>told.category = _event.data.category</script>
    </transition>
    <transition event="classification.screen.done">
      <script>told.matched = _event.data.matched</script></transition>
    <transition event="error.classification.screen">
      <script>told.error = _event.data.error</script></transition>
    <transition event="resource.gettarget.done" target="over">
      <script>told.ready = _event.data.ready; told.name = _event.data.name</script></transition></state>
  <final id="over"><onentry><ixn:attach dataexpr="told"/></onentry></final></scxml>"""


async def test_scripts_look_into_tables_hours_and_figures_without_waiting(stage: Any) -> None:
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", ASKING)
    await publish(stage, "PRICES", {"gold": {"price": "7"}})
    await publish(stage, "CLASSIFICATION", {"lost": {"category": "cards", "words": "card stolen; card lost"}})
    await publish(stage, "BUSINESS_HOURS", {"office": {"zone": "UTC", "hours": "Mon-Sun 00:00-24:00"}})
    await arrive(stage, "8001")
    assert (await stage.calls.next()).user_data == {"price": "7", "day": 10}
    judged = (await stage.calls.next()).user_data
    assert judged == {
        "category": "cards",
        "matched": False,
        "error": "unknown_table",
        "ready": 4.0,
        "name": "kim",
    }
