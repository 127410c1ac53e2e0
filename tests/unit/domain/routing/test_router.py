"""The router core: order, choice, reservations, leases."""

import pytest

from ringback.domain.routing import Router
from ringback.domain.routing.messages import (
    AgentAway,
    AgentBusy,
    AgentGone,
    AgentReady,
    Cancel,
    Confirm,
    Extend,
    Left,
    NotTaken,
    Output,
    QueueDefined,
    Refused,
    Release,
    Reprioritize,
    Requeued,
    Reserve,
    Resume,
    Return,
    Submit,
)

ENGLISH = {"English": 5}


def ready(router: Router, agent: str, at: float, version: int = 1, **skills: int) -> list[Output]:
    return router.handle(AgentReady(agent, version, at, skills or ENGLISH), at)


def submit(
    router: Router,
    name: str,
    at: float,
    *,
    arrived: float | None = None,
    sequence: int = 0,
    priority: int = 0,
    timeout: float | None = None,
    targets: tuple[str, ...] = ("English>=1",),
    queue: str = "Loans",
) -> list[Output]:
    arrival = at if arrived is None else arrived
    return router.handle(Submit(name, queue, targets, arrival, sequence, priority, timeout), at)


def reserves(outputs: list[Output]) -> list[tuple[str, str]]:
    return [(o.interaction, o.agent) for o in outputs if isinstance(o, Reserve)]


def only_reserve(outputs: list[Output]) -> Reserve:
    (reserve,) = [o for o in outputs if isinstance(o, Reserve)]
    return reserve


class TestChoice:
    def test_the_agent_who_is_ready_longest_gets_the_call(self) -> None:
        router = Router()
        ready(router, "late", 20.0)
        ready(router, "early", 10.0)
        assert reserves(submit(router, "call", 30.0)) == [("call", "early")]
        assert reserves(submit(router, "next", 31.0)) == [("next", "late")]

    def test_an_agent_without_the_skill_is_never_chosen(self) -> None:
        router = Router()
        ready(router, "anna", 10.0, Loans=9)
        assert submit(router, "call", 20.0) == []
        assert reserves(ready(router, "anna", 30.0, version=2, English=1)) == [("call", "anna")]

    def test_targets_are_tried_in_their_order(self) -> None:
        router = Router()
        ready(router, "fair", 1.0, English=1)
        ready(router, "good", 2.0, English=9)
        reserve = only_reserve(submit(router, "call", 3.0, targets=("English>=5", "English>=1")))
        assert (reserve.agent, reserve.target) == ("good", "English>=5")

    def test_one_agent_can_be_asked_for_by_name(self) -> None:
        router = Router()
        ready(router, "1001", 1.0)
        ready(router, "1002", 2.0)
        assert reserves(submit(router, "call", 3.0, targets=("1002@StatServer.A",))) == [("call", "1002")]
        assert submit(router, "other", 4.0, targets=("1003@StatServer.A",)) == []
        assert reserves(ready(router, "1003", 5.0)) == [("other", "1003")]

    @pytest.mark.parametrize(
        "away", [AgentAway("a", 2, ENGLISH), AgentBusy("a", 2, ENGLISH), AgentGone("a", 2)]
    )
    def test_an_agent_who_is_not_ready_gets_nothing(self, away: AgentAway | AgentBusy | AgentGone) -> None:
        router = Router()
        ready(router, "a", 1.0)
        router.handle(away, 2.0)
        assert submit(router, "call", 3.0) == []

    def test_a_late_message_about_an_agent_is_ignored(self) -> None:
        router = Router()
        router.handle(AgentAway("a", 5, ENGLISH), 1.0)
        ready(router, "a", 2.0, version=4)
        assert submit(router, "call", 3.0) == []


class TestOrder:
    def test_a_callback_stands_where_the_customer_first_asked(self) -> None:
        router = Router()
        submit(router, "early call", 100.0, sequence=1)
        submit(router, "late call", 200.0, sequence=2)
        submit(router, "callback", 300.0, arrived=150.0, sequence=3)
        assert [router.position(n) for n in ("early call", "callback", "late call")] == [1, 2, 3]
        order = [ready(router, f"a{n}", 400.0 + n)[0] for n in range(3)]
        assert [name for name, _ in reserves(order)] == ["early call", "callback", "late call"]

    def test_priority_comes_before_arrival_and_sequence_breaks_ties(self) -> None:
        router = Router()
        submit(router, "second", 5.0, sequence=2)
        submit(router, "first", 5.0, sequence=1)
        submit(router, "urgent", 9.0, sequence=3, priority=10)
        assert [router.position(n) for n in ("urgent", "first", "second")] == [1, 2, 3]

    def test_with_growth_a_priority_is_a_head_start_that_waiting_makes_good(self) -> None:
        router = Router(growth=0.5)
        submit(router, "patient", 0.0)
        submit(router, "urgent", 10.0, priority=10)
        submit(router, "too late", 30.0, priority=10)
        assert [router.position(n) for n in ("urgent", "patient", "too late")] == [1, 2, 3]

    def test_an_agent_of_two_queues_serves_the_older_caller(self) -> None:
        router = Router()
        submit(router, "sales", 20.0, queue="Sales", targets=("Sales>0",))
        submit(router, "loans", 10.0, queue="Loans", targets=("Loans>0",))
        assert reserves(ready(router, "both", 30.0, Sales=1, Loans=1)) == [("loans", "both")]

    def test_a_new_priority_moves_a_waiting_interaction(self) -> None:
        router = Router()
        submit(router, "one", 1.0)
        submit(router, "two", 2.0)
        router.handle(Reprioritize("two", 5), 3.0)
        assert (router.position("two"), router.position("one")) == (1, 2)


class TestReservation:
    def test_a_returned_interaction_keeps_its_place_and_goes_to_another_agent(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        ready(router, "b", 2.0)
        reserve = only_reserve(submit(router, "call", 3.0))
        outputs = router.handle(Return("call", reserve.attempt, "no_answer"), 13.0)
        assert outputs[0] == Requeued("call", "Loans", "no_answer")
        assert reserves(outputs) == [("call", "b")]

    def test_a_returned_interaction_stays_before_those_who_came_later(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "first", 2.0, sequence=1))
        submit(router, "second", 3.0, sequence=2)
        router.handle(Return("first", reserve.attempt, "rejected"), 4.0)
        assert (router.position("first"), router.position("second")) == (1, 2)

    def test_the_agent_who_returned_it_is_passed_over_while_another_works(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        router.handle(AgentBusy("b", 1, ENGLISH), 1.0)
        reserve = only_reserve(submit(router, "first", 2.0, sequence=1))
        submit(router, "second", 3.0, sequence=2)
        router.handle(Return("first", reserve.attempt, "rejected"), 4.0)
        assert reserves(ready(router, "a", 60.0, version=2)) == [("second", "a")]
        assert reserves(ready(router, "b", 61.0, version=2)) == [("first", "b")]

    def test_when_all_were_tried_the_first_may_have_it_again_after_a_pause(self) -> None:
        router = Router(retry_pause=5.0)
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 2.0))
        router.handle(Return("call", reserve.attempt, "rejected"), 4.0)
        assert ready(router, "a", 5.0, version=2) == []
        assert router.next_timer() == 9.0
        assert reserves(router.handle_timer(9.0)) == [("call", "a")]

    def test_an_expired_lease_frees_the_agent_and_requeues_the_interaction(self) -> None:
        router = Router(lease=10.0)
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 2.0))
        assert router.next_timer() == 12.0
        outputs = router.handle_timer(12.0)
        assert outputs[0] == Release("call", "a", reserve.attempt, "lease_expired")
        assert outputs[1] == Requeued("call", "Loans", "lease_expired")

    def test_a_request_that_nobody_follows_up_is_given_up(self) -> None:
        router = Router(lease=10.0, retry_pause=1.0)
        submit(router, "ghost", 0.0)
        now, left = 0.0, []
        for version in range(1, 20):
            ready(router, "a", now, version=version)
            now += 10.0
            left += [o for o in router.handle_timer(now) if isinstance(o, Left)]
        assert [one.outcome for one in left] == ["unclaimed"]
        assert reserves(ready(router, "a", now, version=99)) == []

    def test_an_extended_lease_lasts_longer(self) -> None:
        router = Router(lease=10.0)
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 2.0))
        router.handle(Extend("call", reserve.attempt, 60.0), 8.0)
        assert router.handle_timer(12.0) == []
        assert router.next_timer() == 68.0

    def test_confirm_takes_the_interaction_out_and_counts_it_as_routed(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 3.0))
        assert router.handle(Confirm("call", reserve.attempt), 5.0) == [Left("call", "Loans", "routed", 2.0)]
        assert router.queues["Loans"].history.routed == 1
        assert router.next_timer() is None

    def test_a_cancel_while_reserved_lets_the_agent_go(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 3.0))
        outputs = router.handle(Cancel("call", "abandoned"), 4.0)
        assert outputs == [
            Release("call", "a", reserve.attempt, "abandoned"),
            Left("call", "Loans", "abandoned", 1.0),
        ]
        assert submit(router, "next", 5.0) == []

    @pytest.mark.parametrize("late", [Confirm("call", 1), Return("call", 1, "late"), Extend("call", 1, 99.0)])
    def test_what_belongs_to_an_older_attempt_is_ignored(self, late: Confirm | Return | Extend) -> None:
        router = Router()
        ready(router, "a", 1.0)
        ready(router, "b", 1.0)
        submit(router, "call", 2.0)
        router.handle(Return("call", 1, "no_answer"), 3.0)
        assert router.handle(late, 4.0) == []
        assert router.interactions["call"].agent == "b"

    def test_a_wait_ends_at_its_timeout(self) -> None:
        router = Router()
        submit(router, "call", 10.0, timeout=60.0)
        assert router.handle_timer(69.0) == []
        assert router.handle_timer(70.0) == [Left("call", "Loans", "timeout", 60.0)]
        assert router.position("call") == 0

    def test_the_same_request_twice_is_one_request(self) -> None:
        router = Router()
        submit(router, "call", 1.0)
        submit(router, "call", 2.0)
        assert len(router.queues["Loans"].waiting) == 1

    def test_a_target_that_cannot_be_read_is_refused(self) -> None:
        (output,) = submit(Router(), "call", 1.0, targets=("English>=",))
        assert output == Refused("call", "at 9: a skill level (a whole number) is expected")

    def test_a_stored_reservation_is_resumed_after_a_restart(self) -> None:
        router = Router()
        router.handle(AgentBusy("a", 7, ENGLISH), 50.0)
        submit(router, "call", 50.0, arrived=1.0)
        router.handle(Resume("call", "a", 41, 60.0), 50.0)
        assert router.handle(Confirm("call", 41), 55.0) == [Left("call", "Loans", "routed", 54.0)]
        ready(router, "b", 56.0)
        assert only_reserve(submit(router, "next", 57.0)).attempt == 42

    def test_an_agent_whose_reservation_was_over_before_it_was_made_is_ready_as_before(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 3.0))
        router.handle(Cancel("call", "abandoned"), 3.0)
        assert router.handle(NotTaken("a", reserve.version), 4.0) == []
        assert reserves(submit(router, "next", 5.0)) == [("next", "a")]
        assert router.handle(NotTaken("a", reserve.version - 1), 6.0) == []


class TestStaff:
    def test_a_queue_knows_its_agents_before_the_first_call(self) -> None:
        router = Router()
        router.handle(QueueDefined("Loans", "English>=1"), 0.0)
        ready(router, "a", 1.0)
        router.handle(AgentAway("b", 1, ENGLISH), 1.0)
        ready(router, "c", 1.0, Other=1)
        staff = router.staff("Loans")
        assert (staff.logged_in, staff.ready) == (2, 1)

    def test_an_explanation_tells_the_whole_story(self) -> None:
        router = Router()
        ready(router, "a", 1.0)
        reserve = only_reserve(submit(router, "call", 3.0))
        router.handle(Return("call", reserve.attempt, "no_answer"), 13.0)
        story = router.explain("call")
        assert story is not None
        assert (story.state, story.position, story.excluded) == ("waiting", 1, ("a",))
        assert [moment.text for moment in story.history] == [
            "queued in Loans",
            "reserved a for English>=1: ready for 2.0 s, 1 of 1",
            "returned from a: no_answer",
        ]
        router.handle(Cancel("call", "abandoned"), 14.0)
        past = router.explain("call")
        assert past is not None and past.state == "abandoned"
