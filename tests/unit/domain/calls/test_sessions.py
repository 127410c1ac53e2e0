"""Session timers as the call sees them (RFC 4028 10)."""

import pytest

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o


def test_a_refresh_says_the_same_again(bench) -> None:
    _, agent = bench.talk()
    said = bench.call.data.legs[agent].local_sdp
    bench.do(i.RefreshDue(agent))
    assert bench.sent(o.SendOffer) == o.SendOffer(agent, said)
    bench.do(i.ReofferAnswered(agent, bench.call.data.legs[agent].remote_sdp))
    assert bench.none(o.SendOffer)
    assert bench.none(o.Bye)


def test_an_offer_under_way_refreshes_as_well(bench) -> None:
    _, agent = bench.talk()
    bench.do(i.RefreshDue(agent))
    bench.do(i.RefreshDue(agent))
    assert bench.none(o.SendOffer)


def test_a_refresh_that_collides_is_tried_again(bench) -> None:
    """RFC 3261 14.1: 2.1 to 4 s later, as we made the Call-ID."""
    _, agent = bench.talk()
    bench.do(i.RefreshDue(agent))
    bench.do(i.ReofferFailed(agent, 491))
    bench.pass_time(2.0)
    assert bench.none(o.SendOffer)
    bench.pass_time(2.0)
    assert bench.sent(o.SendOffer).leg == agent


def test_a_refused_refresh_changes_nothing(bench) -> None:
    _, agent = bench.talk()
    bench.do(i.RefreshDue(agent))
    bench.do(i.ReofferFailed(agent, 488))
    assert bench.last == []


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_a_session_that_nobody_refreshes_ends_the_call_with_bye_to_both(bench, who: str) -> None:
    _, agent = bench.talk()
    bench.do(i.SessionExpired("in1" if who == "caller" else agent))
    byes = [each for each in bench.last if isinstance(each, o.Bye)]
    assert {bye.leg for bye in byes} == {"in1", agent}
    assert {bye.cause for bye in byes} == {408}
    assert bench.event("EventReleased").reason == "session_expired"
    assert bench.event("EventCallDeleted").reason == "session_expired"
