"""The first command of a media server comes with the INVITE, or by INFO where it is not taken from there."""

import asyncio
from typing import Any

from ringback.contracts.telephony import RequestApplyTreatment, RequestRouteCall
from ringback.contracts.treatment import HEADER, Music, Play, Stop, of_header

from .test_calls import arrive, sdp


def treat(conn_id: str, reference: str, kind: str = "PlayAnnouncement") -> RequestApplyTreatment:
    return RequestApplyTreatment(
        tenant="demo", conn_id=conn_id, reference_id=reference, treatment_type=kind, prompts=["welcome"]
    )


async def commands(media: Any) -> list[Any]:
    """What has come by INFO before the BYE."""
    await asyncio.wait_for(media.gone.wait(), 20)
    return [media.commands.get_nowait() for _ in range(media.commands.qsize())]


async def test_a_command_that_was_taken_with_the_invite_is_not_sent_again(world: Any) -> None:
    world.far.takes_first = True
    caller, conn_id = await arrive(world)
    await world.ask(treat(conn_id, "a1"))
    media = await world.far.leg("media")
    assert of_header(media.invite.get(HEADER)) == Play(reference="a1", prompts=("welcome",), then="music")
    await world.event("EventTreatmentApplied", reference_id="a1")
    await world.near.answered(caller)
    assert await media.ended("a1") == 200
    await world.event("EventTreatmentEnd", reference_id="a1")
    await world.ask(treat(conn_id, "a2", "Music"))
    await world.event("EventTreatmentApplied", reference_id="a2")
    await caller.bye()
    assert await commands(media) == [Music(reference="a2")]


async def test_what_has_been_superseded_before_the_answer_is_not_left_playing(world: Any) -> None:
    world.far.takes_first, world.far.silent_media = True, True
    caller, conn_id = await arrive(world)
    await world.ask(treat(conn_id, "a1"))
    media = await world.far.leg("media")
    await world.ask(treat(conn_id, "a2"))
    media.answer(sdp("media"))
    assert (await world.event("EventTreatmentApplied")).reference_id == "a2"
    await world.near.answered(caller)
    await caller.bye()
    assert [each.reference for each in await commands(media)] == ["a2"]


async def test_what_nobody_wants_any_more_when_media_answers_is_stopped(world: Any) -> None:
    world.far.takes_first, world.far.silent_media = True, True
    caller, conn_id = await arrive(world)
    await world.ask(treat(conn_id, "a1"))
    media = await world.far.leg("media")
    request = RequestRouteCall(tenant="demo", conn_id=conn_id, reference_id="r", other_dn="1001")
    await world.ask(request)
    agent = await world.far.leg("dn=1001")
    agent.answer(sdp("agent"))
    await world.near.answered(caller)
    await world.event("EventEstablished", this_dn="1001")
    media.answer(sdp("media"))
    assert all(isinstance(each, Stop) for each in await commands(media))
