"""Reliable provisional responses (RFC 3262)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.sip.errors import SipParseError
from ringback.sip.message import CSeq, Response
from ringback.sip.reliable import Heard, RAck, ReliableReceiver, ReliableSender, State, rseq_of

INVITE = CSeq(7, "INVITE")


def ringing(status: int = 183, body: bytes = b"") -> Response:
    return Response(status, body=body)


def heard(rseq: int, require: str = "100rel") -> Response:
    return Response(183, headers=[("Require", require), ("RSeq", str(rseq))])


class TestSender:
    """Section 3."""

    def test_a_response_carries_require_and_a_number(self) -> None:
        (sent,) = ReliableSender(41).send(ringing(), 0.0)
        assert (sent.get("Require"), sent.get("RSeq")) == ("100rel", "41")

    def test_it_is_repeated_with_doubled_waits_and_given_up_after_64_t1(self) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(), 0.0)
        moments: list[float] = []
        while (due := sender.next_timer()) is not None:
            if sender.timer(due):
                moments.append(due)
        assert moments == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        assert sender.gave_up

    def test_the_second_waits_for_the_prack_of_the_first(self) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(180), 0.0)
        assert sender.send(ringing(183), 0.0) == []
        fits, out = sender.prack(RAck(1, INVITE), INVITE, 0.1)
        assert fits
        assert [(each.status, each.get("RSeq")) for each in out] == [(183, "2")]

    @pytest.mark.parametrize(
        "rack", [RAck(2, INVITE), RAck(1, CSeq(8, "INVITE")), RAck(1, CSeq(7, "UPDATE"))]
    )
    def test_a_prack_of_something_else_does_not_fit(self, rack: RAck) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(), 0.0)
        assert sender.prack(rack, INVITE, 0.1) == (False, [])
        assert sender.next_timer() is not None

    def test_a_second_prack_does_not_fit(self) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(), 0.0)
        assert sender.prack(RAck(1, INVITE), INVITE, 0.1)[0]
        assert not sender.prack(RAck(1, INVITE), INVITE, 0.2)[0]

    def test_a_2xx_waits_for_the_prack_of_a_description_only(self) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(180), 0.0)
        assert not sender.holds_final
        sender.send(ringing(183, b"v=0"), 0.0)
        assert sender.holds_final
        sender.prack(RAck(1, INVITE), INVITE, 0.1)
        assert sender.holds_final
        sender.prack(RAck(2, INVITE), INVITE, 0.1)
        assert not sender.holds_final

    def test_a_prack_that_crosses_the_final_response_fits_once(self) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(180), 0.0)
        sender.over(0.1)
        assert sender.prack(RAck(1, INVITE), INVITE, 0.2) == (True, [])
        assert sender.prack(RAck(1, INVITE), INVITE, 0.3) == (False, [])

    def test_after_the_final_response_nothing_is_repeated(self) -> None:
        sender = ReliableSender(1)
        sender.send(ringing(), 0.0)
        sender.over(0.1)
        assert (sender.next_timer(), sender.state, sender.gave_up) == (None, State.OVER, False)
        assert sender.send(ringing(), 0.2) == []


class TestReceiver:
    """Section 4."""

    def test_only_the_next_in_order_is_taken(self) -> None:
        receiver = ReliableReceiver()
        verdicts = [receiver.hear(heard(number)) for number in (5, 5, 7, 6, 5, 7)]
        drop, take = Heard.DROPPED, Heard.NEXT
        assert verdicts == [take, drop, drop, take, drop, take]

    def test_without_require_it_is_an_ordinary_response(self) -> None:
        assert ReliableReceiver().hear(Response(180, headers=[("RSeq", "1")])) is Heard.PLAIN
        assert ReliableReceiver().hear(heard(1, "other")) is Heard.PLAIN

    def test_100_is_never_reliable(self) -> None:
        assert rseq_of(Response(100, headers=[("Require", "100rel"), ("RSeq", "1")])) is None


def test_rack_names_number_and_request() -> None:
    """RFC 3262 7.2."""
    assert RAck.parse("776656 1 INVITE") == RAck(776656, CSeq(1, "INVITE"))
    assert str(RAck(3, INVITE)) == "3 7 INVITE"


@pytest.mark.parametrize("text", ["", "1", "x 1 INVITE", "1 INVITE", "99999999999 1 INVITE"])
def test_a_torn_rack_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        RAck.parse(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 2**31 - 10))
def test_whatever_the_network_does_responses_arrive_once_and_in_order(choices: list[int], first: int) -> None:
    """Sections 3 and 4: loss, repetition and reordering in both directions."""
    sender, receiver = ReliableSender(first), ReliableReceiver()
    there: list[Response] = []
    back: list[RAck] = []
    sent = now = 0.0
    taken: list[str] = []

    def deliver(place: int, keep: bool) -> None:
        response = there[place] if keep else there.pop(place)
        if receiver.hear(response) is Heard.NEXT:
            taken.append(response.reason)
            back.append(RAck(receiver.last or 0, INVITE))

    for choice in choices:
        if choice == 0:
            there += sender.send(Response(183, str(int(sent))), now)
            sent += 1
        elif choice == 1 and (due := sender.next_timer()) is not None:
            now = due
            there += sender.timer(now)
        elif choice in (2, 3) and there:
            deliver(-1 if choice == 2 else 0, choice == 3)
        elif choice == 4 and back:
            there += sender.prack(back[0], INVITE, now)[1]
        elif choice == 5 and back:
            back.pop(0)
    assert taken == [str(number) for number in range(len(taken))]
    while not sender.gave_up and len(taken) < sent and sender.next_timer() is not None:
        now = sender.next_timer() or now
        for response in sender.timer(now):
            if receiver.hear(response) is Heard.NEXT:
                taken.append(response.reason)
        if receiver.last is not None:
            there += sender.prack(RAck(receiver.last, INVITE), INVITE, now)[1]
        for response in there:
            if receiver.hear(response) is Heard.NEXT:
                taken.append(response.reason)
        there.clear()
    assert sender.gave_up or len(taken) == sent
