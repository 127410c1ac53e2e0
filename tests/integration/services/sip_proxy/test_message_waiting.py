"""Message waiting from the mailbox's stream to the lamp of a telephone (RFC 6665, RFC 3842)."""

import asyncio
from typing import Any

from ringback.contracts.voicemail import MessageWaiting, mailbox_events
from ringback.runtime.streams import append
from ringback.sip import Dialog, Request, Response
from ringback.testing.servers import run_host

Stage = Any
HOST = run_host(62)
LIMIT = 20.0
PHONE = "sip:1001@demo.example"
EVENT = ("Event", "message-summary")


def state(request: Request) -> str:
    return request.get("Subscription-State") or ""


async def left(stage: Stage, new: int, old: int, time: float) -> None:
    """What voicemail tells when a message was left or heard."""
    event = MessageWaiting(
        id="EventMessageWaitingOn" if new else "EventMessageWaitingOff",
        time=time,
        tenant="demo",
        mailbox="9001",
        new_messages=new,
        old_messages=old,
    )
    await append(stage.harness.process.valkey, mailbox_events("demo"), event)


async def subscribe(stage: Stage, phone: Any, *headers: tuple[str, str]) -> tuple[Response, Request]:
    request = phone.request("SUBSCRIBE", PHONE, PHONE, *headers)
    response = await stage.as_phone(phone, request)
    return response, request


async def in_dialog(phone: Any, dialog: Dialog, *headers: tuple[str, str]) -> Response:
    contact = ("Contact", f"<sip:1001@{phone.address[0]}:{phone.address[1]}>")
    request = dialog.request("SUBSCRIBE", headers=[contact, *headers])
    response = await phone.endpoint.send_request(request, dialog.destination).final(LIMIT)
    assert isinstance(response, Response)
    return response


async def test_a_subscription_from_its_beginning_to_its_end(stage: Stage) -> None:
    phone = await stage.part("1001", HOST)
    response, request = await subscribe(stage, phone, EVENT, ("Expires", "600"))
    assert (response.status, response.get("Expires")) == (200, "600")
    _, first = await phone.next("NOTIFY")
    assert (state(first), first.get("Event")) == ("active;expires=600", "message-summary")
    assert b"Messages-Waiting: no" in first.body
    assert "5066" not in first.to_bytes().decode()
    await left(stage, 2, 1, 1000.0)
    _, second = await phone.next("NOTIFY")
    assert b"Voice-Message: 2/1 (0/0)" in second.body
    assert second.cseq.number > first.cseq.number
    dialog = Dialog.from_response(request, response)
    dialog.local_cseq += 1  # the challenge has cost a number
    assert (await in_dialog(phone, dialog, EVENT, ("Expires", "900"))).status == 200
    assert state((await phone.next("NOTIFY"))[1]) == "active;expires=900"
    assert (await in_dialog(phone, dialog, ("Event", "presence"))).status == 489
    assert (await in_dialog(phone, dialog, EVENT, ("Expires", "0"))).status == 200
    assert state((await phone.next("NOTIFY"))[1]) == "terminated;reason=timeout"
    assert (await in_dialog(phone, dialog, EVENT)).status == 481


async def test_refusals(stage: Stage) -> None:
    """RFC 6665 4.2.1.1; what is not asked of one's own mailbox is nobody's business."""
    phone = await stage.part("1001", HOST)
    unknown, _ = await subscribe(stage, phone, ("Event", "dialog"))
    assert (unknown.status, unknown.get("Allow-Events")) == (489, "message-summary")
    short, _ = await subscribe(stage, phone, EVENT, ("Expires", "5"))
    assert (short.status, short.get("Min-Expires")) == (423, "60")
    other = phone.request("SUBSCRIBE", "sip:1002@demo.example", PHONE, EVENT)
    assert (await stage.as_phone(phone, other)).status == 403
    stranger = phone.request("SUBSCRIBE", PHONE, "sip:7777@demo.example", EVENT)
    assert (await stage.as_phone(phone, stranger)).status == 407


async def test_a_phone_that_does_not_know_it_any_more_is_not_told_again(stage: Stage) -> None:
    phone = await stage.part("1001", HOST)
    phone.behaviour = lambda tx, request: tx.reply(481)
    await subscribe(stage, phone, EVENT)
    await phone.next("NOTIFY")
    store = stage.harness["registrar"]._notifier._store
    async with asyncio.timeout(LIMIT):
        while await store.all("demo", "9001"):
            await asyncio.sleep(0.01)


async def test_a_subscription_that_is_not_renewed_ends_with_a_word(stage: Stage) -> None:
    phone = await stage.part("1001", HOST)
    await subscribe(stage, phone, EVENT, ("Expires", "60"))
    _, first = await phone.next("NOTIFY")
    registrar = stage.harness["registrar"]
    ends = await stage.harness.process.valkey.call("ZRANGE", "{demo}:sip:subscription-ends", 0, -1)
    await stage.harness.process.valkey.call("ZADD", "{demo}:sip:subscription-ends", 1, *ends)
    await registrar._notifier.sweep("demo")
    _, last = await phone.next("NOTIFY")
    assert state(last) == "terminated;reason=timeout"
    assert last.cseq.number > first.cseq.number


async def test_a_phone_that_never_asked_is_told_when_it_comes_and_when_it_changes(stage: Stage) -> None:
    await left(stage, 1, 0, 1000.0)
    store = stage.harness["registrar"]._notifier._store
    async with asyncio.timeout(LIMIT):
        while await store.counts("demo", "9001") != (1, 0):
            await asyncio.sleep(0.01)
    phone = await stage.part("1001", HOST)
    place = f"<sip:1001@{phone.address[0]}:{phone.address[1]}>"
    register = phone.request("REGISTER", "sip:demo.example", PHONE, ("Expires", "60"))
    register.set("To", f"<{PHONE}>")
    register.set("Contact", place)
    assert (await stage.as_phone(phone, register)).status == 200
    _, first = await phone.next("NOTIFY")
    assert b"Voice-Message: 1/0 (0/0)" in first.body
    assert not any(name.startswith("X-") for name, _ in first.headers)
    await left(stage, 0, 1, 1001.0)
    # It may have come while the first news were still being told: then it hears them twice.
    while b"Messages-Waiting: yes" in (news := (await phone.next("NOTIFY"))[1]).body:
        assert news.body == first.body
    assert b"Voice-Message: 0/1 (0/0)" in news.body
