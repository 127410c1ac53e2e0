"""The outbound journey: a campaign dials the customers of a list for an agent who is ready."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from ringback.contracts.campaigns import CampaignStatus
from ringback.runtime.link import LinkClient
from ringback.testing.check_inbound import talk
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import CHECK_CAMPAIGN, CHECK_CUSTOMERS, TENANT
from ringback.testing.phone import Behaviour, Phone, PhoneCarrier

_CONNECTION = "voice-1"
_BUSY, _ANSWERS, _FORBIDDEN = CHECK_CUSTOMERS[4], CHECK_CUSTOMERS[5], CHECK_CUSTOMERS[6]


async def campaign(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """One customer is busy, one answers, one does not want to be called. Raises CheckFailed."""
    steps.journey("A campaign")
    with steps.step("the campaign and its list are read over the configuration's link"):
        configured = await world.link("config", _CONNECTION)
        found = await configured.call("read", {"tenant": TENANT, "kind": "campaigns", "id": CHECK_CAMPAIGN})
        expect(found["body"]["lists"] == [CHECK_CAMPAIGN], found)
    link = await world.link("campaigns", _CONNECTION)
    try:
        await _dialled(link, steps, carrier, agent, world)
    finally:
        await _put_away(link)


async def _dialled(link: LinkClient, steps: Steps, carrier: PhoneCarrier, agent: Phone, world: World) -> None:
    before = len(carrier.received_calls)
    carrier.is_busy(_BUSY)
    carrier.behave(_ANSWERS, Behaviour())
    with steps.step("customers are added to the list, and one is not to be called"):
        await _put_away(link)
        added = await link.call("add_records", {**_LIST, "records": _records()})
        expect(added["added"] == 3, added)
        await link.call("add_do_not_call", {"tenant": TENANT, "numbers": [_FORBIDDEN]})
    with steps.step("the campaign is started: for a ready agent a customer is dialled, who is busy"):
        await link.call("load", _CAMPAIGN)
        await link.call("start", _CAMPAIGN)
        await (await carrier.wait_call(15.0)).wait_ended(5.0)
    with steps.step("the next customer is dialled and answers"):
        customer = await carrier.wait_call(15.0)
        await customer.answer()
    with steps.step("the agent's phone rings and is answered"):
        offered = await agent.wait_call(10.0)
        offered.ring()
        await offered.answer()
    try:
        await talk(steps, customer, offered, first="customer", second="agent")
    finally:
        await customer.hangup()
    with steps.step("the results are told, and nobody else was dialled"):
        await offered.wait_ended(5.0)
        status = await until(lambda: _status(link), lambda seen: seen.counts.done == 3, 10.0)
        expect(status.counts.results == {"": 1, "BUSY": 1, "CONNECTED": 1}, status)
        dialled = [call.number for call in carrier.received_calls[before:]]
        expect(dialled == [_BUSY, _ANSWERS], dialled)
    with steps.step("the campaign is stopped and unloaded"):
        await link.call("stop", _CAMPAIGN)
        await until(lambda: _status(link), lambda seen: seen.state == "loaded", 5.0)
        await link.call("unload", _CAMPAIGN)
    await world.agent_becomes("check-1", "ready")


_CAMPAIGN = {"tenant": TENANT, "campaign": CHECK_CAMPAIGN}
_LIST = {"tenant": TENANT, "list": CHECK_CAMPAIGN}


def _records() -> list[dict[str, Any]]:
    """In a zone that has noon now, the more urgent first."""
    noon = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
    numbers = (_FORBIDDEN, _BUSY, _ANSWERS)
    return [
        {"key": number, "number": number, "priority": -place, "time_zone": noon}
        for place, number in enumerate(numbers)
    ]


async def _status(link: LinkClient) -> CampaignStatus:
    (found,) = await link.call("status", _CAMPAIGN)
    return msgspec.convert(found, CampaignStatus)


async def _put_away(link: LinkClient) -> None:
    """Leave nothing behind: nobody dials, the list is empty, nobody is forbidden."""
    if (await _status(link)).state != "unloaded":
        await link.call("stop", _CAMPAIGN)
        await until(lambda: _status(link), lambda seen: seen.state == "loaded", 60.0)
        await link.call("unload", _CAMPAIGN)
    await link.call("clear_list", _LIST)
    await link.call("remove_do_not_call", {"tenant": TENANT, "numbers": [_FORBIDDEN]})
