"""Keys that a party presses by SIP INFO (RFC 6086) are heard by whoever that party is connected to."""

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o


def test_a_caller_who_waits_presses_for_the_media_server_and_no_event_tells_which_key(
    bench, describe
) -> None:
    media = bench.arrive().treat()
    bench.do(i.ReofferAnswered("in1", describe("caller")))
    assert bench.do(i.KeyPressed("in1", "7")) == [o.PassKey(media, "7")]


def test_two_parties_who_talk_press_for_each_other(bench) -> None:
    _, agent = bench.talk()
    assert bench.do(i.KeyPressed("in1", "*")) == [o.PassKey(agent, "*")]
    assert bench.do(i.KeyPressed(agent, "D")) == [o.PassKey("in1", "D")]


def test_a_caller_whom_nobody_hears_presses_for_nobody(bench) -> None:
    bench.arrive()
    assert bench.do(i.KeyPressed("in1", "1")) == []
    assert bench.do(i.KeyPressed("nobody", "1")) == []


def test_a_key_that_there_is_not_goes_nowhere(bench) -> None:
    bench.talk()
    assert bench.do(i.KeyPressed("in1", "x")) == []


def test_who_is_held_presses_for_the_music_and_again_for_the_other_when_retrieved(bench, describe) -> None:
    _, agent = bench.talk()
    bench.do(i.RequestHoldCall("h"))
    bench.do(i.ReofferAnswered(agent, describe("agent", direction="inactive")))
    media = bench.sent(o.Invite).leg
    bench.do(i.Answered(media, describe("media2")))
    bench.do(i.ReofferAnswered("in1", describe("caller")))
    assert bench.do(i.KeyPressed("in1", "1")) == [o.PassKey(media, "1")]
    bench.do(i.RequestRetrieveCall("r"))
    bench.do(i.ReofferAnswered(agent, describe("agent")))
    bench.do(i.ReofferAnswered("in1", describe("caller")))
    assert bench.do(i.KeyPressed("in1", "2")) == [o.PassKey(agent, "2")]


def test_a_call_that_is_over_hears_no_key(bench) -> None:
    _, agent = bench.talk()
    bench.do(i.HungUp("in1"))
    assert bench.do(i.KeyPressed("in1", "1")) == []
    assert bench.do(i.KeyPressed(agent, "1")) == []
