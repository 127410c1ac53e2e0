"""The outbound journeys: a campaign dials the customers of a list for an agent who is ready, or who has seen
the record first.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from ringback.contracts.campaigns import CampaignEvent, CampaignStatus
from ringback.runtime.link import LinkClient
from ringback.testing.check_inbound import talk_and_leave
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import CHECK_CAMPAIGN, CHECK_CUSTOMERS, CHECK_PREVIEW, TENANT
from ringback.testing.phone import Behaviour, Phone, PhoneCarrier

_CONNECTION = "voice-1"
_BUSY, _ANSWERS, _FORBIDDEN, _SEEN = CHECK_CUSTOMERS[4:8]
_LIST = {"tenant": TENANT, "list": CHECK_CAMPAIGN}
AGENT = "check-1"


async def campaign(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """One customer is busy, one answers, one does not want to be called; one is seen first by the agent.

    Raises CheckFailed.
    """
    steps.journey("A campaign")
    with steps.step("the campaign and its list are read over the configuration's link"):
        configured = await world.link("config", _CONNECTION)
        found = await configured.call("read", {"tenant": TENANT, "kind": "campaigns", "id": CHECK_CAMPAIGN})
        expect(found["body"]["lists"] == [CHECK_CAMPAIGN], found)
    link = await world.link("campaigns", _CONNECTION)
    try:
        await _progressive(link, steps, carrier, agent)
        await world.agent_becomes(AGENT, "ready")
        await _preview(link, steps, carrier, agent)
        await world.agent_becomes(AGENT, "ready")
    finally:
        await put_away(link)


async def _progressive(link: LinkClient, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    before = len(carrier.received_calls)
    carrier.is_busy(_BUSY)
    carrier.behave(_ANSWERS, Behaviour())
    with steps.step("customers are added to the list, and one is not to be called"):
        await put_away(link)
        added = await add(link, _FORBIDDEN, _BUSY, _ANSWERS)
        expect(added["added"] == 3, added)
        await link.call("add_do_not_call", {"tenant": TENANT, "numbers": [_FORBIDDEN]})
    with steps.step("the campaign is started: for a ready agent a customer is dialled, who is busy"):
        await start(link, CHECK_CAMPAIGN)
        await (await carrier.wait_call(15.0)).wait_ended(5.0)
    with steps.step("the next customer is dialled and answers"):
        customer = await carrier.wait_call(15.0)
        await customer.answer()
    with steps.step("the agent's phone rings and is answered"):
        offered = await agent.wait_call(10.0)
        offered.ring()
        await offered.answer()
    await talk_and_leave(steps, customer, offered)
    with steps.step("the results are told, and nobody else was dialled"):
        await offered.wait_ended(5.0)
        stood = await until(lambda: status(link, CHECK_CAMPAIGN), lambda seen: seen.counts.done == 3, 10.0)
        expect(stood.counts.results == {"": 1, "BUSY": 1, "CONNECTED": 1}, stood)
        dialled = [call.number for call in carrier.received_calls[before:]]
        expect(dialled == [_BUSY, _ANSWERS], dialled)
    with steps.step("the campaign is stopped and unloaded"):
        await _unload(link, CHECK_CAMPAIGN)


async def _preview(link: LinkClient, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    carrier.behave(_SEEN, Behaviour())
    with steps.step("an agent sees the next record of a campaign, and nobody is dialled yet"):
        before = len(carrier.received_calls)
        await add(link, _SEEN)
        await start(link, CHECK_PREVIEW)
        asked = {"tenant": TENANT, "campaign": CHECK_PREVIEW, "agent": AGENT}
        offer = (await link.call("preview", asked))["offer"]
        expect(offer["number"] == _SEEN and len(carrier.received_calls) == before, offer)
    with steps.step("the agent has it dialled: their own phone rings, and then the customer's"):
        await link.call("dial", {"tenant": TENANT, "reference": offer["reference"]})
        offered = await agent.wait_call(10.0)
        offered.ring()
        expect(len(carrier.received_calls) == before, "the customer was dialled first")
        await offered.answer()
        customer = await carrier.wait_call(10.0)
        await customer.answer()
    await talk_and_leave(steps, customer, offered)
    with steps.step("the result is told"):
        await offered.wait_ended(5.0)
        stood = await until(lambda: status(link, CHECK_PREVIEW), lambda seen: seen.counts.done == 4, 10.0)
        expect(stood.counts.results.get("CONNECTED") == 2, stood)
        await _unload(link, CHECK_PREVIEW)


async def add(link: LinkClient, *numbers: str) -> dict[str, Any]:
    """Customers in a zone that has noon now, the more urgent first."""
    noon = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
    records = [
        {"key": number, "number": number, "priority": -place, "time_zone": noon}
        for place, number in enumerate(numbers)
    ]
    added: dict[str, Any] = await link.call("add_records", {**_LIST, "records": records})
    return added


async def start(link: LinkClient, name: str) -> None:
    """Load a campaign and have it dial."""
    for command in ("load", "start"):
        await link.call(command, {"tenant": TENANT, "campaign": name})


async def status(link: LinkClient, name: str) -> CampaignStatus:
    """How a campaign stands."""
    (found,) = await link.call("status", {"tenant": TENANT, "campaign": name})
    return msgspec.convert(found, CampaignStatus)


async def _unload(link: LinkClient, name: str, patience_s: float = 10.0) -> None:
    if (await status(link, name)).state == "unloaded":
        return
    await link.call("stop", {"tenant": TENANT, "campaign": name})
    await until(lambda: status(link, name), lambda seen: seen.state == "loaded", patience_s)
    await link.call("unload", {"tenant": TENANT, "campaign": name})


async def events(link: LinkClient, name: str) -> list[CampaignEvent]:
    """Everything that is still kept of what was told of a campaign, each event once."""
    told: list[CampaignEvent] = []
    after, more = "0", True
    while more:
        page = await link.call("events", {"tenant": TENANT, "after": after, "limit": 1000})
        more = page["more"]
        after = page["events"][-1]["cursor"] if more else after
        told += [msgspec.convert(each["event"], CampaignEvent) for each in page["events"]]
    mine = {msgspec.json.encode(each): each for each in told if each.campaign == name}
    return list(mine.values())


async def put_away(link: LinkClient) -> None:
    """Leave nothing behind: nobody dials, the list is empty, nobody is forbidden."""
    for name in (CHECK_CAMPAIGN, CHECK_PREVIEW):
        await _unload(link, name, 60.0)
    await link.call("clear_list", _LIST)
    await link.call("remove_do_not_call", {"tenant": TENANT, "numbers": [_FORBIDDEN]})
