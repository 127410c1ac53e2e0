"""Early media and offers before the answer; reasons that are passed on; hops."""

from collections.abc import Callable

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.types import DestinationKind

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
