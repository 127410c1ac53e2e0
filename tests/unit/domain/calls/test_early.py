"""Early media and offers before the answer; reasons that are passed on; hops."""

from collections.abc import Callable

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.types import DestinationKind, LegRole, Phase, TreatmentType

Describe = Callable[..., str]


def dialled(bench, describe: Describe) -> str:
    """A caller who waits for the answer of a number outside; the leg that is invited."""
    bench.do(i.Incoming("in1", "1001", "+15550009", describe("caller"), origin_dn="1001"))
    bench.resolve(DestinationKind.EXTERNAL, dn="+15550009", target="trunk=carrier")
    return bench.sent(o.Invite).leg


class TestEarlyMedia:
    def test_a_caller_who_waits_hears_what_the_network_says(self, bench, describe: Describe) -> None:
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 183, describe("network")))
        said = bench.sent(o.Provisional)
        assert (said.leg, said.status) == ("in1", 183)
        assert "c=IN IP4 network" in (said.sdp or "")

    def test_ringing_that_comes_before_it_does_not_hide_it(self, bench, describe: Describe) -> None:
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 180))
        assert bench.sent(o.Provisional) == o.Provisional("in1", 180)
        bench.do(i.Progress(leg, 183, describe("network")))
        assert bench.sent(o.Provisional).sdp

    def test_ringing_with_a_description_stays_ringing(self, bench, describe: Describe) -> None:
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 180, describe("network")))
        assert bench.sent(o.Provisional).status == 180

    def test_the_answer_is_the_description_that_the_caller_has(self, bench, describe: Describe) -> None:
        """RFC 3261 13.2.1: the first answer counts."""
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 183, describe("network")))
        early = bench.sent(o.Provisional).sdp
        bench.do(i.Answered(leg, describe("network")))
        assert bench.sent(o.Answer).sdp == early

    def test_what_another_phone_plays_is_passed_on_as_well_and_nothing_twice(
        self, bench, describe: Describe
    ) -> None:
        """RFC 3261 12.1: the caller gets an early dialog for each, and chooses."""
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 183, describe("network")))
        bench.do(i.Progress(leg, 183, describe("another")))
        assert "c=IN IP4 another" in (bench.sent(o.Provisional).sdp or "")
        bench.do(i.Progress(leg, 183, describe("another")))
        assert bench.none(o.Provisional)
        bench.do(i.Progress(leg, 180))
        assert bench.none(o.Provisional)

    def test_a_network_that_changes_its_mind_without_end_is_not_followed(
        self, bench, describe: Describe
    ) -> None:
        leg, said = dialled(bench, describe), 0
        for number in range(50):
            bench.do(i.Progress(leg, 183, describe(f"n{number}")))
            said += not bench.none(o.Provisional)
        assert said == 8
        bench.do(i.Answered(leg, describe("n0")))
        assert "c=IN IP4 n0" in bench.sent(o.Answer).sdp

    def test_the_next_destination_is_heard_too(self, bench, describe: Describe) -> None:
        """What the first one has played is over: its phone has moved."""
        bench.do(i.Incoming("in1", "1003", "1001", describe("caller"), origin_dn="1003"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        first = bench.sent(o.Invite).leg
        bench.do(i.Progress(first, 183, describe("first")))
        assert bench.sent(o.Provisional).sdp
        bench.do(i.Failed(first, 302, "1002"))
        bench.resolve(DestinationKind.DN, dn="1002", target="dn=1002")
        second = bench.sent(o.Invite).leg
        bench.do(i.Progress(second, 180))
        assert bench.sent(o.Provisional) == o.Provisional("in1", 180)
        bench.do(i.Progress(second, 183, describe("second")))
        assert "c=IN IP4 second" in (bench.sent(o.Provisional).sdp or "")

    def test_who_hears_the_media_server_goes_on_hearing_it(self, bench, describe: Describe) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Progress(agent, 183, describe("phone")))
        assert bench.none(o.Provisional)
        assert bench.none(o.SendOffer)

    def test_a_caller_without_an_offer_gets_no_description_early(self, bench, describe: Describe) -> None:
        bench.do(i.Incoming("in1", "1001", "+15550009", None, origin_dn="1001"))
        bench.resolve(DestinationKind.EXTERNAL, dn="+15550009", target="trunk=carrier")
        bench.do(i.Progress(bench.sent(o.Invite).leg, 183, describe("network")))
        assert bench.sent(o.Provisional).sdp is None


class TestACallThatWeMake:
    """RFC 3960 2: the first party, on the line already, hears what the network of the second one plays."""

    def dialled(self, bench, describe: Describe) -> tuple[str, str]:
        """1001 has answered and hears our ringing; its leg, and that of the number it calls."""
        bench.do(i.RequestMakeCall("m1", "1001", "+15550009"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        own = bench.sent(o.Invite).leg
        bench.do(i.Answered(own, describe("agent")))
        media = bench.sent(o.Invite).leg
        bench.resolve(DestinationKind.EXTERNAL, dn="+15550009", target="trunk=carrier", on_busy="1003")
        other = bench.sent(o.Invite).leg
        bench.do(i.Answered(media, describe("media")))
        assert bench.sent(o.Play).type is TreatmentType.RINGBACK
        return own, other

    def hears_the_network(self, bench, describe: Describe) -> tuple[str, str]:
        own, other = self.dialled(bench, describe)
        bench.do(i.Progress(other, 183, describe("network")))
        assert (bench.sent(o.SendOffer).leg, "c=IN IP4 network" in bench.sent(o.SendOffer).sdp) == (own, True)
        bench.do(i.ReofferAnswered(own, describe("agent")))
        return own, other

    def test_it_is_moved_over_and_our_ringing_ends(self, bench, describe: Describe) -> None:
        self.hears_the_network(bench, describe)
        assert bench.role_of(bench.sent(o.Bye).leg) is LegRole.MEDIA
        assert bench.names() == []

    def test_the_answer_needs_no_re_invite_and_connects_both(self, bench, describe: Describe) -> None:
        _, other = self.hears_the_network(bench, describe)
        bench.do(i.Answered(other, describe("network")))
        assert bench.none(o.SendOffer)
        assert bench.event("EventEstablished").other_dn == "+15550009"
        assert bench.call.data.phase is Phase.CONNECTED

    def test_an_answer_from_another_place_moves_it_again(self, bench, describe: Describe) -> None:
        own, other = self.hears_the_network(bench, describe)
        bench.do(i.Answered(other, describe("customer")))
        assert "c=IN IP4 customer" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(own, describe("agent")))
        assert bench.call.data.phase is Phase.CONNECTED

    def test_an_answer_that_overtakes_the_move_connects_when_the_move_is_done(
        self, bench, describe: Describe
    ) -> None:
        own, other = self.dialled(bench, describe)
        bench.do(i.Progress(other, 183, describe("network")))
        bench.do(i.Answered(other, describe("customer")))
        assert bench.none(o.SendOffer)
        bench.do(i.ReofferAnswered(own, describe("agent")))
        assert "c=IN IP4 customer" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(own, describe("agent")))
        assert bench.call.data.phase is Phase.CONNECTED

    def test_what_another_phone_plays_then_is_heard_instead(self, bench, describe: Describe) -> None:
        own, other = self.hears_the_network(bench, describe)
        bench.do(i.Progress(other, 180))
        bench.do(i.Progress(other, 183, describe("network")))
        assert bench.none(o.SendOffer)
        bench.do(i.Progress(other, 183, describe("another")))
        assert "c=IN IP4 another" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(own, describe("agent")))
        assert bench.none(o.SendOffer)

    def test_a_phone_that_rings_promises_no_media(self, bench, describe: Describe) -> None:
        """RFC 3960 3.1: our ringing goes on."""
        _, other = self.dialled(bench, describe)
        bench.do(i.Progress(other, 180, describe("phone")))
        assert bench.last == [bench.event("EventNetworkReached")]

    def test_when_the_next_number_is_tried_our_ringing_is_heard_again(
        self, bench, describe: Describe
    ) -> None:
        own, other = self.hears_the_network(bench, describe)
        bench.do(i.Failed(other, 486))
        media = next(each.leg for each in bench.last if isinstance(each, o.Invite))
        assert bench.role_of(media) is LegRole.MEDIA
        bench.do(i.Answered(media, describe("media")))
        assert bench.sent(o.SendOffer).leg == own
        bench.do(i.ReofferAnswered(own, describe("agent")))
        assert bench.sent(o.Play).type is TreatmentType.RINGBACK

    def test_a_first_party_that_cannot_be_moved_hears_ours_and_is_connected_on_the_answer(
        self, bench, describe: Describe
    ) -> None:
        own, other = self.dialled(bench, describe)
        bench.do(i.Progress(other, 183, describe("network")))
        bench.do(i.ReofferFailed(own, 488))
        assert "c=IN IP4 media" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(own, describe("agent")))
        bench.do(i.Answered(other, describe("network")))
        assert "c=IN IP4 network" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered(own, describe("agent")))
        assert bench.call.data.phase is Phase.CONNECTED

    def test_early_media_that_is_there_before_our_own_needs_no_move(self, bench, describe: Describe) -> None:
        """RFC 3725 4.1: the ACK brings it."""
        bench.do(i.RequestMakeCall("m1", "1001", "+15550009"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        own = bench.sent(o.Invite).leg
        bench.do(i.Answered(own, describe("agent")))
        bench.resolve(DestinationKind.EXTERNAL, dn="+15550009", target="trunk=carrier")
        bench.do(i.Progress(bench.sent(o.Invite).leg, 183, describe("network")))
        assert (bench.sent(o.Ack).leg, "c=IN IP4 network" in (bench.sent(o.Ack).sdp or "")) == (own, True)
        assert bench.role_of(bench.sent(o.Cancel).leg) is LegRole.MEDIA

    def test_no_answer_ends_the_call(self, bench, describe: Describe) -> None:
        own, other = self.hears_the_network(bench, describe)
        bench.do(i.Failed(other, 503))
        assert bench.sent(o.Bye).leg == own
        assert bench.none(o.Invite)


class TestEarlyOffer:
    """RFC 3311 5.2, RFC 3262 5."""

    def test_a_caller_with_early_media_may_change_his_description(self, bench, describe: Describe) -> None:
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 183, describe("network")))
        bench.do(i.OfferReceived("in1", describe("moved")))
        assert bench.sent(o.AnswerOffer).status == 200
        bench.do(i.Answered(leg, describe("network")))
        assert bench.sent(o.Answer).status == 200
        assert "c=IN IP4 moved" in bench.sent(o.SendOffer).sdp

    def test_before_there_is_an_answer_it_is_too_early(self, bench, describe: Describe) -> None:
        dialled(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved")))
        assert bench.sent(o.AnswerOffer).status == 491


class TestAnOfferThatIsPassedOn:
    """RFC 3311 5: where both sides take UPDATE it does not wait for the answer."""

    def early(self, bench, describe: Describe) -> str:
        leg = dialled(bench, describe)
        bench.do(i.Progress(leg, 183, describe("network")))
        return leg

    def test_of_the_caller(self, bench, describe: Describe) -> None:
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved"), onward=True))
        assert (bench.sent(o.SendOffer).leg, "c=IN IP4 moved" in bench.sent(o.SendOffer).sdp) == (leg, True)
        assert bench.none(o.AnswerOffer)
        bench.do(i.ReofferAnswered(leg, describe("elsewhere")))
        answer = bench.sent(o.AnswerOffer)
        assert (answer.leg, answer.status, "c=IN IP4 elsewhere" in (answer.sdp or "")) == ("in1", 200, True)
        bench.do(i.Answered(leg, describe("elsewhere")))
        assert bench.sent(o.Answer).sdp == answer.sdp
        assert bench.none(o.SendOffer)

    def test_of_the_called_party(self, bench, describe: Describe) -> None:
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived(leg, describe("person"), onward=True))
        offered = bench.sent(o.SendOffer)
        assert (offered.leg, "c=IN IP4 person" in offered.sdp) == ("in1", True)
        bench.do(i.ReofferAnswered("in1", describe("caller", 4002)))
        answer = bench.sent(o.AnswerOffer)
        assert (answer.leg, answer.status, "m=audio 4002" in (answer.sdp or "")) == (leg, 200, True)
        bench.do(i.Answered(leg, describe("person")))
        assert bench.sent(o.Answer).sdp == offered.sdp
        assert bench.none(o.SendOffer)

    def test_of_a_first_party_that_we_have_dialled_and_of_whom_it_hears(
        self, bench, describe: Describe
    ) -> None:
        own, other = TestACallThatWeMake().hears_the_network(bench, describe)
        bench.do(i.OfferReceived(own, describe("moved"), onward=True))
        assert bench.sent(o.SendOffer).leg == other
        bench.do(i.ReofferAnswered(other, describe("network")))
        assert bench.sent(o.AnswerOffer).status == 200
        bench.do(i.OfferReceived(other, describe("person"), onward=True))
        assert bench.sent(o.SendOffer).leg == own
        bench.do(i.ReofferAnswered(own, describe("moved")))
        bench.do(i.Answered(other, describe("person")))
        assert bench.none(o.SendOffer)
        assert bench.call.data.phase is Phase.CONNECTED

    def test_a_refusal_is_passed_back_and_leaves_all_as_it_was(self, bench, describe: Describe) -> None:
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved"), onward=True))
        bench.do(i.ReofferFailed(leg, 488))
        assert bench.sent(o.AnswerOffer).status == 488
        bench.do(i.Answered(leg, describe("network")))
        assert bench.sent(o.Answer).status == 200

    def test_an_early_dialog_that_is_gone_does_not_end_the_call(self, bench, describe: Describe) -> None:
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved"), onward=True))
        bench.do(i.ReofferFailed(leg, 481))
        assert bench.last == [o.AnswerOffer("in1", 500)]

    def test_the_200_waits_for_the_answer_to_it(self, bench, describe: Describe) -> None:
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved"), onward=True))
        bench.do(i.Answered(leg, describe("network")))
        assert bench.none(o.Answer)
        bench.do(i.ReofferAnswered(leg, describe("network")))
        assert [type(each) for each in bench.last if not isinstance(each, o.Event)] == [
            o.AnswerOffer,
            o.Answer,
        ]

    def test_two_that_meet_are_refused(self, bench, describe: Describe) -> None:
        """RFC 3311 5.2: 491."""
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved"), onward=True))
        bench.do(i.OfferReceived(leg, describe("person"), onward=True))
        assert bench.last == [o.AnswerOffer(leg, 491)]

    def test_a_destination_that_fails_meanwhile_leaves_no_offer_without_an_answer(
        self, bench, describe: Describe
    ) -> None:
        leg = self.early(bench, describe)
        bench.do(i.OfferReceived("in1", describe("moved"), onward=True))
        bench.do(i.Failed(leg, 486))
        assert bench.sent(o.AnswerOffer) == o.AnswerOffer("in1", 491)


def test_the_answer_to_our_offer_in_a_200_is_followed(bench, describe: Describe) -> None:
    """RFC 3261 14.2: an offerless re-INVITE; the ACK brings the answer."""
    bench.talk()
    bench.do(i.OfferReceived("in1", None))
    assert bench.sent(o.AnswerOffer).status == 200
    bench.do(i.AckReceived("in1", describe("elsewhere")))
    assert "c=IN IP4 elsewhere" in bench.sent(o.SendOffer).sdp


def test_the_reason_of_who_hangs_up_is_passed_on(bench) -> None:
    """RFC 3326 2."""
    _, agent = bench.talk()
    bench.do(i.HungUp("in1", "Q.850;cause=16"))
    assert bench.sent(o.Bye) == o.Bye(agent, 0, "Q.850;cause=16")


def test_a_cancelled_caller_passes_his_reason_to_the_phone_that_rings(bench, describe: Describe) -> None:
    """RFC 3326 3.1."""
    leg = dialled(bench, describe)
    bench.do(i.HungUp("in1", "SIP;cause=200"))
    assert bench.sent(o.Cancel).leg == leg
    assert bench.sent(o.Cancel).reason == "SIP;cause=200"


def test_a_call_remembers_how_many_hops_are_left(bench) -> None:
    """RFC 3261 16.6 step 3, RFC 7332 5: a back-to-back user agent must not begin again."""
    bench.do(i.Incoming("in1", "1001", "77", "offer", forwards=9))
    assert bench.call.data.forwards == 9
