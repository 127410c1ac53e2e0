"""Targets beyond skills, widening over time, overflow, orders, shares, thresholds."""

from time import process_time

import pytest

from ringback.domain.routing import ExpressionError, Router
from ringback.domain.routing.groups import GroupCycle, closure
from ringback.domain.routing.growth import even
from ringback.domain.routing.messages import (
    AgentBusy,
    AgentGone,
    AgentReady,
    Cancel,
    ClockStepped,
    Confirm,
    Diverted,
    GroupDefined,
    Left,
    Moved,
    Output,
    QueueDefined,
    Refused,
    Reprioritize,
    Reserve,
    Return,
    Step,
    Submit,
    Worked,
)
from ringback.domain.routing.targets import read_target


def ready(router: Router, agent: str, at: float, version: int = 1, **skills: int) -> list[Output]:
    return router.handle(AgentReady(agent, version, at, skills), at)


def at_place(router: Router, agent: str, at: float, place: str, *groups: str) -> list[Output]:
    return router.handle(AgentReady(agent, 1, at, {}, frozenset(groups), place), at)


def ask(router: Router, name: str, at: float, *steps: Step, queue: str = "Q", **more: object) -> list[Output]:
    number = int(at * 10)
    return router.handle(Submit(name, queue, (), at, number, steps=steps, **more), at)  # type: ignore[arg-type]


def want(router: Router, name: str, at: float, *targets: str, queue: str = "Q") -> list[Output]:
    return router.handle(Submit(name, queue, targets, at, int(at * 10)), at)


def given(outputs: list[Output]) -> list[tuple[str, str]]:
    return [(o.interaction, o.agent) for o in outputs if isinstance(o, Reserve)]


class TestTargets:
    @pytest.mark.parametrize(
        ("text", "key", "device", "weight", "threshold"),
        [
            ("1001@Stat.A", "agent:1001", "", 0.0, ""),
            ("Desk7.AP", "place:Desk7", "", 0.0, ""),
            ("Sales.GA", "group:Sales", "", 0.0, ""),
            ("8001@Switch.RP", "", "8001", 0.0, ""),
            ("+4930123.DN", "", "+4930123", 0.0, ""),
            ("{ready>2}[25]Sales@Stat.GA", "group:Sales", "", 25.0, "ready>2"),
            ("{sdata(Loans@S.Q, StatCallsInQueue) < 10 & StatAgentsAvailable>=1}?:English>2", "English>2", "",
             0.0, "sdata(Loans.Q, waiting)<10&ready>=1"),
            ("{sdata(Sales team@S.Q, waiting)<1}[3]Sales team.GA", "group:Sales team", "", 3.0,
             "sdata(Sales team.Q, waiting)<1"),
        ],
    )  # fmt: skip
    def test_a_target_is_read_with_threshold_and_weight(
        self, text: str, key: str, device: str, weight: float, threshold: str
    ) -> None:
        target = read_target(text)
        assert (target.expression.key if target.expression else "") == key
        assert (target.device, target.weight) == (device, weight)
        assert (target.threshold.key if target.threshold else "") == threshold

    @pytest.mark.parametrize(
        ("text", "position", "reason"),
        [
            ("{ready>}Sales.GA", 1, "a comparison (such as ready>2) is expected"),
            ("{smiles>2}Sales.GA", 1, "no figure smiles: busy, ewt, longest_wait, ready, staff, waiting"),
            ("{ready>2 x}Sales.GA", 9, "'&' or '|' is expected"),
            ("[5]English>=", 12, "a skill level (a whole number) is expected"),
            ("Sales@Stat.XY", 11, "targets of type XY are not agents"),
            ("{" + "ready>1|" * 600 + "ready>1}A.GA", 4096, "longer than 4096 characters"),
        ],
    )
    def test_what_cannot_be_read_says_where(self, text: str, position: int, reason: str) -> None:
        with pytest.raises(ExpressionError) as error:
            read_target(text)
        assert (error.value.position, error.value.reason) == (position, reason)

    def test_places_and_groups_of_places_find_who_is_logged_in_there(self) -> None:
        router = Router()
        router.handle(GroupDefined("Floor1", places=("d1", "d2")), 0.0)
        at_place(router, "a", 1.0, "d2")
        at_place(router, "b", 2.0, "d9")
        assert given(want(router, "one", 3.0, "Floor1.GP")) == [("one", "a")]
        assert given(want(router, "two", 4.0, "d9.AP")) == [("two", "b")]

    def test_a_group_holds_the_members_of_its_groups(self) -> None:
        router = Router()
        router.handle(GroupDefined("Bank", groups=("Loans", "Cards")), 0.0)
        at_place(router, "a", 1.0, "", "Cards")
        assert given(want(router, "one", 2.0, "Bank.GA")) == [("one", "a")]

    def test_a_queue_and_a_group_of_queues_are_those_who_serve_them(self) -> None:
        router = Router()
        router.handle(QueueDefined("Loans", "Loans>0"), 0.0)
        router.handle(QueueDefined("Cards", "Cards>0"), 0.0)
        router.handle(GroupDefined("Bank", queues=("Loans", "Cards")), 0.0)
        ready(router, "a", 1.0, Cards=3)
        assert given(want(router, "one", 2.0, "Loans.Q")) == []
        assert given(want(router, "two", 3.0, "Bank.GQ")) == [("two", "a")]
        (refused,) = want(router, "three", 4.0, "Nothing.Q")
        assert refused == Refused("three", "at 0: nobody serves a virtual queue 'Nothing'")

    def test_groups_inside_each_other_ever_so_deep_are_looked_through_at_once(self) -> None:
        inner = {f"g{n}": (f"g{n + 1}",) for n in range(30_000)}
        began = process_time()
        assert len(closure("g0", inner)) == 30_001
        with pytest.raises(GroupCycle, match=r"^contains itself: g0 > .* > g9 > … > g0$") as cycle:
            closure("g0", {**inner, "g30000": ("g0",)})
        assert len(cycle.value.path) == 30_002
        assert process_time() - began < 2.0

    def test_a_group_that_contains_itself_is_refused_with_the_path(self) -> None:
        router = Router()
        router.handle(GroupDefined("A", groups=("B",)), 0.0)
        router.handle(GroupDefined("B", groups=("C",)), 0.0)
        (refused,) = router.handle(GroupDefined("C", groups=("X", "A")), 0.0)
        assert refused == Refused("C", "contains itself: C > A > B > C")
        at_place(router, "a", 1.0, "", "C")
        assert given(want(router, "one", 2.0, "A.GA")) == [("one", "a")]

    def test_a_device_takes_what_no_agent_can(self) -> None:
        router = Router()
        outputs = want(router, "call", 1.0, "English>=1", "8001.RP")
        assert outputs == [
            Diverted("call", "Q", "device:8001", "8001", 0.0),
            Left("call", "Q", "diverted", 0.0),
        ]
        ready(router, "a", 2.0, English=1)
        assert given(want(router, "next", 3.0, "English>=1", "8001.RP")) == [("next", "a")]


class TestSteps:
    def test_skills_are_relaxed_and_a_last_resort_follows(self) -> None:
        router = Router(lease=1e6)
        ready(router, "fair", 0.0, English=2)
        steps = (Step(("English>=5",), 20.0), Step(("English>=2",), 30.0), Step(("8001.DN",)))
        assert ask(router, "call", 10.0, *steps) == []
        assert router.next_timer() == 30.0
        assert given(router.handle_timer(30.0)) == [("call", "fair")]
        ask(router, "next", 31.0, *steps)
        router.handle_timer(51.0)
        assert [type(o) for o in router.handle_timer(81.0)] == [Diverted, Left]
        story = router.explain("next")
        assert story is not None
        assert [moment.text for moment in story.history] == [
            "queued in Q",
            "step 2: English>=5, English>=2",
            "step 3: English>=5, English>=2, device:8001",
            "sent to 8001 for device:8001",
            "left: diverted",
        ]

    def test_a_step_can_forget_the_earlier_targets(self) -> None:
        router = Router()
        ask(router, "call", 0.0, Step(("A.GA",), 5.0), Step(("B.GA",), clear=True))
        router.handle_timer(5.0)
        assert at_place(router, "a", 6.0, "", "A") == []
        assert given(at_place(router, "b", 7.0, "", "B")) == [("call", "b")]

    def test_the_last_step_that_ends_gives_up(self) -> None:
        router = Router()
        ask(router, "call", 0.0, Step(("A.GA",), 5.0), Step(("B.GA",), 5.0))
        assert router.handle_timer(5.0) == []
        assert router.handle_timer(10.0) == [Left("call", "Q", "timeout", 10.0)]

    def test_a_preferred_agent_comes_first_for_a_time(self) -> None:
        router = Router()
        ready(router, "other", 0.0, English=1)
        ask(router, "call", 1.0, Step(("kim.A",), 10.0), Step(("English>=1",)))
        assert router.interactions["call"].state == "waiting"
        assert given(router.handle_timer(11.0)) == [("call", "other")]

    def test_overflow_moves_to_another_queue_at_the_place_of_the_arrival(self) -> None:
        router = Router()
        router.handle(QueueDefined("Cards", "Cards>0"), 0.0)
        ask(router, "first", 0.0, Step(("Loans>0",), 60.0), Step(queue="Cards"), queue="Loans")
        want(router, "later", 30.0, "Cards>0", queue="Cards")
        assert router.handle_timer(60.0) == [Moved("first", "Loans", "Cards")]
        assert (router.position("first"), router.position("later")) == (1, 2)
        assert len(router.queues["Loans"].waiting) == 0
        (reserve,) = ready(router, "c", 70.0, Cards=1)
        assert isinstance(reserve, Reserve) and (reserve.interaction, reserve.queue) == ("first", "Cards")

    def test_a_step_raises_the_priority(self) -> None:
        router = Router()
        want(router, "early", 0.0, "A.GA")
        ask(router, "late", 1.0, Step(("A.GA",), 10.0), Step(priority=5))
        assert router.position("late") == 2
        router.handle_timer(11.0)
        assert router.position("late") == 1

    def test_what_was_submitted_before_a_restart_is_where_it_would_be(self) -> None:
        router = Router()
        steps = (Step(("A.GA",), 10.0), Step(("B.GA",), 10.0), Step(("C.GA",)))
        ask(router, "call", 100.0, *steps, submitted=85.0, timeout=60.0)
        assert router.interactions["call"].targets == ("A.GA", "B.GA")
        assert router.next_timer() == 105.0
        assert router.interactions["call"].deadline == 145.0

    def test_a_step_that_ends_while_reserved_counts_after_the_return(self) -> None:
        router = Router()
        at_place(router, "a", 0.0, "", "A")
        at_place(router, "b", 0.0, "", "B")
        (reserve,) = ask(router, "call", 1.0, Step(("A.GA",), 10.0), Step(("B.GA",)))
        assert isinstance(reserve, Reserve)
        assert router.handle_timer(11.0) == []
        outputs = router.handle(Return("call", reserve.attempt, "no_answer"), 12.0)
        assert given(outputs) == [("call", "b")]

    @pytest.mark.parametrize("order", ["alphabet", "min Smiles", "skill"])
    def test_an_order_that_cannot_be_read_is_refused(self, order: str) -> None:
        (output,) = ask(Router(), "call", 0.0, Step(("A.GA",), order=order))
        assert isinstance(output, Refused) and output.reason.startswith(f"no order {order!r}")


class TestThresholds:
    def test_a_target_is_used_while_its_threshold_holds(self) -> None:
        router = Router()
        ready(router, "a", 1.0, English=1)
        ready(router, "b", 2.0, English=1)
        assert want(router, "call", 3.0, "{ready>2}English>=1") == []
        story = router.explain("call")
        assert story is not None
        assert story.reasons == ("English>=1: ready>2 does not hold: it is 2",)
        assert given(ready(router, "c", 4.0, English=1)) == [("call", "a")]

    def test_a_threshold_on_another_queue_is_seen_within_a_second(self) -> None:
        router = Router()
        want(router, "first", 1.0, "Loans>0", queue="Loans")
        want(router, "call", 2.0, "{sdata(Loans.Q, waiting)<1}8001.DN")
        assert router.handle_timer(3.0) == []
        router.handle(Cancel("first"), 3.5)
        assert [type(o) for o in router.handle_timer(4.0)] == [Diverted, Left]
        assert router.next_timer() is None

    def test_figures_of_a_queue(self) -> None:
        router = Router()
        router.handle(QueueDefined("Loans", "Loans>0"), 0.0)
        router.handle(AgentBusy("a", 1, {"Loans": 1}), 0.0)
        want(router, "waits", 0.0, "Loans>0", queue="Loans")
        for text, holds in (
            ("busy>=1", True),
            ("ready>=1", False),
            ("longest_wait>=10", True),
            ("ewt>60", True),
            ("staff=1 & waiting>1", False),
            ("waiting>1 | staff=1", True),
        ):
            parts = [f"sdata(Loans.Q, {part})" for part in text.replace(" ", "").split("&")]
            wanted = "&".join(_of_loans(part) for part in parts)
            outputs = want(router, text, 10.0, "{" + wanted + "}8001.DN")
            assert bool(outputs) == holds, text
            router.handle(Cancel(text), 10.0)


def _of_loans(part: str) -> str:
    """`sdata(Loans.Q, a>1|b=2)` as `sdata(Loans.Q, a)>1|sdata(Loans.Q, b)=2`."""
    inner = part.removeprefix("sdata(Loans.Q, ").removesuffix(")")
    found = []
    for each in inner.split("|"):
        at = min(each.index(sign) for sign in "<>=" if sign in each)
        found.append(f"sdata(Loans.Q, {each[:at]}){each[at:]}")
    return "|".join(found)


class TestOrders:
    def test_the_highest_level_of_a_skill(self) -> None:
        router = Router()
        ready(router, "fair", 1.0, English=2)
        ready(router, "best", 2.0, English=9)
        step = Step(("English>0",), order="skill English")
        assert given(ask(router, "one", 3.0, step)) == [("one", "best")]
        assert given(ask(router, "two", 4.0, step)) == [("two", "fair")]
        assert given(ready(router, "fair", 5.0, 2, English=2)) == []

    def test_the_fewest_calls(self) -> None:
        router = Router()
        ready(router, "a", 1.0, English=1)
        (first,) = want(router, "one", 2.0, "English>0")
        assert isinstance(first, Reserve)
        router.handle(Confirm("one", first.attempt), 2.0)
        ready(router, "a", 3.0, 2, English=1)
        ready(router, "b", 4.0, English=1)
        assert given(ask(router, "two", 5.0, Step(("English>0",), order="fewest-calls"))) == [("two", "b")]

    def test_the_least_occupied(self) -> None:
        router = Router()
        for agent in ("a", "b"):
            ready(router, agent, 0.0, English=1)
        router.handle(AgentBusy("a", 2, {"English": 1}), 10.0)
        router.handle(AgentBusy("b", 2, {"English": 1}), 40.0)
        ready(router, "a", 90.0, 3, English=1)
        ready(router, "b", 100.0, 3, English=1)
        step = Step(("English>0",), order="min StatAgentOccupancy")
        assert given(ask(router, "one", 110.0, step)) == [("one", "b")]

    @pytest.mark.parametrize(
        ("order", "first"),
        [
            ("longest-ready", "old"),
            ("min StatTimeInReadyState", "new"),
            ("max StatTimeInReadyState", "old"),
            ("min StatCallsAnswered", "new"),
            ("max StatCallsAnswered", "old"),
            ("max StatAgentOccupancy", "old"),
        ],
    )
    def test_by_a_statistic(self, order: str, first: str) -> None:
        router = Router()
        router.handle(Worked("old", 0.0, 7, 50.0), 90.0)
        ready(router, "old", 90.0, English=1)
        ready(router, "new", 95.0, English=1)
        assert given(ask(router, "one", 100.0, Step(("English>0",), order=order))) == [("one", first)]

    def test_the_fewest_interactions_at_the_moment(self) -> None:
        router = Router()
        for name, chats in (("a", 2), ("b", 1)):
            event = AgentReady(name, 1, 1.0, {"English": 1}, capacity="voice:1, chat:3", load={"chat": chats})
            router.handle(event, 1.0)
        step = Step(("English>0",), order="loading")
        assert given(ask(router, "one", 5.0, step)) == [("one", "b")]

    @pytest.mark.parametrize(
        ("targets", "given_to_x"), [(("[75]X.GA", "[25]Y.GA"), 15), (("X.GA", "Y.GA"), 10)]
    )
    def test_shares_between_targets_are_by_weight_or_equal(
        self, targets: tuple[str, ...], given_to_x: int
    ) -> None:
        router = Router()
        for number in range(40):
            at_place(router, f"x{number}", 0.0, "", "X")
            at_place(router, f"y{number}", 0.0, "", "Y")
        step = Step(targets, order="percentage")
        chosen = [given(ask(router, f"i{n}", 1.0 + n, step))[0][1][0] for n in range(20)]
        assert chosen.count("x") == given_to_x
        assert "y" in chosen[:4]


class TestShares:
    def test_queues_that_compete_for_one_agent_get_their_shares(self) -> None:
        router = Router()
        router.handle(QueueDefined("Gold", "English>0", weight=3.0), 0.0)
        router.handle(QueueDefined("Free", "English>0", weight=1.0), 0.0)
        for number in range(40):
            want(router, f"free{number}", 1.0 + number / 10, "English>0", queue="Free")
        for number in range(40):
            want(router, f"gold{number}", 9.0 + number / 10, "English>0", queue="Gold")
        served = [given(ready(router, f"a{n}", 20.0 + n, English=1))[0][0][:4] for n in range(40)]
        assert served.count("gold") == 30
        assert served[:8].count("free") == 2

    def test_a_queue_that_was_empty_has_saved_nothing_up(self) -> None:
        router = Router()
        router.handle(QueueDefined("A", "English>0", weight=1.0), 0.0)
        router.handle(QueueDefined("B", "English>0", weight=1.0), 0.0)
        for number in range(30):
            want(router, f"a{number}", 1.0 + number / 10, "English>0", queue="A")
        for number in range(20):
            ready(router, f"x{number}", 10.0 + number, English=1)
        for number in range(10):
            want(router, f"b{number}", 40.0 + number / 10, "English>0", queue="B")
        served = [given(ready(router, f"y{n}", 50.0 + n, English=1))[0][0][0] for n in range(10)]
        assert served.count("b") == 5


class TestOrdersAfterARestart:
    @pytest.mark.parametrize(("order", "first"), [("fewest-calls", "few"), ("occupancy", "idle")])
    def test_what_agents_have_done_decides_as_before(self, order: str, first: str) -> None:
        router = Router()
        for name, calls, worked in (("busy", 9, 900.0), ("few", 3, 500.0), ("idle", 5, 100.0)):
            router.handle(Worked(name, 0.0, calls, worked), 1000.0)
            ready(router, name, 1000.0, English=1)
        steps = (Step(("English>0",), order=order),)
        found = router.handle(Submit("c", "Q", (), 1000.0, 1, steps=steps), 1000.0)
        assert given(found) == [("c", first)]

    def test_a_change_of_skills_forgets_nothing(self) -> None:
        router = Router()
        router.handle(AgentReady("a", 1, 0.0, {"English": 1}), 0.0)
        router.handle(AgentBusy("a", 2, {"English": 1}), 10.0)
        router.handle(AgentBusy("a", 3, {"English": 2}), 20.0)
        router.handle(AgentReady("a", 4, 40.0, {"English": 2}), 40.0)
        agent = router.pool.agents["a"]
        assert (agent.logged_in, agent.worked, agent.occupancy) == (0.0, 30.0, 0.75)


class TestGrowth:
    def test_each_interaction_has_its_own_growth_and_it_can_change(self) -> None:
        router = Router()
        router.handle(Submit("slow", "Q", ("English>0",), 0.0, 1, 10, growth=even(0.1)), 0.0)
        router.handle(Submit("fast", "Q", ("English>0",), 0.0, 2, 0, growth=even(1.0)), 0.0)
        router.handle(Submit("flat", "Q", ("English>0",), 0.0, 3, 15), 0.0)
        router.handle_timer(5.0)
        assert [router.position(n) for n in ("flat", "slow", "fast")] == [1, 2, 3]
        router.handle_timer(30.0)
        assert [router.position(n) for n in ("fast", "flat", "slow")] == [1, 2, 3]
        assert given(ready(router, "a", 30.0, English=1)) == [("fast", "a")]
        router.handle(Reprioritize("slow", 10, even(2.0)), 31.0)
        assert given(ready(router, "b", 31.0, English=1)) == [("slow", "b")]


class TestMedia:
    def test_voice_and_chat_share_an_agent_by_the_rule(self) -> None:
        router = Router()
        rule = "voice:1, chat:2 unless voice>=1"
        event = AgentReady("a", 1, 0.0, {"English": 1}, capacity=rule)
        router.handle(event, 0.0)
        for number in range(3):
            chat = Submit(f"chat{number}", "Chat", ("English>0",), 1.0, number, media="chat")
            assert len(given(router.handle(chat, 1.0))) == (number < 2)
        assert given(want(router, "call", 2.0, "English>0")) == [("call", "a")]
        busy = AgentBusy("a", 2, {"English": 1}, capacity=rule, load={"voice": 1, "chat": 1})
        assert router.handle(busy, 3.0) == []
        after = AgentReady("a", 3, 9.0, {"English": 1}, capacity=rule, load={"chat": 1})
        assert given(router.handle(after, 9.0)) == [("chat2", "a")]

    def test_who_has_fewest_of_the_medium_gets_the_next(self) -> None:
        router = Router()
        for name in ("a", "b"):
            router.handle(AgentReady(name, 1, 0.0, capacity="chat:5"), 0.0)
        names = []
        for number in range(4):
            names += given(router.handle(Submit(f"c{number}", "Q", ("?:",), 1.0, number, media="chat"), 1.0))
        assert [agent for _, agent in names] == ["a", "b", "a", "b"]

    def test_without_a_rule_an_agent_gets_voice_and_nothing_else(self) -> None:
        router = Router()
        ready(router, "a", 0.0)
        assert router.handle(Submit("chat", "Q", ("?:",), 1.0, 1, media="chat"), 1.0) == []
        assert given(want(router, "call", 2.0, "?:")) == [("call", "a")]
        story = router.explain("chat")
        assert story is not None and story.reasons == ("chat:*: nobody is logged in",)


class TestTime:
    @pytest.mark.parametrize("seconds", [-900.0, 900.0])
    def test_a_clock_that_is_set_moves_what_is_waited_for(self, seconds: float) -> None:
        router = Router(lease=10.0)
        ready(router, "a", 1000.0, English=1)
        want(router, "call", 1001.0, "English>0")
        ask(router, "other", 1001.0, Step(("Z.GA",), 20.0), timeout=60.0)
        router.handle(ClockStepped(seconds), 1005.0 + seconds)
        assert router.next_timer() == 1011.0 + seconds
        assert router.handle_timer(1010.9 + seconds) == []
        assert len(router.handle_timer(1011.0 + seconds)) >= 2

    def test_a_new_expression_for_many_agents_is_built_in_portions(self) -> None:
        router = Router()
        for number in range(1700):
            router.handle(AgentBusy(f"a{number}", 1, {"English": 1}), 0.0)
        ready(router, "b", 0.0, English=1)
        before = router.pool.matched
        assert want(router, "call", 1.0, "English>=1") == []
        portions, outputs = [], []
        while router.next_timer() == 0.0:
            was = router.pool.matched
            outputs += router.handle_timer(1.0)
            portions.append(router.pool.matched - was)
        assert given(outputs) == [("call", "b")]
        assert max(portions) <= 500
        assert sum(portions) == router.pool.matched - before == 1701

    def test_a_login_looks_only_at_expressions_about_its_own_skills(self) -> None:
        router = Router()
        for number in range(1000):
            want(router, f"w{number}", 0.0, f"Skill{number}>=3")
        before = router.pool.matched
        ready(router, "a", 1.0, Skill7=5, Skill9=1)
        assert router.pool.matched - before == 2
        router.handle(AgentGone("a", 2), 2.0)
        assert router.queues["Q"].staffed_by is not None
