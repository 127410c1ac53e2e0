"""What telephones do to calls by themselves: RFC 3515, 3891, and 3xx of RFC 3261 8.1.3.4."""

from collections.abc import Callable

from msgspec import structs

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.call import Call
from ringback.domain.calls.referral import far_party
from ringback.domain.calls.state import CallData
from ringback.domain.calls.types import DestinationKind

Describe = Callable[..., str]


class TestBlind:
    def test_a_telephone_gives_its_call_to_a_number(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.Referred(agent, "f1", "1002"))
        assert bench.sent(o.AskDialplan).number == "1002"
        bench.resolve(DestinationKind.DN, dn="1002", target="dn=1002")
        third = next(each.leg for each in bench.last if isinstance(each, o.Invite) and each.role == "agent")
        assert bench.event("EventRinging").reference == "f1"
        bench.do(i.Answered(third, describe("third")))
        assert bench.event("EventReleased").reference == "f1"
        assert bench.sent(o.Bye).leg == agent
        assert "c=IN IP4 third" in next(each.sdp for each in bench.last if isinstance(each, o.SendOffer))

    def test_who_is_left_alone_and_sent_on_to_itself_is_busy_and_does_not_ring(
        self, bench, describe: Describe
    ) -> None:
        call = second_call(describe)
        call.handle(i.Referred("in1", "f1", "1009"), 0.0)
        out = call.handle(i.HungUp("in1"), 0.0)
        ask = next(each.ask for each in out if isinstance(each, o.AskDialplan))
        out = call.handle(i.Resolved(ask, i.Destination(DestinationKind.DN, "1002", "dn=1002")), 0.0)
        names = [each.name for each in out if isinstance(each, o.Event)]
        assert "EventDestinationBusy" in names and "EventRinging" not in names
        assert not any(isinstance(each, o.Invite) for each in out)

    def test_who_is_refused_hears_why(self, bench) -> None:
        _, agent = bench.talk()
        bench.do(i.Referred(agent, "f1", "1002"))
        bench.resolve(DestinationKind.REJECT, status=404)
        error = bench.event("EventError")
        assert (error.reference, error.error_code) == ("f1", 404)
        assert bench.call.data.phase == "connected"

    def test_a_caller_from_outside_may_not(self, bench) -> None:
        bench.talk()
        bench.do(i.Referred("in1", "f1", "1002"))
        assert bench.event("EventError").reason == "invalid_state"


def second_call(describe: Describe) -> Call:
    """Telephone 1001 has called 1002 by itself, and they talk."""
    call = Call(CallData("00000000000000bb", "V" * 32, "W" * 32, "demo"))
    call.handle(i.Incoming("in1", "1001", "1002", describe("agent2"), origin_dn="1001"), 1.0)
    call.handle(i.Resolved("ask1", i.Destination(DestinationKind.DN, dn="1002", target="dn=1002")), 1.0)
    call.handle(i.Answered("target2", describe("third")), 1.0)
    assert call.data.phase == "connected"
    return call


class TestAttended:
    def test_two_calls_become_one(self, bench, describe: Describe) -> None:
        """RFC 5589 7: the far party of the second call talks to the far party of the first."""
        _, agent = bench.talk()
        other = second_call(describe)
        far = far_party(other.data, "in1")
        assert far is not None
        assert far.id == "target2"
        said = far.local_sdp
        word = i.Adopted(agent, "f1", "moved", structs.replace(far), other.data.conn_id, "1002", "", 77)
        bench.do(word)
        assert bench.sent(o.Bye).leg == agent
        ours, theirs = bench.call.data.conn_id, other.data.conn_id
        assert [(each.name, each.conn_id, each.this_dn) for each in bench.events[-4:]] == [
            ("EventReleased", theirs, "1001"),
            ("EventReleased", ours, "1001"),
            ("EventPartyChanged", ours, "1002"),
            ("EventCallDeleted", theirs, ""),
        ]
        changed = bench.event("EventPartyChanged")
        assert (changed.this_dn, changed.previous_conn_id, changed.reference) == (
            "1002",
            other.data.conn_id,
            "f1",
        )
        assert "c=IN IP4 third" in bench.sent(o.SendOffer).sdp
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        offer = bench.sent(o.SendOffer)
        assert offer.leg == "moved"
        assert "c=IN IP4 caller" in offer.sdp
        # RFC 3264 8: on one dialog only the version of the origin may change.
        assert said is not None
        assert "o=ringback 77 2 " in offer.sdp
        bench.do(i.ReofferAnswered("moved", describe("third")))
        bench.do(i.HungUp("in1"))
        assert bench.sent(o.Bye).leg == "moved"

    def test_the_other_call_ends_without_a_word(self, bench, describe: Describe) -> None:
        other = second_call(describe)
        out = other.handle(i.GivenAway("target2"), 2.0)
        assert out == [o.Bye("in1", 0)]
        assert other.over

    def test_calls_in_which_something_is_under_way_wait(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived("in1", describe("caller", 5000)))
        assert far_party(bench.call.data, agent) is None
        other = second_call(describe)
        far = other.data.legs["target2"]
        bench.do(i.Adopted(agent, "f1", "moved", structs.replace(far), other.data.conn_id, "1002"))
        assert bench.event("EventError").reference == "f1"
        assert "moved" not in bench.call.data.legs


class TestReplaces:
    """RFC 3891 3."""

    def test_another_telephone_takes_the_place_of_one_that_talks(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.Replaced(agent, "by1", "1005", describe("new")))
        answer = bench.sent(o.Answer)
        assert (answer.leg, answer.status, "c=IN IP4 caller" in (answer.sdp or "")) == ("by1", 200, True)
        assert bench.sent(o.Bye).leg == agent
        assert "c=IN IP4 new" in bench.sent(o.SendOffer).sdp
        assert bench.event("EventReleased").this_dn == "1001"
        assert bench.event("EventEstablished").this_dn == "1005"
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        bench.do(i.HungUp("by1"))
        assert bench.sent(o.Bye).leg == "in1"
        assert bench.event("EventReleased").this_dn == "1005"

    def test_without_an_offer_the_ack_brings_the_description(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.Replaced(agent, "by1", "1005", None))
        assert bench.sent(o.Answer).status == 200
        bench.do(i.AckReceived("by1", describe("new")))
        assert "c=IN IP4 new" in bench.sent(o.SendOffer).sdp

    def test_a_telephone_that_rings_is_picked_up_elsewhere(self, bench, describe: Describe) -> None:
        """RFC 3326: answered elsewhere is no missed call."""
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Progress(agent, 180))
        bench.do(i.Replaced(agent, "by1", "1005", describe("new")))
        cancel = bench.sent(o.Cancel)
        assert (cancel.leg, cancel.reason) == (agent, 'SIP;cause=200;text="Call completed elsewhere"')
        assert bench.sent(o.Answer).leg == "by1"
        assert bench.event("EventAbandoned").this_dn == "1001"
        bench.do(i.ReofferAnswered("in1", describe("caller")))
        assert bench.event("EventEstablished").this_dn == "1005"

    def test_in_the_middle_of_something_it_is_491(self, bench, describe: Describe) -> None:
        _, agent = bench.talk()
        bench.do(i.OfferReceived("in1", describe("caller", 5000)))
        bench.do(i.Replaced(agent, "by1", "1005", describe("new")))
        assert bench.sent(o.Answer) == o.Answer("by1", 491)


class TestRedirection:
    """RFC 3261 8.1.3.4."""

    def test_a_telephone_that_moved_is_followed_by_the_dial_plan(self, bench, describe: Describe) -> None:
        bench.do(i.Incoming("in1", "1003", "1001", describe("caller"), origin_dn="1003"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        leg = bench.sent(o.Invite).leg
        bench.do(i.Failed(leg, 302, "1002"))
        assert bench.sent(o.AskDialplan).number == "1002"
        assert bench.sent(o.AskDialplan).origin == "dn"
        assert bench.event("EventReleased").reason == "redirected"

    def test_it_is_followed_so_often_and_no_more(self, bench, describe: Describe) -> None:
        bench.do(i.Incoming("in1", "1003", "1001", describe("caller"), origin_dn="1003"))
        for number in range(6):
            bench.resolve(DestinationKind.DN, dn=f"10{number}", target="dn")
            bench.do(i.Failed(bench.sent(o.Invite).leg, 302, f"20{number}"))
        assert bench.sent(o.Answer).status >= 300
        assert bench.call.over

    def test_neither_the_network_nor_a_reserved_agent_is_followed(self, bench, describe: Describe) -> None:
        bench.arrive().treat()
        agent = bench.route()
        bench.do(i.Failed(agent, 302, "1002"))
        assert bench.none(o.AskDialplan)
        assert bench.event("EventError").reference == "r1"
        bench.do(i.RequestRouteCall("r2", "+15550007"))
        bench.resolve(DestinationKind.EXTERNAL, dn="+15550007", target="trunk=carrier")
        bench.do(i.Failed(bench.sent(o.Invite).leg, 302, "1002"))
        assert bench.none(o.AskDialplan)

    def test_a_redirection_to_itself_ends(self, bench, describe: Describe) -> None:
        bench.do(i.Incoming("in1", "1003", "1001", describe("caller"), origin_dn="1003"))
        bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
        bench.do(i.Failed(bench.sent(o.Invite).leg, 302, "1001"))
        assert bench.call.over
