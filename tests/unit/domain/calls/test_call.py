"""The journeys of a call, step by step."""

from collections.abc import Callable

import pytest

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.call import Call
from ringback.domain.calls.types import DestinationKind, LegRole, RouteType, TreatmentType

Describe = Callable[..., str]


class TestInbound:
    def test_the_dial_plan_is_asked_where_the_number_goes(self, bench) -> None:
        bench.do(i.Incoming("in1", "+15550001", "5000", "offer"))
        assert bench.sent(o.AskDialplan) == o.AskDialplan("ask1", "5000", "+15550001", "trunk")
        assert bench.names() == ["EventCallCreated"]

    def test_an_unknown_number_is_answered_404(self, bench) -> None:
        bench.do(i.Incoming("in1", "+15550001", "9", "offer"))
        bench.resolve(DestinationKind.REJECT, status=404)
        assert bench.sent(o.Answer).status == 404
        assert bench.event("EventCallDeleted").reason == "unknown_number"
        assert bench.call.over

    def test_a_dial_plan_that_does_not_answer_ends_the_call_with_503(self, bench) -> None:
        bench.do(i.Incoming("in1", "+15550001", "5000", "offer"))
        bench.pass_time(5)
        assert bench.sent(o.Answer).status == 503

    def test_a_route_point_asks_for_instructions_and_rings(self, bench) -> None:
        bench.arrive()
        assert bench.sent(o.Provisional) == o.Provisional("in1", 180)
        event = bench.event("EventRouteRequest")
        assert (event.this_dn, event.other_dn, event.dnis) == ("5000", "+15550001", "5000")

    def test_the_first_treatment_answers_the_caller_with_the_media_description(self, bench) -> None:
        bench.arrive()
        bench.do(i.RequestApplyTreatment("t1", TreatmentType.MUSIC, {"prompt": "welcome"}))
        invite = bench.sent(o.Invite)
        assert invite.role is LegRole.MEDIA
        assert "c=IN IP4 caller" in (invite.sdp or "")
        bench.do(i.Answered(invite.leg, "v=0\r\no=m 1 1 IN IP4 m\r\nc=IN IP4 m\r\nm=audio 9 RTP/AVP 0\r\n"))
        answer = bench.sent(o.Answer)
        assert answer.status == 200
        assert "c=IN IP4 m" in (answer.sdp or "")
        assert bench.sent(o.Play) == o.Play(invite.leg, "t1", TreatmentType.MUSIC, {"prompt": "welcome"})
        bench.do(i.MediaStarted(invite.leg, "t1"))
        assert bench.names() == ["EventTreatmentApplied"]

    def test_collected_digits_come_with_the_end_of_the_treatment(self, bench) -> None:
        media = bench.arrive().treat("t1")
        bench.do(i.MediaEnded(media, "t1", "finished", "42"))
        event = bench.event("EventTreatmentEnd")
        assert (event.digits, event.reference, event.reason) == ("42", "t1", "finished")

    def test_a_second_treatment_plays_on_the_same_media_leg(self, bench) -> None:
        media = bench.arrive().treat("t1")
        bench.do(i.RequestApplyTreatment("t2", TreatmentType.PLAY_ANNOUNCEMENT))
        assert bench.none(o.Invite)
        assert (bench.sent(o.Play).leg, bench.sent(o.Play).reference) == (media, "t2")
        assert bench.event("EventTreatmentEnd").reason == "superseded"

    def test_a_late_end_of_the_first_treatment_does_not_end_the_second(self, bench) -> None:
        media = bench.arrive().treat("t1")
        bench.do(i.RequestApplyTreatment("t2", TreatmentType.MUSIC))
        bench.do(i.MediaEnded(media, "t1"))
        assert bench.names() == []

    def test_without_media_the_treatment_is_not_applied(self, bench) -> None:
        bench.arrive()
        bench.do(i.RequestApplyTreatment("t1", TreatmentType.MUSIC))
        bench.do(i.Failed(bench.sent(o.Invite).leg, 503))
        assert bench.event("EventTreatmentNotApplied").reason == "media_unavailable"
        assert bench.legs_left() == ["in1"]

    def test_music_begins_again_on_another_media_leg_when_its_server_is_lost(
        self, bench, describe: Describe
    ) -> None:
        media = bench.arrive().treat("t1")
        bench.do(i.HungUp(media))
        again = bench.sent(o.Invite)
        assert (again.role, again.leg != media) == (LegRole.MEDIA, True)
        bench.do(i.Answered(again.leg, describe("media2")))
        assert "c=IN IP4 media2" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.sent(o.Play).reference == "t1"
        bench.do(i.MediaStarted(again.leg, "t1"))
        assert bench.names() == []

    def test_lost_media_that_is_not_there_yet_is_asked_for_again(self, bench) -> None:
        media = bench.arrive().treat("t1")
        bench.do(i.HungUp(media))
        bench.do(i.Failed(bench.sent(o.Invite).leg, 503))
        assert bench.names() == []
        bench.pass_time(2)
        assert bench.sent(o.Invite).role is LegRole.MEDIA

    def test_media_that_is_lost_again_and_again_ends_the_treatment(self, bench, describe: Describe) -> None:
        leg = bench.arrive().treat("t1")
        for _ in range(5):
            bench.do(i.HungUp(leg))
            leg = bench.sent(o.Invite).leg
            bench.do(i.Answered(leg, describe("media2")))
            bench.do(i.ReofferAnswered("in1", describe("caller")))
        bench.do(i.HungUp(leg))
        assert bench.event("EventTreatmentEnd").reason == "error"

    def test_without_instructions_the_default_dn_is_tried(self, bench) -> None:
        bench.arrive()
        bench.pass_time(15)
        assert bench.sent(o.AskDialplan).number == "1999"
        bench.resolve(DestinationKind.REJECT, status=404)
        assert bench.event("EventCallDeleted").reason == "unknown_number"

    def test_the_use_of_the_default_dn_is_told(self, bench, describe: Describe) -> None:
        bench.arrive()
        bench.pass_time(15)
        bench.resolve(DestinationKind.DN, dn="1999", target="dn=1999")
        bench.do(i.Answered(bench.sent(o.Invite).leg, describe("agent")))
        assert bench.event("EventRouteUsed").reason == "default_route"


class TestRouting:
    def test_the_agent_is_offered_the_callers_own_description(self, bench) -> None:
        bench.arrive().treat()
        bench.route(timeout_s=15)
        invite = bench.sent(o.Invite)
        assert (invite.role, invite.target) == (LegRole.AGENT, "dn=1001")
        assert "c=IN IP4 caller" in (invite.sdp or "")
        event = bench.event("EventRinging")
        assert (event.this_dn, event.agent_id, event.this_queue, event.reference) == (
            "1001",
            "anna",
            "5000",
            "r1",
        )

    def test_the_caller_moves_to_the_agent_and_the_music_stops(self, bench, describe: Describe) -> None:
        media = bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Answered(agent, describe("agent")))
        offer = bench.sent(o.SendOffer)
        assert offer.leg == "in1"
        assert "c=IN IP4 agent" in offer.sdp
        assert bench.sent(o.Ack) == o.Ack(agent)
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.names() == [
            "EventTreatmentEnd",
            "EventRouteUsed",
            "EventDiverted",
            "EventEstablished",
        ]
        assert bench.sent(o.Bye).leg == media
        assert bench.event("EventEstablished").reference == "r1"

    def test_a_caller_not_yet_answered_is_answered_by_the_agent(self, bench, describe: Describe) -> None:
        agent = bench.arrive().route()
        bench.do(i.Answered(agent, describe("agent")))
        assert "c=IN IP4 agent" in (bench.sent(o.Answer).sdp or "")
        assert "EventEstablished" in bench.names()

    def test_our_origin_line_stays_and_only_its_version_grows(self, bench, describe: Describe) -> None:
        """RFC 3264 8"""
        bench.arrive().treat()
        first = bench.call.data.legs["in1"].local_sdp or ""
        agent = bench.route()
        bench.do(i.Answered(agent, describe("agent")))
        second = bench.sent(o.SendOffer).sdp
        lines = [next(line for line in text.split("\r\n") if line[0] == "o") for text in (first, second)]
        before, after = lines[0].split(), lines[1].split()
        assert before[:2] == after[:2]
        assert int(after[2]) == int(before[2]) + 1

    def test_a_caller_who_answers_from_another_address_is_made_known_to_the_agent(
        self, bench, describe: Describe
    ) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Answered(agent, describe("agent")))
        bench.do(i.ReofferAnswered("in1", describe("elsewhere")))
        assert bench.sent(o.SendOffer).leg == agent
        assert "c=IN IP4 elsewhere" in bench.sent(o.SendOffer).sdp

    def test_no_answer_cancels_the_agent_and_the_music_goes_on(self, bench) -> None:
        bench.arrive().treat()
        agent = bench.route(timeout_s=15)
        bench.do(i.Progress(agent, 180))
        bench.pass_time(15)
        assert bench.sent(o.Cancel).leg == agent
        assert bench.names() == ["EventReleased", "EventError"]
        released, error = bench.event("EventReleased"), bench.event("EventError")
        assert (released.this_dn, released.agent_id, released.call_state) == ("1001", "anna", 7)
        assert (error.this_dn, error.reference, error.reason) == ("5000", "r1", "no_answer")
        assert bench.none(o.Bye)
        assert bench.call.data.treatment is not None

    @pytest.mark.parametrize(
        ("statuses", "reason"),
        [
            ((180, 603), "rejected"),
            ((180, 486), "rejected"),
            ((486,), "busy"),
            ((480,), "unreachable"),
            ((408,), "unreachable"),
            ((180, 408), "no_answer"),
            ((500,), "network"),
            ((180, 503), "network"),
            ((503,), "network"),
            ((488,), "unreachable"),
        ],
    )
    def test_an_agent_who_cannot_take_the_call_is_reported_with_the_reason(
        self, bench, statuses: tuple[int, ...], reason: str
    ) -> None:
        bench.arrive().treat()
        agent = bench.route()
        for status in statuses:
            bench.do(i.Progress(agent, status) if status < 200 else i.Failed(agent, status))
        assert bench.event("EventError").reason == bench.event("EventReleased").reason == reason
        assert not bench.call.over

    def test_an_agent_whose_ringing_was_lost_with_its_node_is_not_to_blame(self, bench) -> None:
        bench.arrive().treat()
        bench.do(i.Lost(bench.route()))
        assert bench.event("EventReleased").reason == bench.event("EventError").reason == "network"

    @pytest.mark.parametrize(("heard_again", "reason"), [(False, "network"), (True, "no_answer")])
    def test_an_agent_who_could_not_be_heard_while_it_rang_is_not_to_blame(
        self, bench, heard_again: bool, reason: str
    ) -> None:
        bench.arrive().treat()
        agent = bench.route(timeout_s=15)
        bench.do(i.Progress(agent, 180))
        bench.do(i.Interrupted(agent))
        if heard_again:
            bench.do(i.Progress(agent, 180))
        bench.pass_time(15)
        assert bench.event("EventReleased").reason == reason
        assert bench.sent(o.Cancel).leg == agent

    def test_after_a_failure_another_agent_may_be_tried(self, bench, describe: Describe) -> None:
        bench.arrive().treat()
        bench.do(i.Failed(bench.route("r1"), 486))
        agent = bench.route("r2")
        bench.do(i.Answered(agent, describe("agent")))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.event("EventEstablished").reference == "r2"

    def test_a_200_that_crosses_the_cancel_gets_ack_and_bye(self, bench, describe: Describe) -> None:
        """RFC 3261 9.1"""
        bench.arrive().treat()
        agent = bench.route(timeout_s=15)
        bench.pass_time(15)
        bench.do(i.Answered(agent, describe("agent")))
        assert bench.last == [o.Ack(agent), o.Bye(agent)]

    def test_an_agent_who_hangs_up_while_being_joined_gives_the_caller_back_to_the_music(
        self, bench, describe: Describe
    ) -> None:
        media = bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Answered(agent, describe("agent")))
        bench.do(i.HungUp(agent))
        assert bench.event("EventError").reason == "unreachable"
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert "c=IN IP4 media" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.call.data.legs["in1"].peer == media

    def test_an_agent_who_answers_without_a_description_is_let_go(self, bench) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Answered(agent, ""))
        assert bench.sent(o.Bye) == o.Bye(agent, 488)
        assert bench.event("EventError").reason == "unreachable"
        assert agent not in bench.legs_left()

    def test_a_second_route_while_one_is_under_way_is_refused(self, bench) -> None:
        bench.arrive().treat()
        bench.route("r1")
        bench.do(i.RequestRouteCall("r2", "1002"))
        error = bench.event("EventError")
        assert (error.reference, error.reason) == ("r2", "invalid_state")

    def test_a_reserved_agent_whose_phone_is_gone_is_released_as_unreachable(self, bench) -> None:
        bench.arrive().treat()
        bench.do(i.RequestRouteCall("r1", "1001", agent_id="anna"))
        bench.resolve(DestinationKind.REJECT, status=480)
        released = bench.event("EventReleased")
        assert (released.this_dn, released.agent_id, released.reason) == ("1001", "anna", "unreachable")
        assert bench.names() == ["EventReleased", "EventError"]

    def test_a_dial_plan_that_is_away_is_not_the_agents_fault(self, bench) -> None:
        bench.arrive().treat()
        bench.do(i.RequestRouteCall("r1", "1001", agent_id="anna"))
        bench.pass_time(5)
        assert bench.names() == ["EventError"]

    def test_a_ringing_agent_hears_of_any_end_of_the_call(self, bench) -> None:
        bench.arrive().treat()
        bench.route()
        bench.do(i.RequestReleaseCall("x", "5000"))
        assert bench.names() == ["EventAbandoned", "EventTreatmentEnd", "EventCallDeleted"]
        assert bench.event("EventAbandoned").agent_id == "anna"

    def test_route_type_reject_ends_the_call(self, bench) -> None:
        bench.arrive()
        bench.do(i.RequestRouteCall("r1", "", RouteType.REJECT))
        assert bench.sent(o.Answer).status == 403

    def test_a_ringing_agents_release_is_a_refusal(self, bench) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.RequestReleaseCall("x", "1001"))
        assert bench.sent(o.Cancel).leg == agent
        assert bench.event("EventError").reason == "rejected"


class TestHangUp:
    def test_a_caller_who_leaves_while_waiting_has_abandoned(self, bench) -> None:
        media = bench.arrive().treat()
        bench.do(i.HungUp("in1"))
        assert bench.names() == ["EventAbandoned", "EventTreatmentEnd", "EventCallDeleted"]
        assert bench.event("EventAbandoned").this_dn == "5000"
        assert bench.event("EventCallDeleted").result == "abandoned"
        assert bench.sent(o.Bye).leg == media

    def test_the_ringing_agent_is_cancelled_at_once(self, bench) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.HungUp("in1"))
        assert bench.sent(o.Cancel).leg == agent
        abandoned = [event for event in bench.events if event.name == "EventAbandoned"]
        assert [(event.this_dn, event.agent_id) for event in abandoned] == [("1001", "anna"), ("5000", "")]
        bench.do(i.Failed(agent, 487))
        assert bench.call.over

    def test_a_cancelled_leg_that_never_answers_is_forgotten(self, bench) -> None:
        bench.arrive().treat()
        bench.route()
        bench.do(i.HungUp("in1"))
        assert not bench.call.over
        bench.pass_time(40)
        assert bench.call.over

    @pytest.mark.parametrize("side", ["caller", "agent"])
    def test_either_side_ends_the_talk(self, bench, side: str) -> None:
        _, agent = bench.talk()
        bench.do(i.HungUp("in1" if side == "caller" else agent))
        assert bench.sent(o.Bye).leg == (agent if side == "caller" else "in1")
        assert bench.names() == ["EventReleased", "EventCallDeleted"]
        assert bench.event("EventReleased").agent_id == "anna"
        assert bench.event("EventCallDeleted").result == "completed"
        assert bench.call.over

    def test_byes_that_cross_end_the_call_once(self, bench) -> None:
        _, agent = bench.talk()
        bench.do(i.HungUp(agent))
        assert bench.do(i.HungUp("in1")) == []

    def test_clear_call_ends_every_leg(self, bench) -> None:
        bench.talk()
        bench.do(i.RequestClearCall("c1"))
        assert bench.legs_left() == []


class TestHold:
    def test_the_holder_is_answered_and_the_caller_hears_music(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived(agent, describe("agent", direction="sendonly")))
        answer = bench.sent(o.AnswerOffer)
        assert (answer.leg, answer.status) == (agent, 200)
        assert "a=recvonly" in (answer.sdp or "")
        assert bench.names() == ["EventHeld"]
        media = bench.sent(o.Invite).leg
        bench.do(i.Answered(media, describe("media2")))
        assert "c=IN IP4 media2" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.sent(o.Play).type is TreatmentType.MUSIC

    def test_retrieve_joins_them_again_and_drops_the_music(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived(agent, describe("agent", direction="sendonly")))
        media = bench.sent(o.Invite).leg
        bench.do(i.Answered(media, describe("media2")))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        bench.do(i.OfferReceived(agent, describe("agent", direction="sendrecv")))
        assert bench.sent(o.SendOffer).leg == "in1"
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.sent(o.AnswerOffer).leg == agent
        assert bench.sent(o.Bye).leg == media
        assert bench.names() == ["EventRetrieved"]

    def test_a_retrieve_before_the_music_began_cancels_it(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived(agent, describe("agent", direction="inactive")))
        media = bench.sent(o.Invite).leg
        bench.do(i.OfferReceived(agent, describe("agent")))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.sent(o.Cancel).leg == media

    def test_the_callers_hold_is_passed_through(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived("in1", describe("caller", direction="sendonly")))
        assert "a=sendonly" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(agent, describe("agent", direction="recvonly")))
        assert (bench.sent(o.AnswerOffer).leg, bench.sent(o.AnswerOffer).status) == ("in1", 200)

    def test_hold_and_retrieve_by_request(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.RequestHoldCall("h1", "1001"))
        assert "a=inactive" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(agent, describe("agent", direction="inactive")))
        assert bench.names() == ["EventHeld"]
        bench.do(i.Answered(bench.sent(o.Invite).leg, describe("media2")))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        bench.do(i.RequestRetrieveCall("h2", "1001"))
        assert "a=sendrecv" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(agent, describe("agent")))
        assert bench.names() == ["EventRetrieved"]
        assert bench.sent(o.SendOffer).leg == "in1"
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.call.data.legs["in1"].peer == agent

    def test_a_retrieve_while_the_music_is_being_joined_is_carried_out(
        self, bench, describe: Describe
    ) -> None:
        _, agent = bench.talk()
        bench.do(i.RequestHoldCall("h1", "1001"))
        bench.do(i.ReofferAnswered(agent, describe("agent", direction="inactive")))
        bench.do(i.Answered(bench.sent(o.Invite).leg, describe("media2")))
        bench.do(i.RequestRetrieveCall("h2", "1001"))
        assert bench.names() == []
        bench.do(i.ReofferAnswered(agent, describe("agent")))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert "c=IN IP4 agent" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.call.data.legs["in1"].peer == agent

    def test_offers_from_both_sides_at_once_are_answered_491(self, bench, describe: Describe) -> None:
        """RFC 3261 14.2"""
        _, agent = bench.talk()
        bench.do(i.OfferReceived("in1", describe("caller")))
        bench.do(i.OfferReceived(agent, describe("agent")))
        assert bench.sent(o.AnswerOffer) == o.AnswerOffer(agent, 491)

    def test_a_retrieve_that_crosses_the_move_to_the_music_waits_for_it(
        self, bench, describe: Describe
    ) -> None:
        """RFC 3261 14.2 wants 491 only where it crosses ours in its own dialog."""
        agent = held_while_moving(bench, describe)
        bench.do(i.OfferReceived(agent, describe("agent")))
        assert bench.last == []
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.sent(o.SendOffer).leg == "in1"
        assert bench.none(o.AnswerOffer)
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert (bench.sent(o.AnswerOffer).leg, bench.sent(o.AnswerOffer).status) == (agent, 200)
        assert bench.names() == ["EventRetrieved"]
        assert not bench.call.data.put_off
        assert "offer" not in {name.partition(":")[0] for name in bench.call.data.timers}

    def test_an_offer_that_waits_too_long_is_answered_491(self, bench, describe: Describe) -> None:
        """RFC 3261 14.2: the other end tries again; what comes after it is a new offer."""
        agent = held_while_moving(bench, describe)
        bench.do(i.OfferReceived(agent, describe("agent")))
        bench.pass_time(4.9)
        assert bench.none(o.AnswerOffer)
        bench.pass_time(0.2)
        assert bench.sent(o.AnswerOffer) == o.AnswerOffer(agent, 491)
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.none(o.SendOffer)
        bench.do(i.OfferReceived(agent, describe("agent")))
        assert bench.sent(o.SendOffer).leg == "in1"

    def test_an_offer_that_is_withdrawn_while_it_waits_changes_nothing(
        self, bench, describe: Describe
    ) -> None:
        """RFC 3261 14.2: a cancelled re-INVITE leaves the session as it was."""
        agent = held_while_moving(bench, describe)
        bench.do(i.OfferReceived(agent, describe("agent")))
        bench.do(i.OfferWithdrawn(agent))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.none(o.SendOffer)
        assert bench.call.data.legs[agent].held

    def test_no_offer_of_ours_is_sent_where_one_waits(self, bench, describe: Describe) -> None:
        """RFC 3261 14.1: one INVITE in a dialog, in either direction."""
        agent = held_while_moving(bench, describe)
        bench.do(i.OfferReceived(agent, describe("agent")))
        bench.do(i.RefreshDue(agent))
        assert bench.last == []

    def test_an_offer_that_waits_when_the_call_ends_is_answered_487(self, bench, describe: Describe) -> None:
        """RFC 3261 15.1.2"""
        agent = held_while_moving(bench, describe)
        bench.do(i.OfferReceived(agent, describe("agent")))
        bench.do(i.HungUp("in1"))
        assert bench.sent(o.AnswerOffer) == o.AnswerOffer(agent, 487)
        assert bench.event("EventCallDeleted").reason == "caller_hung_up"

    def test_an_offer_that_crosses_ours_in_its_own_dialog_is_answered_491_at_once(
        self, bench, describe: Describe
    ) -> None:
        """RFC 3261 14.2: the one case in which it must be. Ours, refused in turn, is tried again (14.1)."""
        _, agent = bench.talk()
        bench.do(i.RequestHoldCall("h1", "1001"))
        bench.do(i.OfferReceived(agent, describe("agent")))
        assert bench.sent(o.AnswerOffer) == o.AnswerOffer(agent, 491)
        bench.do(i.ReofferFailed(agent, 491))
        bench.do(i.OfferReceived(agent, describe("agent", 4002)))
        assert bench.sent(o.SendOffer).leg == "in1"
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.sent(o.AnswerOffer).status == 200
        bench.pass_time(4.0)
        assert bench.sent(o.SendOffer).leg == agent

    def test_an_offer_that_crosses_our_bye_is_answered_481(self, bench, describe: Describe) -> None:
        """RFC 3261 12.2.2"""
        _, agent = bench.talk()
        bench.do(i.HungUp("in1"))
        bench.do(i.OfferReceived(agent, describe("agent")))
        assert bench.last == [o.AnswerOffer(agent, 481)]

    def test_a_join_refused_with_491_is_tried_again(self, bench, describe: Describe) -> None:
        """RFC 3261 14.1"""
        bench.arrive().treat()
        bench.do(i.Answered(bench.route(), describe("agent")))
        bench.do(i.ReofferFailed("in1", 491))
        assert bench.none(o.SendOffer)
        bench.pass_time(2)
        assert bench.sent(o.SendOffer).leg == "in1"

    def test_an_offerless_reinvite_is_answered_with_what_was_said_last(self, bench) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived(agent, None))
        assert bench.sent(o.AnswerOffer).sdp == bench.call.data.legs[agent].local_sdp

    def test_a_dialog_that_the_other_end_has_lost_ends_the_call(self, bench, describe: Describe) -> None:
        """RFC 3261 12.2.1.2"""
        _, agent = bench.talk()
        bench.do(i.OfferReceived("in1", describe("caller")))
        bench.do(i.ReofferFailed(agent, 481))
        assert bench.event("EventCallDeleted").reason == "dialog_lost"
        assert bench.legs_left() == []


def held_while_moving(bench, describe: Describe) -> str:
    """The agent holds, and the caller's move to the music has no answer yet; the agent's leg."""
    _, agent = bench.talk()
    bench.do(i.OfferReceived(agent, describe("agent", direction="sendonly")))
    bench.do(i.Answered(bench.sent(o.Invite).leg, describe("media2")))
    assert bench.sent(o.SendOffer).leg == "in1"
    return str(agent)


class TestDirect:
    def dial(self, bench, **more: object) -> str:
        bench.do(i.Incoming("in1", "1002", "1001", "offer", origin_dn="1002"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001", **more)
        return bench.sent(o.Invite).leg

    def test_a_dn_that_dials_a_dn(self, bench, describe: Describe) -> None:
        agent = self.dial(bench)
        assert bench.names() == ["EventDialing", "EventRinging"]
        bench.do(i.Progress(agent, 180))
        assert bench.sent(o.Provisional).status == 180
        bench.do(i.Answered(agent, describe("agent")))
        assert bench.names() == ["EventEstablished", "EventEstablished"]
        bench.do(i.HungUp("in1"))
        assert bench.names() == ["EventReleased", "EventReleased", "EventCallDeleted"]

    def test_rfc3323_4_1_1_3_who_does_not_want_to_be_known_is_shown_by_no_number_of_the_trunk(
        self, bench
    ) -> None:
        """RFC 3325 7: the trunk that is trusted hears all the same whose call it is."""
        for ani, shown in (("1002", "+15551000"), ("anonymous", "anonymous")):
            call = type(bench)()
            call.do(i.Incoming("in1", ani, "+15550009", "offer", origin_dn="1002"))
            call.resolve(DestinationKind.EXTERNAL, target="trunk=demo-carrier", caller_id="+15551000")
            invite = call.sent(o.Invite)
            assert invite.caller == shown
            assert call.call.data.legs[invite.leg].asserted == "+15551000"

    def test_a_caller_who_heard_busy_is_released(self, bench) -> None:
        bench.do(i.Failed(self.dial(bench), 486))
        assert bench.names() == ["EventReleased", "EventReleased", "EventCallDeleted"]
        assert bench.event("EventReleased").this_dn == "1002"

    def test_a_busy_dn_is_passed_on_to_the_caller(self, bench) -> None:
        bench.do(i.Failed(self.dial(bench), 486))
        assert bench.sent(o.Answer).status == 486

    def test_a_dn_that_does_not_answer_falls_back_to_its_mailbox(self, bench, describe: Describe) -> None:
        agent = self.dial(bench, on_no_answer="8500", ring_timeout_s=12.0)
        bench.pass_time(12)
        assert bench.sent(o.Cancel).leg == agent
        assert bench.sent(o.AskDialplan).number == "8500"
        bench.resolve(DestinationKind.MAILBOX, mailbox="8500")
        media = bench.sent(o.Invite).leg
        bench.do(i.Answered(media, describe("media")))
        play = bench.sent(o.Play)
        assert (play.type, play.parameters) == (
            TreatmentType.RECORD_USER_ANNOUNCEMENT,
            {"mailbox": "8500"},
        )
        bench.do(i.MediaStarted(media, play.reference))
        bench.do(i.MediaEnded(media, play.reference, "finished"))
        assert bench.event("EventCallDeleted").reason == "message_left"


class TestMakeCall:
    def dial(self, bench) -> str:
        bench.do(i.RequestMakeCall("m1", "5000", "+15550009", "+15551000", 25.0))
        bench.resolve(DestinationKind.ROUTE_POINT, dn="5000")
        bench.resolve(DestinationKind.EXTERNAL, target="trunk=demo-carrier", dn="")
        return bench.sent(o.Invite).leg

    def test_the_customer_is_invited_without_an_offer(self, bench) -> None:
        self.dial(bench)
        invite = bench.sent(o.Invite)
        assert (invite.sdp, invite.target, invite.caller) == (None, "trunk=demo-carrier", "+15551000")
        event = bench.event("EventDialing")
        assert (event.this_dn, event.other_dn, event.reference) == ("5000", "+15550009", "m1")

    def test_the_customer_is_connected_to_media_and_then_to_the_agent(
        self, bench, describe: Describe
    ) -> None:
        leg = self.dial(bench)
        bench.do(i.Progress(leg, 183))
        assert bench.names() == ["EventNetworkReached"]
        bench.do(i.Answered(leg, describe("customer")))
        established = bench.event("EventEstablished")
        assert (established.this_dn, established.reference, established.dial_result) == (
            "5000",
            "m1",
            "PERSON",
        )
        media = bench.sent(o.Invite)
        assert "c=IN IP4 customer" in (media.sdp or "")
        bench.do(i.Answered(media.leg, describe("media")))
        ack = [output for output in bench.last if isinstance(output, o.Ack) and output.leg == leg]
        assert "c=IN IP4 media" in (ack[0].sdp or "")
        agent = bench.route()
        assert bench.event("EventRinging").other_dn == "+15550009"
        bench.do(i.Answered(agent, describe("agent")))
        bench.do(i.ReofferAnswered(leg, describe("customer")))
        assert bench.event("EventEstablished").agent_id == "anna"

    @pytest.mark.parametrize(
        ("status", "first", "dial_result"),
        [
            (486, "EventDestinationBusy", "BUSY"),
            (480, "EventReleased", "NO_ANSWER"),
            (404, "EventReleased", "ERROR_TONE"),
            (503, "EventReleased", "CREATE_CALL_ERROR"),
        ],
    )
    def test_the_dial_result_follows_the_status(
        self, bench, status: int, first: str, dial_result: str
    ) -> None:
        bench.do(i.Failed(self.dial(bench), status))
        assert bench.names() == [first, "EventError", "EventCallDeleted"]
        assert bench.event("EventError").dial_result == dial_result
        assert bench.event("EventError").reference == "m1"

    def test_a_customer_who_does_not_answer_is_cancelled(self, bench) -> None:
        leg = self.dial(bench)
        bench.pass_time(25)
        assert bench.sent(o.Cancel).leg == leg
        assert bench.event("EventError").dial_result == "NO_ANSWER"

    def test_a_customer_who_cannot_be_given_media_is_let_go(self, bench, describe: Describe) -> None:
        leg = self.dial(bench)
        bench.do(i.Answered(leg, describe("customer")))
        for _ in range(5):
            bench.do(i.Failed(bench.sent(o.Invite).leg, 503))
            assert bench.names() == []
            bench.pass_time(1)
        bench.do(i.Failed(bench.sent(o.Invite).leg, 503))
        refusal = bench.sent(o.Ack)
        assert (refusal.leg, "m=audio 0" in (refusal.sdp or "")) == (leg, True)
        assert bench.sent(o.Bye).leg == leg

    def test_a_customer_who_has_answered_gets_media_when_it_is_back(self, bench, describe: Describe) -> None:
        leg = self.dial(bench)
        bench.do(i.Answered(leg, describe("customer")))
        bench.do(i.Failed(bench.sent(o.Invite).leg, 503))
        bench.pass_time(1)
        bench.do(i.Answered(bench.sent(o.Invite).leg, describe("media")))
        ack = next(output for output in bench.last if isinstance(output, o.Ack) and output.leg == leg)
        assert "c=IN IP4 media" in (ack.sdp or "")

    def test_a_customer_whose_dial_was_lost_with_its_node_may_have_heard_it_ring(self, bench) -> None:
        leg = self.dial(bench)
        bench.do(i.Progress(leg, 180))
        bench.do(i.Lost(leg))
        error = bench.event("EventError")
        assert (error.reference, error.reason, error.dial_result) == ("m1", "node_lost", "UNKNOWN")
        assert bench.names()[-1] == "EventCallDeleted"

    def test_a_customer_who_could_not_be_heard_may_have_answered(self, bench) -> None:
        bench.do(i.Interrupted(self.dial(bench)))
        bench.pass_time(25)
        assert bench.event("EventError").dial_result == "UNKNOWN"

    def test_a_customer_who_could_not_be_heard_has_time_to_be_heard_again(
        self, bench, describe: Describe
    ) -> None:
        leg = self.dial(bench)
        bench.now += 30
        bench.do(i.Interrupted(leg))
        bench.pass_time(9)
        assert bench.names() == []
        bench.do(i.Answered(leg, describe("customer")))
        assert bench.event("EventEstablished").dial_result == "PERSON"

    def test_a_dial_plan_that_is_away_is_no_result_of_a_dial(self, bench) -> None:
        bench.do(i.RequestMakeCall("m1", "5000", "+15550009", "", 25.0))
        bench.resolve(DestinationKind.REJECT, status=503)
        assert bench.event("EventError").dial_result == "CREATE_CALL_ERROR"

    def test_from_a_dn_the_dn_is_called_first_and_hears_ringing(self, bench, describe: Describe) -> None:
        bench.do(i.RequestMakeCall("m1", "1001", "+15550009"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        own = bench.sent(o.Invite).leg
        bench.do(i.Answered(own, describe("agent")))
        media = bench.sent(o.Invite).leg
        bench.resolve(DestinationKind.EXTERNAL, target="trunk=demo-carrier")
        other = bench.sent(o.Invite)
        assert "c=IN IP4 agent" in (other.sdp or "")
        bench.do(i.Answered(media, describe("media")))
        assert bench.sent(o.Play).type is TreatmentType.RINGBACK
        bench.do(i.Answered(other.leg, describe("customer")))
        bench.do(i.ReofferAnswered(own, describe("agent")))
        established = bench.event("EventEstablished")
        assert (established.this_dn, established.other_dn) == ("1001", "+15550009")


class TestOfferlessCaller:
    def test_the_answer_in_the_ack_reaches_the_media_leg(self, bench, describe: Describe) -> None:
        """RFC 3261 13.2.1: the offer is in our 200, the answer in the ACK."""
        bench.arrive(None)
        bench.do(i.RequestApplyTreatment("t1", TreatmentType.MUSIC))
        media = bench.sent(o.Invite)
        assert media.sdp is None
        bench.do(i.Answered(media.leg, describe("media")))
        assert "c=IN IP4 media" in (bench.sent(o.Answer).sdp or "")
        bench.do(i.AckReceived("in1", describe("caller")))
        ack = bench.sent(o.Ack)
        assert (ack.leg, "c=IN IP4 caller" in (ack.sdp or "")) == (media.leg, True)


class TestSnapshot:
    def test_a_restored_call_goes_on_where_it_stood(self, bench, describe: Describe) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.call = Call.restore(bench.call.snapshot())
        bench.do(i.Answered(agent, describe("agent")))
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.event("EventEstablished").agent_id == "anna"

    def test_attached_data_is_in_later_events(self, bench) -> None:
        bench.arrive()
        bench.do(i.RequestAttachUserData("a1", {"Language": "de"}))
        assert bench.event("EventAttachedDataChanged").user_data == {"Language": "de"}
        bench.route()
        assert bench.event("EventRinging").user_data == {"Language": "de"}


def test_the_trunk_that_is_wanted_is_asked_for_with_the_destination_only(bench) -> None:
    bench.do(i.RequestMakeCall("m1", "5000", "+15550009", "+15551000", 25.0, trunk="cheap"))
    assert bench.sent(o.AskDialplan).trunk == ""
    bench.resolve(DestinationKind.ROUTE_POINT, dn="5000")
    asked = bench.sent(o.AskDialplan)
    assert (asked.number, asked.trunk) == ("+15550009", "cheap")


class TestAgentFirst:
    """The agent answers before the customer is dialled."""

    def ring(self, bench) -> str:
        request = i.RequestMakeCall(
            "m1", "5000", "1001", "+15551000", 15.0, agent_id="anna", customer="+15550009", caller_name="Shop"
        )
        bench.do(request)
        bench.resolve(DestinationKind.ROUTE_POINT, dn="5000")
        bench.resolve(DestinationKind.DN, target="dn=1001", dn="1001")
        return bench.sent(o.Invite).leg

    def answered(self, bench, describe: Describe) -> str:
        agent = self.ring(bench)
        bench.do(i.Progress(agent, 180))
        bench.do(i.Answered(agent, describe("agent")))
        media = bench.sent(o.Invite).leg
        bench.do(i.Answered(media, describe("media")))
        return agent

    def customer(self, bench) -> str:
        bench.do(i.RequestRouteCall("r1", "+15550009", timeout_s=30.0))
        bench.resolve(DestinationKind.EXTERNAL, target="trunk=demo-carrier")
        return next(output.leg for output in bench.last if isinstance(output, o.Invite))

    def test_the_agents_phone_rings_with_the_customers_number(self, bench) -> None:
        self.ring(bench)
        assert bench.sent(o.Invite).caller == "+15550009"
        ringing = bench.event("EventRinging")
        assert (ringing.this_dn, ringing.agent_id, ringing.other_dn) == ("1001", "anna", "+15550009")

    def test_the_customer_sees_the_number_and_name_of_the_service_and_talks_to_the_agent(
        self, bench, describe: Describe
    ) -> None:
        agent = self.answered(bench, describe)
        established = bench.event("EventEstablished")
        assert (established.reference, established.this_dn, established.agent_id) == ("m1", "1001", "anna")
        customer = self.customer(bench)
        invite = bench.sent(o.Invite)
        assert (invite.caller, "c=IN IP4 agent" in (invite.sdp or "")) == ("+15551000", True)
        assert bench.call.data.legs[customer].caller_name == "Shop"
        bench.do(i.Answered(customer, describe("customer")))
        bench.do(i.ReofferAnswered(agent, describe("agent")))
        assert "EventRouteUsed" in bench.names() and "EventEstablished" not in bench.names()
        assert bench.call.data.phase == "connected"
        bench.do(i.HungUp(customer))
        released = bench.event("EventReleased")
        assert (released.this_dn, released.agent_id) == ("1001", "anna")

    @pytest.mark.parametrize(
        ("status", "reason"), [(486, "busy"), (480, "unreachable"), (404, "unreachable"), (503, "network")]
    )
    def test_an_agent_who_does_not_answer_is_released_and_the_session_told(
        self, bench, status: int, reason: str
    ) -> None:
        agent = self.ring(bench)
        bench.do(i.Failed(agent, status))
        assert (bench.event("EventError").reference, bench.event("EventError").reason) == ("m1", reason)
        released = bench.event("EventReleased")
        assert (released.this_dn, released.agent_id, released.reason) == ("1001", "anna", reason)

    def test_silence_ends_the_ringing(self, bench) -> None:
        self.ring(bench)
        bench.pass_time(15.1)
        assert bench.event("EventReleased").reason == "no_answer"
        assert bench.event("EventCallDeleted").reason == "no_answer"

    def test_a_customer_who_is_busy_leaves_the_agent_on_the_line(self, bench, describe: Describe) -> None:
        self.answered(bench, describe)
        customer = self.customer(bench)
        bench.do(i.Failed(customer, 486))
        error = bench.event("EventError")
        assert (error.reference, error.dial_result) == ("r1", "BUSY")
        assert bench.call.data.phase == "waiting"

    def test_an_agent_who_hangs_up_takes_the_customers_call_back(self, bench, describe: Describe) -> None:
        agent = self.answered(bench, describe)
        customer = self.customer(bench)
        bench.do(i.Progress(customer, 180))
        bench.do(i.HungUp(agent))
        assert bench.sent(o.Cancel).leg == customer
        assert bench.names()[-1] == "EventCallDeleted" and "EventReleased" in bench.names()


class TestAnswerDetection:
    def answered(self, bench, describe: Describe) -> str:
        bench.do(i.RequestMakeCall("m1", "5000", "+15550009", detect_s=5.0))
        bench.resolve(DestinationKind.ROUTE_POINT, dn="5000")
        bench.resolve(DestinationKind.EXTERNAL, target="trunk=demo-carrier", dn="")
        bench.do(i.Answered(bench.sent(o.Invite).leg, describe("customer")))
        assert bench.names() == []
        media = bench.sent(o.Invite).leg
        bench.do(i.Answered(media, describe("media")))
        play = bench.sent(o.Play)
        assert (play.type, play.parameters) == (TreatmentType.ANSWER_DETECTION, {"timeout_s": 5.0})
        bench.do(i.MediaStarted(media, play.reference))
        assert bench.names() == []
        return media

    @pytest.mark.parametrize(
        ("heard", "next_"),
        [
            ("PERSON", TreatmentType.MUSIC),
            ("ANSWERING_MACHINE", TreatmentType.SILENCE),
            ("FAX", TreatmentType.SILENCE),
            ("", TreatmentType.MUSIC),
        ],
    )
    def test_the_verdict_comes_with_the_answer(
        self, bench, describe: Describe, heard: str, next_: TreatmentType
    ) -> None:
        media = self.answered(bench, describe)
        bench.do(i.MediaEnded(media, "detection", heard=heard))
        assert bench.event("EventEstablished").dial_result == (heard or "PERSON")
        assert bench.names() == ["EventEstablished"]
        assert bench.sent(o.Play).type is next_
        bench.do(i.MediaEnded(media, "detection", heard="FAX"))
        assert bench.names() == []

    def test_without_a_verdict_it_is_a_person(self, bench, describe: Describe) -> None:
        self.answered(bench, describe)
        bench.pass_time(8.1)
        assert bench.event("EventEstablished").dial_result == "PERSON"


class TestPredictiveCall:
    def answered(self, bench, describe: Describe, detect_s: float = 0.0) -> str:
        """The customer has answered, and has media."""
        bench.do(i.RequestMakeCall("p1", "5000", "+15550009", detect_s=detect_s, predictive=True))
        bench.resolve(DestinationKind.ROUTE_POINT, dn="5000", default_dn="1999")
        bench.resolve(DestinationKind.EXTERNAL, target="trunk=demo-carrier", dn="")
        bench.do(i.Answered(bench.sent(o.Invite).leg, describe("customer")))
        names = bench.names()
        media = bench.sent(o.Invite).leg
        assert names == ([] if detect_s else ["EventEstablished", "EventRouteRequest"])
        bench.do(i.Answered(media, describe("media")))
        return media

    def test_a_person_stands_on_the_route_point_like_a_caller(self, bench, describe: Describe) -> None:
        media = self.answered(bench, describe, 5.0)
        bench.do(i.MediaStarted(media, "detection"))
        bench.do(i.MediaEnded(media, "detection", heard="PERSON"))
        assert bench.names() == ["EventEstablished", "EventRouteRequest"]
        asked = bench.event("EventRouteRequest")
        assert (asked.this_dn, asked.other_dn) == ("5000", "+15550009")

    def test_a_machine_is_let_go(self, bench, describe: Describe) -> None:
        media = self.answered(bench, describe, 5.0)
        bench.do(i.MediaStarted(media, "detection"))
        bench.do(i.MediaEnded(media, "detection", heard="ANSWERING_MACHINE"))
        assert bench.event("EventEstablished").dial_result == "ANSWERING_MACHINE"
        assert "EventRouteRequest" not in bench.names()
        assert bench.names()[-1] == "EventCallDeleted"

    def test_without_an_application_the_default_dn_is_tried(self, bench, describe: Describe) -> None:
        self.answered(bench, describe)
        bench.pass_time(15)
        assert bench.sent(o.AskDialplan).number == "1999"

    def test_from_what_is_no_route_point_nobody_is_dialled(self, bench) -> None:
        bench.do(i.RequestMakeCall("p1", "1001", "+15550009", predictive=True))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        assert bench.names()[-2:] == ["EventError", "EventCallDeleted"]
