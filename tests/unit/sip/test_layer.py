"""The transaction layer on a movable clock (RFC 3261 17, 9, 13.3.1.4; RFC 6026)."""

from itertools import count

import pytest

from ringback.sip import Request, Response, parse_message, response_to
from ringback.sip.ids import IdSource
from ringback.sip.layer import (
    AckReceived,
    Cancelled,
    Ended,
    RequestReceived,
    ResponseReceived,
    Send,
    Stray,
    Transaction,
    TransactionLayer,
    Unacknowledged,
)
from ringback.sip.message import FORGOTTEN
from ringback.sip.transactions import State

_numbers = count(1)


def request(method: str = "INVITE", branch: str | None = None, call_id: str = "call") -> Request:
    return Request(
        method,
        "sip:bob@example.com",
        [
            ("Via", f"SIP/2.0/UDP a.example.com;branch={branch or f'z9hG4bK{next(_numbers)}'}"),
            ("From", "<sip:alice@example.com>;tag=a"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", call_id),
            ("CSeq", f"1 {method}"),
        ],
    )


class Bench:
    """A layer with its clock."""

    def __init__(self) -> None:
        self.layer = TransactionLayer(IdSource(lambda size: next(_numbers).to_bytes(size, "big")))
        self.now = 0.0
        self.times: list[float] = []
        self.requests: dict[Transaction, Request] = {}

    def until(self, end: float) -> list[object]:
        """Run timers up to `end`; note when something was sent."""
        outputs: list[object] = []
        while (due := self.layer.next_timer()) is not None and due <= end:
            self.now = due
            self.layer.handle_timers(due)
            fresh = self.take()
            self.times += [round(due, 3) for output in fresh if isinstance(output, Send)]
            outputs += fresh
        self.now = end
        return outputs

    def take(self) -> list[object]:
        taken, self.layer.outputs = self.layer.outputs, []
        return list(taken)

    def client(self, message: Request, *, reliable: bool = False) -> Transaction:
        transaction = self.layer.request(message, self.now, reliable=reliable, peer="peer")
        self.take()
        self.requests[transaction] = message
        return transaction

    def server(self, message: Request, *, reliable: bool = False) -> Transaction:
        self.layer.receive(message, self.now, reliable=reliable, peer="peer")
        (received,) = (output for output in self.take() if isinstance(output, RequestReceived))
        self.requests[received.transaction] = message
        return received.transaction

    def answer(self, transaction: Transaction, status: int, tag: str = "b") -> list[object]:
        response = response_to(self.requests[transaction], status, to_tag=tag)
        self.layer.receive(response, self.now, reliable=False, peer="peer")
        return self.take()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def statuses(outputs: list[object]) -> list[int]:
    return [output.response.status for output in outputs if isinstance(output, ResponseReceived)]


def sent(outputs: list[object]) -> list[Request | Response]:
    return [parse_message(output.data) for output in outputs if isinstance(output, Send)]


class TestInviteClient17_1_1:  # noqa: N801
    """RFC 3261 17.1.1 and RFC 6026 8.4."""

    def test_timer_a_doubles_without_limit_and_timer_b_ends_with_408(self, bench: Bench) -> None:
        bench.client(request())
        outputs = bench.until(40)
        assert bench.times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        assert statuses(outputs) == [408]
        assert isinstance(outputs[-1], Ended)
        assert bench.now == 40
        assert len(bench.layer) == 0

    def test_a_reliable_transport_repeats_nothing(self, bench: Bench) -> None:
        bench.client(request(), reliable=True)
        assert statuses(bench.until(40)) == [408]
        assert bench.times == []

    def test_a_provisional_response_stops_the_repetition_and_the_timeout(self, bench: Bench) -> None:
        transaction = bench.client(request())
        assert statuses(bench.answer(transaction, 180)) == [180]
        assert bench.until(300) == []
        assert transaction.state is State.PROCEEDING

    def test_a_failure_is_acknowledged_each_time_and_delivered_once(self, bench: Bench) -> None:
        transaction = bench.client(request())
        first, again = bench.answer(transaction, 486), bench.answer(transaction, 486)
        assert statuses(first) == [486]
        assert statuses(again) == []
        for outputs in (first, again):
            (ack,) = sent(outputs)
            assert isinstance(ack, Request)
            assert (ack.method, ack.to_tag, ack.via.branch) == ("ACK", "b", transaction.via.branch)
        bench.until(31.9)
        assert len(bench.layer) == 1
        bench.until(32.1)
        assert len(bench.layer) == 0

    def test_every_2xx_reaches_the_user_for_64_t1(self, bench: Bench) -> None:
        transaction = bench.client(request())
        for tag in ("b", "b", "fork"):
            assert statuses(bench.answer(transaction, 200, tag)) == [200]
        assert transaction.state is State.ACCEPTED
        assert sent(bench.until(40)) == []
        assert len(bench.layer) == 0
        assert bench.answer(transaction, 200) == []
        assert bench.layer.stray == 1

    def test_a_broken_transport_is_a_local_503(self, bench: Bench) -> None:
        transaction = bench.client(request())
        bench.layer.transport_failed(transaction, 0.1)
        outputs = bench.take()
        assert statuses(outputs) == [503]
        assert all(output.response.local for output in outputs if isinstance(output, ResponseReceived))

    def test_a_lost_peer_fails_only_what_waits_for_it(self, bench: Bench) -> None:
        waiting, ringing = bench.client(request()), bench.client(request())
        bench.answer(ringing, 180)
        bench.layer.peer_lost(lambda peer: peer == "peer", 0.1)
        assert [output.transaction for output in bench.take() if isinstance(output, Ended)] == [waiting]


class TestNonInviteClient17_1_2:  # noqa: N801
    """RFC 3261 17.1.2."""

    def test_timer_e_doubles_up_to_t2_and_timer_f_ends(self, bench: Bench) -> None:
        bench.client(request("OPTIONS"))
        assert statuses(bench.until(40)) == [408]
        assert bench.times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]

    def test_in_proceeding_the_request_is_repeated_every_t2(self, bench: Bench) -> None:
        transaction = bench.client(request("OPTIONS"))
        bench.answer(transaction, 100)
        assert statuses(bench.until(40)) == [408]
        assert bench.times == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]

    def test_a_final_response_is_delivered_once_and_timer_k_ends(self, bench: Bench) -> None:
        transaction = bench.client(request("OPTIONS"))
        assert statuses(bench.answer(transaction, 200)) == [200]
        assert bench.answer(transaction, 200) == []
        assert [type(output) for output in bench.until(5.1)] == [Ended]

    def test_on_a_reliable_transport_it_ends_at_once(self, bench: Bench) -> None:
        transaction = bench.client(request("OPTIONS"), reliable=True)
        bench.answer(transaction, 200)
        assert len(bench.layer) == 0


class TestInviteServer17_2_1:  # noqa: N801
    """RFC 3261 17.2.1 and RFC 6026 7.1."""

    def test_it_says_100_by_itself_after_200_ms(self, bench: Bench) -> None:
        bench.server(request())
        (trying,) = sent(bench.until(0.3))
        assert isinstance(trying, Response)
        assert trying.status == 100
        assert bench.times == [0.2]

    def test_it_says_no_100_if_its_user_answered(self, bench: Bench) -> None:
        transaction = bench.server(request())
        bench.layer.respond(transaction, response_to(bench.requests[transaction], 180, to_tag="b"), 0.1)
        bench.take()
        assert bench.until(1.0) == []

    def test_a_repeated_request_gets_the_last_response(self, bench: Bench) -> None:
        transaction = bench.server(request())
        bench.layer.respond(transaction, response_to(bench.requests[transaction], 180, to_tag="b"), 0.1)
        bench.take()
        bench.layer.receive(bench.requests[transaction], 0.5, reliable=False, peer="peer")
        (again,) = sent(bench.take())
        assert isinstance(again, Response)
        assert again.status == 180

    def test_timer_g_repeats_a_failure_until_the_ack_and_timer_i_ends(self, bench: Bench) -> None:
        transaction = bench.server(request())
        failure = response_to(bench.requests[transaction], 486, to_tag="b")
        bench.layer.respond(transaction, failure, 0.0)
        bench.take()
        bench.until(9.0)
        assert bench.times == [0.5, 1.5, 3.5, 7.5]
        bench.layer.receive(self.ack(transaction, failure), 9.0, reliable=False, peer="peer")
        assert bench.take() == []
        assert transaction.state is State.CONFIRMED
        assert [type(output) for output in bench.until(14.1)] == [Ended]

    def test_timer_h_tells_that_no_ack_came(self, bench: Bench) -> None:
        transaction = bench.server(request())
        bench.layer.respond(transaction, response_to(bench.requests[transaction], 486, to_tag="b"), 0.0)
        kinds = [type(output) for output in bench.until(33.0) if not isinstance(output, Send)]
        assert kinds == [Ended] or kinds == [Unacknowledged, Ended]
        assert Unacknowledged in kinds

    def test_a_2xx_is_repeated_until_its_ack_if_the_user_wants_that(self, bench: Bench) -> None:
        """RFC 3261 13.3.1.4."""
        transaction = bench.server(request())
        accepted = response_to(bench.requests[transaction], 200, to_tag="b")
        bench.layer.respond(transaction, accepted, 0.0, until_ack=True)
        bench.take()
        bench.until(12.0)
        assert bench.times == [0.5, 1.5, 3.5, 7.5, 11.5]
        ack = self.ack(transaction, accepted, branch="z9hG4bKother")
        for _ in range(2):
            bench.layer.receive(ack, 12.0, reliable=False, peer="peer")
        (received,) = bench.take()
        assert isinstance(received, AckReceived)
        assert received.transaction is transaction
        assert [type(output) for output in bench.until(40.0)] == [Ended]

    def test_a_2xx_without_ack_is_reported_after_64_t1(self, bench: Bench) -> None:
        transaction = bench.server(request(), reliable=True)
        bench.layer.respond(
            transaction, response_to(bench.requests[transaction], 200, to_tag="b"), 0.0, until_ack=True
        )
        outputs = bench.until(33.0)
        assert [type(output) for output in outputs if not isinstance(output, Send)] == [Unacknowledged, Ended]

    def test_the_ack_of_a_2xx_that_a_proxy_forwarded_goes_to_the_user(self, bench: Bench) -> None:
        transaction = bench.server(request())
        accepted = response_to(bench.requests[transaction], 200, to_tag="b")
        bench.layer.respond(transaction, accepted, 0.0)
        bench.take()
        bench.layer.receive(self.ack(transaction, accepted), 1.0, reliable=False, peer="p")
        (received,) = bench.take()
        assert isinstance(received, AckReceived)
        assert received.transaction is None
        assert [type(output) for output in bench.until(40.0)] == [Ended]

    def test_a_second_final_response_is_refused(self, bench: Bench) -> None:
        transaction = bench.server(request())
        assert bench.layer.respond(
            transaction, response_to(bench.requests[transaction], 486, to_tag="b"), 0.0
        )
        assert not bench.layer.respond(
            transaction, response_to(bench.requests[transaction], 200, to_tag="b"), 0.1
        )

    @staticmethod
    def ack(transaction: Transaction, response: Response, branch: str | None = None) -> Request:
        message = request("ACK", branch or transaction.via.branch)
        message.set("To", response.get("To"))
        return message


class TestNonInviteServer17_2_2:  # noqa: N801
    """RFC 3261 17.2.2."""

    def test_it_is_silent_before_the_answer_and_repeats_it_after(self, bench: Bench) -> None:
        transaction = bench.server(request("OPTIONS"))
        bench.layer.receive(bench.requests[transaction], 0.1, reliable=False, peer="peer")
        assert bench.take() == []
        bench.layer.respond(transaction, response_to(bench.requests[transaction], 200, to_tag="b"), 0.2)
        bench.take()
        bench.layer.receive(bench.requests[transaction], 0.5, reliable=False, peer="peer")
        assert len(sent(bench.take())) == 1
        assert [type(output) for output in bench.until(33.0)] == [Ended]


class TestNonInviteServerRfc4320:
    """RFC 4320 4.1 and 4.2: what is not said to other requests than INVITE."""

    @pytest.mark.parametrize("said_before", [(), (100,)])
    def test_4_2_a_408_ends_it_in_silence_and_the_request_is_not_heard_again(
        self, bench: Bench, said_before: tuple[int, ...]
    ) -> None:
        transaction = bench.server(request("OPTIONS"))
        asked = bench.requests[transaction]
        for status in (*said_before, 408):
            assert bench.layer.respond(transaction, response_to(asked, status, to_tag="b"), 0.2)
        assert [response.status for response in sent(bench.take())] == [*said_before]
        bench.layer.receive(asked, 0.5, reliable=False, peer="peer")
        assert bench.take() == []
        assert transaction.request is FORGOTTEN
        assert not bench.layer.respond(transaction, response_to(asked, 200, to_tag="b"), 0.6)
        assert [type(output) for output in bench.until(33.0)] == [Ended]
        assert len(bench.layer) == len(bench.layer.queue) == 0

    def test_4_2_on_a_reliable_transport_it_is_forgotten_at_once(self, bench: Bench) -> None:
        transaction = bench.server(request("BYE"), reliable=True)
        bench.layer.respond(transaction, response_to(bench.requests[transaction], 408, to_tag="b"), 32.0)
        assert [type(output) for output in bench.take()] == [Ended]
        assert len(bench.layer) == len(bench.layer.queue) == 0

    def test_4_1_no_provisional_response_but_100_is_sent(self, bench: Bench) -> None:
        transaction = bench.server(request("OPTIONS"))
        asked = bench.requests[transaction]
        assert not bench.layer.respond(transaction, response_to(asked, 183, to_tag="b"), 0.1)
        assert bench.take() == []
        assert bench.layer.respond(transaction, response_to(asked, 200, to_tag="b"), 0.2)
        assert [response.status for response in sent(bench.take())] == [200]

    def test_an_invite_is_told_408_and_183_as_ever(self, bench: Bench) -> None:
        transaction = bench.server(request())
        for status in (183, 408):
            bench.layer.respond(
                transaction, response_to(bench.requests[transaction], status, to_tag="b"), 0.1
            )
        assert [response.status for response in sent(bench.take())] == [183, 408]


class TestCancel9:
    """RFC 3261 9."""

    def test_a_cancel_waits_for_a_provisional_response(self, bench: Bench) -> None:
        transaction = bench.client(request())
        bench.layer.cancel(transaction, 0.1)
        assert bench.take() == []
        (cancel,) = sent(bench.answer(transaction, 180))
        assert isinstance(cancel, Request)
        assert (cancel.method, cancel.via.branch) == ("CANCEL", transaction.via.branch)

    def test_a_cancelled_invite_that_nobody_ends_is_408_after_64_t1(self, bench: Bench) -> None:
        transaction = bench.client(request())
        bench.answer(transaction, 180)
        bench.layer.cancel(transaction, 0.0)
        assert 408 in statuses(bench.until(33.0))
        assert transaction.state is State.TERMINATED

    def test_a_cancel_is_answered_200_and_the_user_is_told(self, bench: Bench) -> None:
        transaction = bench.server(request())
        bench.layer.receive(self.cancel(transaction), 0.1, reliable=False, peer="peer")
        outputs = bench.take()
        assert [each.transaction for each in outputs if isinstance(each, Cancelled)] == [transaction]
        (answer,) = sent(outputs)
        assert isinstance(answer, Response)
        assert (answer.status, answer.to_tag) == (200, transaction.to_tag)

    def test_the_user_learns_why_an_invite_was_cancelled(self, bench: Bench) -> None:
        """RFC 3326."""
        transaction = bench.server(request())
        cancel = self.cancel(transaction)
        cancel.add("Reason", "SIP;cause=200")
        bench.layer.receive(cancel, 0.1, reliable=False, peer="peer")
        (told,) = (output for output in bench.take() if isinstance(output, Cancelled))
        assert told.cancel.get("Reason") == "SIP;cause=200"

    def test_a_cancel_after_200_is_answered_481(self, bench: Bench) -> None:
        transaction = bench.server(request())
        bench.layer.respond(transaction, response_to(bench.requests[transaction], 200, to_tag="b"), 0.0)
        bench.take()
        bench.layer.receive(self.cancel(transaction), 0.1, reliable=False, peer="peer")
        outputs = bench.take()
        assert [message.status for message in sent(outputs) if isinstance(message, Response)] == [481]
        assert not any(isinstance(output, Cancelled) for output in outputs)

    def test_a_cancel_of_nothing_is_answered_481(self, bench: Bench) -> None:
        bench.layer.receive(request("CANCEL"), 0.0, reliable=False, peer="peer")
        (answer,) = sent(bench.take())
        assert isinstance(answer, Response)
        assert answer.status == 481

    @staticmethod
    def cancel(transaction: Transaction) -> Request:
        return request("CANCEL", transaction.via.branch)


def test_a_response_with_another_branch_or_method_matches_nothing(bench: Bench) -> None:
    """RFC 3261 17.1.3."""
    transaction = bench.client(request())
    for name, value in (("Via", "SIP/2.0/UDP a.example.com;branch=z9hG4bKno"), ("CSeq", "1 BYE")):
        response = response_to(bench.requests[transaction], 200, to_tag="b")
        response.set(name, value)
        bench.layer.receive(response, 0.0, reliable=False, peer="peer")
    assert bench.take() == []
    assert bench.layer.stray == 2


def test_the_same_branch_from_another_sender_is_another_transaction(bench: Bench) -> None:
    """RFC 3261 17.2.3."""
    first = bench.server(request(branch="z9hG4bKsame"))
    other = request(branch="z9hG4bKsame")
    other.set("Via", "SIP/2.0/UDP b.example.com;branch=z9hG4bKsame")
    assert bench.server(other) is not first


def test_a_peer_without_the_magic_cookie_is_matched_by_its_call(bench: Bench) -> None:
    first = bench.server(request(branch="1", call_id="one"))
    assert bench.server(request(branch="1", call_id="two")) is not first
    bench.layer.receive(request(branch="1", call_id="one"), 0.0, reliable=False, peer="peer")
    assert not any(isinstance(output, RequestReceived) for output in bench.take())


class TestLongTimers:
    """Timers that only end something may end together, up to a quarter of a second late."""

    def test_transactions_of_one_moment_end_in_one_turn(self) -> None:
        bench = Bench()
        for at in (0.01, 0.02, 0.03):
            bench.layer.receive(request("OPTIONS"), at, reliable=False, peer="peer")
            (received,) = [item for item in bench.take() if isinstance(item, RequestReceived)]
            bench.layer.respond(received.transaction, response_to(received.transaction.request, 200), at)
            bench.take()
        assert bench.layer.next_timer() == 32.25
        bench.layer.handle_timers(32.25)
        assert sum(isinstance(item, Ended) for item in bench.take()) == 3

    def test_a_retransmission_keeps_its_time(self) -> None:
        bench = Bench()
        bench.layer.request(request(), 0.03, reliable=False, peer="peer")
        assert bench.layer.next_timer() == pytest.approx(0.53)


def test_rfc3261_16_10_a_proxy_is_handed_the_cancel_of_an_invite_that_it_does_not_know(bench: Bench) -> None:
    bench.layer.hands_on_cancel = True
    cancel = bench.server(request("CANCEL", "z9hG4bKlost"))
    assert cancel.request.method == "CANCEL"
    assert bench.take() == []
    bench.layer.respond(cancel, response_to(cancel.request, 481), bench.now)
    (sent,) = (output for output in bench.take() if isinstance(output, Send))
    assert b"481" in sent.data


def test_rfc3261_9_2_of_an_invite_that_it_knows_it_is_told_as_ever(bench: Bench) -> None:
    bench.layer.hands_on_cancel = True
    bench.server(request("INVITE", "z9hG4bKknown"))
    bench.layer.receive(request("CANCEL", "z9hG4bKknown"), bench.now, reliable=False, peer="peer")
    assert [type(output) for output in bench.take()] == [Send, Cancelled]


def test_strays_are_told_to_who_asks_for_them(bench: Bench) -> None:
    stray = response_to(request("INVITE", "z9hG4bKelse"), 200, to_tag="b")
    bench.layer.receive(stray, bench.now, reliable=True, peer="peer")
    assert bench.take() == []
    bench.layer.tells_strays = True
    bench.layer.receive(stray, bench.now, reliable=True, peer="peer")
    assert bench.take() == [Stray(stray, "peer")]
    assert bench.layer.stray == 2


def test_what_only_waits_for_repetitions_holds_no_message(bench: Bench) -> None:
    invited, inviting = bench.server(request()), bench.client(request())
    bench.layer.respond(invited, response_to(invited.request, 200, to_tag="b"), 0.0)
    assert statuses(bench.answer(inviting, 200)) == [200]
    assert invited.request is inviting.request is FORGOTTEN
    assert inviting.last is None
    # A failure is still to be acknowledged, and whoever rings may be cancelled.
    refused, ringing = bench.client(request(branch="z9hG4bKr")), bench.client(request(branch="z9hG4bKs"))
    bench.answer(refused, 486)
    bench.answer(ringing, 180)
    assert FORGOTTEN not in (refused.request, ringing.request)
