"""ACKs that pass line by line arrive as those that go the way of all requests."""

import re

from ringback.sip import Dialog, Request
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.sip.plain_ack import START
from ringback.sip.transport import Source
from ringback.testing.servers import run_host

from .conftest import LIMIT, Part, Stage

CARRIER_HOST = run_host(50)


def told(ack: Request) -> list[tuple[str, str]]:
    """The lines of an ACK in one order, what differs with each taken out."""
    lines = [pair for pair in ack.headers if pair[0] not in ("Subject", "Call-ID")]
    return sorted((name, re.sub(r"z9hG4bK[\w.-]+", "", value)) for name, value in lines)


async def arrived(part: Part) -> Request:
    return (await part.next("ACK"))[1]


def noted(endpoint: SipEndpoint) -> list[bool]:
    """Which ACKs have passed line by line from now on."""
    takes, found = endpoint.takes_unread[START], list[bool]()

    def taken(data: bytes, source: Source) -> bool:
        found.append(takes(data, source))
        return found[-1]

    endpoint.takes_unread[START] = taken
    return found


async def plainly(stage: Stage, sender: Part, receiver: Part, dialog: Dialog) -> None:
    """Both ways of an ACK: a Subject makes it unusual."""
    passed = [noted(stage.proxy._edge), noted(stage.proxy._inside)]
    usual, unusual = dialog.ack(1), dialog.ack(1)
    for ack in (usual, unusual):
        ack.set("User-Agent", "Part")
        ack.set("Contact", str(sender.endpoint.contact(dialog.destination, "part")))
    unusual.add("Subject", "x")
    before = dict(stage.proxy._core.metrics.forwarded.counts)
    sender.endpoint.send_ack(usual, dialog.destination)
    first = await arrived(receiver)
    sender.endpoint.send_ack(unusual, dialog.destination)
    second = await arrived(receiver)
    assert (second.has("Subject"), sorted(passed)) == (True, [[], [True, False]])
    assert (first.raw_uri, told(first)) == (second.raw_uri, told(second))
    after = stage.proxy._core.metrics.forwarded.counts
    assert sum(after.values()) - sum(before.values()) == 2
    assert [count for key, count in after.items() if key[0] == "ACK"] == [2]


async def test_from_a_trunk_to_its_node(stage: Stage) -> None:
    node = await stage.node("n1")
    carrier = await stage.part("carrier", CARRIER_HOST, 5060)
    invite = carrier.request("INVITE", "sip:8000@demo.example", f"sip:+1@{CARRIER_HOST}")
    tx = carrier.endpoint.send_request(invite, stage.edge)
    response = await tx.final(LIMIT)
    assert response.status == 200
    await plainly(stage, carrier, node, Dialog.from_response(tx.request, response))


async def test_from_a_node_to_a_phone(stage: Stage) -> None:
    node = await stage.node("n1")
    async with stage.phone("1002") as registered:
        await registered.register(60)
        host, port = registered.address
        registered.registered = False  # the binding stays when the phone goes
    phone = await stage.part("phone", host, port)
    target = (("X-Ringback-Tenant", "demo"), ("X-Ringback-Target", "dn=1002"))
    invite = node.request("INVITE", "sip:1002@demo.example", "sip:8000@demo.example", *target)
    tx = node.endpoint.send_request(invite, stage.inside)
    response = await tx.final(LIMIT)
    assert response.status == 200
    await plainly(stage, node, phone, Dialog.from_response(invite, response))


async def test_17_1_1_3_the_ack_of_a_refusal_goes_no_further(stage: Stage) -> None:
    node = await stage.node("n1")

    def refuse(tx: ServerTransaction, request: Request) -> None:
        if tx.can_respond:
            tx.reply(486 if request.method == "INVITE" else 200)

    node.behaviour = refuse
    carrier = await stage.part("carrier", CARRIER_HOST, 5060)
    invite = carrier.request("INVITE", "sip:8000@demo.example", f"sip:+1@{CARRIER_HOST}")
    tx = carrier.endpoint.send_request(invite, stage.edge)
    assert (await tx.final(LIMIT)).status == 486
    options = carrier.request("OPTIONS", "sip:demo.example", f"sip:+1@{CARRIER_HOST}")
    assert (await carrier.endpoint.send_request(options, stage.edge).final(LIMIT)).status == 200
    assert stage.proxy._core.metrics.forwarded.counts["ACK", "to", "n1"] == 0
