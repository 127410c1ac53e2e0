"""A third party: consultation, transfer, conference, and what is left of the call."""

from collections.abc import Callable

import pytest

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.types import DestinationKind, LegRole, Purpose, TreatmentType

Describe = Callable[..., str]


def offered(bench, leg: str) -> str:
    """What the leg was told in the last step by a re-INVITE."""
    return next(out.sdp for out in bench.last if isinstance(out, o.SendOffer) and out.leg == leg)


def consult(bench, describe: Describe, purpose: Purpose = Purpose.TRANSFER, this_dn: str = "1001") -> str:
    """1001 asks 1002, who answers; the leg of 1002."""
    bench.do(i.RequestConsult("c1", purpose, this_dn, "1002"))
    bench.resolve(DestinationKind.DN, dn="1002", target="dn=1002")
    invites = [out for out in bench.last if isinstance(out, o.Invite)]
    for media in [out.leg for out in invites if out.role is LegRole.MEDIA]:
        bench.do(i.Answered(media, describe(media)))
    return next(out.leg for out in invites if out.role is LegRole.AGENT)


def settle(bench, describe: Describe) -> None:
    """Every re-INVITE is answered until none is left."""
    while offers := [leg.id for leg in bench.call.data.legs.values() if leg.reoffer]:
        names = {"in1": "caller", "target4": "agent"}
        for leg in offers:
            bench.do(i.ReofferAnswered(leg, describe(names.get(leg, leg))))


def connected(bench, describe: Describe, purpose: Purpose = Purpose.TRANSFER) -> tuple[str, str]:
    """Asker and third party talk; their legs."""
    _, agent = bench.talk()
    third = consult(bench, describe, purpose)
    settle(bench, describe)
    bench.do(i.Answered(third, describe("third")))
    settle(bench, describe)
    return agent, third


def partners(bench) -> set[frozenset[str]]:
    return {frozenset((leg.id, leg.peer)) for leg in bench.call.data.legs.values() if leg.peer}


def test_while_the_third_party_is_called_the_asker_hears_ringing_and_the_other_music(bench, describe) -> None:
    bench.talk()
    bench.do(i.RequestConsult("c1", Purpose.TRANSFER, "1001", "1002"))
    assert bench.names() == ["EventCallCreated", "EventHeld"]
    bench.resolve(DestinationKind.DN, dn="1002", target="dn=1002")
    dialing, ringing = bench.event("EventDialing"), bench.event("EventRinging")
    assert (dialing.this_dn, dialing.call_type, dialing.previous_conn_id) == (
        "1001",
        4,
        bench.call.data.conn_id,
    )
    assert (ringing.this_dn, ringing.conn_id) == ("1002", dialing.conn_id)
    assert dialing.conn_id != bench.call.data.conn_id
    media = [out.leg for out in bench.last if isinstance(out, o.Invite) and out.role is LegRole.MEDIA]
    played = {}
    for leg in media:
        bench.do(i.Answered(leg, describe(leg)))
        for party in [out.leg for out in bench.last if isinstance(out, o.SendOffer)]:
            bench.do(i.ReofferAnswered(party, describe("caller" if party == "in1" else "agent")))
            played[party] = bench.sent(o.Play).type
    assert set(played.values()) == {TreatmentType.MUSIC, TreatmentType.RINGBACK}
    assert played["in1"] is TreatmentType.MUSIC


def test_a_two_step_transfer_connects_the_caller_with_the_third_party(bench, describe) -> None:
    agent, third = connected(bench, describe)
    assert frozenset((agent, third)) in partners(bench)
    bench.do(i.RequestComplete("t1", Purpose.TRANSFER, "1001"))
    released = [event for event in bench.last if isinstance(event, o.Event) and event.name == "EventReleased"]
    assert [(event.this_dn, event.call_state) for event in released] == [("1001", 1), ("1001", 1)]
    assert len({event.conn_id for event in released}) == 2
    changed = bench.event("EventPartyChanged")
    assert (changed.this_dn, changed.third_party_dn, changed.call_state) == ("1002", "1001", 1)
    assert changed.previous_conn_id == released[0].conn_id
    assert bench.sent(o.Bye).leg == agent
    assert "c=IN IP4 third" in offered(bench, "in1")
    bench.do(i.ReofferAnswered("in1", describe("caller")))
    assert "c=IN IP4 caller" in offered(bench, third)
    bench.do(i.ReofferAnswered(third, describe("third")))
    assert partners(bench) == {frozenset(("in1", third))}
    bench.do(i.HungUp("in1"))
    assert [(e.this_dn, e.name) for e in bench.last if isinstance(e, o.Event)] == [
        ("1002", "EventReleased"),
        ("", "EventCallDeleted"),
    ]
    assert bench.legs_left() == []


def test_an_asker_who_hangs_up_has_given_the_call_away(bench, describe) -> None:
    agent, third = connected(bench, describe)
    bench.do(i.HungUp(agent))
    settle(bench, describe)
    assert partners(bench) == {frozenset(("in1", third))}


def test_an_asker_who_hangs_up_while_it_rings_leaves_the_caller_ringing(bench, describe) -> None:
    _, agent = bench.talk()
    third = consult(bench, describe)
    settle(bench, describe)
    bench.do(i.Progress(third, 180))
    bench.do(i.HungUp(agent))
    assert bench.call.data.phase == "waiting"
    bench.do(i.Answered(third, describe("third")))
    settle(bench, describe)
    assert partners(bench) == {frozenset(("in1", third))}
    established = bench.event("EventEstablished")
    assert (established.this_dn, established.conn_id) == ("1002", bench.call.data.conn_id)


def test_a_third_party_that_does_not_answer_brings_the_first_two_together(bench, describe) -> None:
    _, agent = bench.talk()
    third = consult(bench, describe)
    settle(bench, describe)
    bench.pass_time(21)
    assert bench.event("EventError").reason == "no_answer"
    assert bench.event("EventRetrieved").this_dn == "1001"
    assert bench.sent(o.Cancel).leg == third
    settle(bench, describe)
    assert frozenset(("in1", agent)) in partners(bench)
    assert {leg for leg in bench.legs_left() if leg != third} == {"in1", agent}


@pytest.mark.parametrize("by_request", [True, False])
def test_reconnecting_and_a_third_party_that_leaves_are_the_same(bench, describe, by_request: bool) -> None:
    agent, third = connected(bench, describe)
    bench.do(i.RequestReconnectCall("x", "1001") if by_request else i.HungUp(third))
    assert bench.names() == ["EventReleased", "EventReleased", "EventCallDeleted", "EventRetrieved"]
    settle(bench, describe)
    assert partners(bench) == {frozenset(("in1", agent))}


def test_alternating_lets_the_third_party_wait(bench, describe) -> None:
    agent, third = connected(bench, describe)
    bench.do(i.RequestAlternateCall("a", "1001"))
    assert bench.names() == ["EventHeld", "EventRetrieved"]
    bench.do(i.Answered(bench.sent(o.Invite).leg, describe("media9")))
    settle(bench, describe)
    assert frozenset(("in1", agent)) in partners(bench)
    assert frozenset((third, "consult_media11")) in partners(bench) or len(partners(bench)) == 2
    bench.do(i.RequestAlternateCall("a2", "1001"))
    for out in [out for out in bench.last if isinstance(out, o.Invite)]:
        bench.do(i.Answered(out.leg, describe(out.leg)))
    settle(bench, describe)
    assert frozenset((agent, third)) in partners(bench)


def test_a_single_step_transfer_goes_over_when_the_third_party_answers(bench, describe) -> None:
    _, agent = bench.talk()
    third = consult(bench, describe, Purpose.SINGLE_TRANSFER)
    settle(bench, describe)
    assert bench.event("EventRinging").conn_id == bench.call.data.conn_id
    bench.do(i.Answered(third, describe("third")))
    assert bench.event("EventReleased").this_dn == "1001"
    assert any(isinstance(out, o.Bye) and out.leg == agent for out in bench.last)
    settle(bench, describe)
    assert partners(bench) == {frozenset(("in1", third))}


def test_a_single_step_transfer_to_a_route_point_is_taken_at_once(bench, describe) -> None:
    bench.talk()
    bench.do(i.RequestConsult("c1", Purpose.SINGLE_TRANSFER, "1001", "5001"))
    bench.resolve(DestinationKind.ROUTE_POINT, dn="5001")
    assert bench.event("EventRouteRequest").this_dn == "5001"
    assert bench.call.data.phase == "waiting"
    assert "EventRouteUsed" not in bench.names()
    bench.do(i.RequestApplyTreatment("t9", TreatmentType.MUSIC))
    assert bench.sent(o.Invite).role is LegRole.MEDIA


def test_a_consultation_with_a_route_point_is_refused(bench, describe) -> None:
    bench.talk()
    bench.do(i.RequestConsult("c1", Purpose.TRANSFER, "1001", "5001"))
    bench.resolve(DestinationKind.ROUTE_POINT, dn="5001")
    assert bench.event("EventError").reason == "invalid_destination"
    assert bench.call.data.consult is None


def test_a_conference_mixes_three_and_two_stay_when_one_leaves(bench, describe) -> None:
    agent, third = connected(bench, describe, Purpose.CONFERENCE)
    bench.do(i.RequestComplete("t1", Purpose.CONFERENCE, "1001"))
    added = bench.event("EventPartyAdded")
    assert (added.this_dn, added.third_party_dn, added.call_state) == ("1001", "1002", 2)
    rooms = [out for out in bench.last if isinstance(out, o.Mix)]
    for out in [out for out in bench.last if isinstance(out, o.Invite)]:
        bench.do(i.Answered(out.leg, describe(out.leg)))
        while offers := [leg.id for leg in bench.call.data.legs.values() if leg.reoffer]:
            for leg in offers:
                bench.do(i.ReofferAnswered(leg, describe(leg)))
                rooms += [made for made in bench.last if isinstance(made, o.Mix)]
    assert len(rooms) == 3
    assert {mix.room for mix in rooms} == {bench.call.data.call_uuid}
    assert len(partners(bench)) == 3
    bench.do(i.HungUp(agent))
    assert bench.event("EventPartyDeleted").third_party_dn == "1001"
    settle(bench, describe)
    assert partners(bench) == {frozenset(("in1", third))}
    assert sorted(bench.legs_left()) == sorted(["in1", third])
    bench.do(i.HungUp(third))
    assert bench.call.over or bench.legs_left() == []


def test_one_of_our_phones_that_called_can_give_the_call_away(bench, describe) -> None:
    """1003 has called 1001 and transfers 1001 to 1002."""
    bench.do(i.Incoming("in1", "1003", "1001", describe("caller"), origin_dn="1003"))
    bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
    target = bench.sent(o.Invite).leg
    bench.do(i.Answered(target, describe("agent")))
    third = consult(bench, describe, this_dn="1003")
    settle(bench, describe)
    bench.do(i.Answered(third, describe("third")))
    settle(bench, describe)
    bench.do(i.RequestComplete("t1", Purpose.TRANSFER, "1003"))
    assert bench.sent(o.Bye).leg == "in1"
    assert {e.this_dn for e in bench.last if isinstance(e, o.Event) and e.name == "EventPartyChanged"} == {
        "1001",
        "1002",
    }
    settle(bench, describe)
    assert partners(bench) == {frozenset((target, third))}


def test_a_phone_that_called_and_holds_gives_the_other_one_music(bench, describe) -> None:
    bench.do(i.Incoming("in1", "1003", "1001", describe("caller"), origin_dn="1003"))
    bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
    target = bench.sent(o.Invite).leg
    bench.do(i.Answered(target, describe("agent")))
    bench.do(i.OfferReceived("in1", describe("caller", direction="sendonly")))
    assert "a=recvonly" in (bench.sent(o.AnswerOffer).sdp or "")
    assert (bench.event("EventHeld").this_dn, bench.sent(o.Invite).role) == ("1003", LegRole.MEDIA)
    bench.do(i.Answered(bench.sent(o.Invite).leg, describe("music")))
    assert "c=IN IP4 music" in offered(bench, target)
    bench.do(i.ReofferAnswered(target, describe("agent")))
    assert bench.sent(o.Play).type is TreatmentType.MUSIC
    bench.do(i.OfferReceived("in1", describe("caller")))
    bench.do(i.ReofferAnswered(target, describe("agent")))
    assert bench.names() == ["EventRetrieved"]
    settle(bench, describe)
    assert partners(bench) == {frozenset(("in1", target))}
    assert sorted(bench.legs_left()) == sorted(["in1", target])


def test_a_device_that_rings_gives_the_call_on(bench, describe) -> None:
    bench.arrive().treat()
    agent = bench.route()
    bench.do(i.RequestRedirectCall("x", "1001", "1002"))
    assert (bench.event("EventReleased").reason, bench.sent(o.Cancel).leg) == ("redirected", agent)
    bench.resolve(DestinationKind.DN, dn="1002", target="dn=1002")
    assert bench.event("EventRinging").this_dn == "1002"
    assert bench.event("EventRinging").reference == "r1"


def test_keys_go_to_the_other_party_and_to_who_waits_by_the_media_server(bench, describe) -> None:
    media = bench.arrive().treat()
    bench.do(i.ReofferAnswered("in1", describe("caller")))
    bench.do(i.RequestSendDtmf("d", "12#"))
    assert bench.sent(o.SendDigits) == o.SendDigits(media, "d", "12#")
    bench.do(i.DigitsSent(media, "d", "12#"))
    assert (bench.event("EventDTMFSent").digits, bench.event("EventDTMFSent").reference) == ("12#", "d")
    bench.do(i.RequestSendDtmf("e", "12x"))
    assert bench.event("EventError").reason == "invalid_digits"


def test_keys_of_an_agent_go_to_the_caller(bench) -> None:
    bench.talk()
    bench.do(i.RequestSendDtmf("d", "5", "1001"))
    assert bench.sent(o.SendDigits).leg == "in1"


def test_user_data_is_deleted_by_key_or_whole(bench) -> None:
    bench.talk()
    bench.do(i.RequestAttachUserData("u", {"a": "1", "b": "2", "c": "3"}))
    bench.do(i.RequestDeleteUserData("v", ("a", "unknown")))
    assert bench.event("EventAttachedDataChanged").user_data == {"b": "2", "c": "3"}
    bench.do(i.RequestDeleteUserData("w"))
    assert bench.event("EventAttachedDataChanged").user_data == {}


@pytest.mark.parametrize(
    "request_",
    [
        i.RequestComplete("x", Purpose.TRANSFER),
        i.RequestReconnectCall("x"),
        i.RequestAlternateCall("x"),
        i.RequestDeleteFromConference("x", "1001"),
        i.RequestConsult("x", Purpose.TRANSFER, "9999", "1002"),
    ],
)
def test_without_a_third_party_there_is_nothing_to_complete(bench, request_) -> None:
    bench.talk()
    bench.do(request_)
    assert (bench.event("EventError").reason, bench.event("EventError").reference) == ("invalid_state", "x")
