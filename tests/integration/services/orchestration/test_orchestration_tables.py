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
