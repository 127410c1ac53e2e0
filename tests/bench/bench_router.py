"""Routing decisions per second, by the number of agents logged in and of interactions waiting.

`make bench-router`. Pure CPU of the router core, without sockets or stores. The cost of a decision must not
grow with what is merely present.
"""

import argparse
import time

from stand import report

from ringback.domain.routing import Router
from ringback.domain.routing.messages import AgentReady, Confirm, QueueDefined, Reserve, Submit

AGENTS = (10, 300, 3_000, 30_000)
WAITING = (10, 1_000, 100_000)
QUEUES = 20


def skills_of(number: int) -> dict[str, int]:
    return {f"Skill{number % QUEUES}": 5, f"Skill{(number * 7 + 1) % QUEUES}": 3, "English": number % 10}


def target_of(number: int) -> tuple[str, ...]:
    return (f"Skill{number % QUEUES}>=3&English>=0",)


def fresh_router() -> Router:
    router = Router(lease=1e9)
    for number in range(QUEUES):
        router.handle(QueueDefined(f"VQ{number}", *target_of(number)), 0.0)
    return router


def with_agents(agents: int, decisions: int) -> float:
    """CPU seconds per routed call (agent ready, submit, reserve, confirm) with `agents` logged in."""
    router = fresh_router()
    version = 0
    for number in range(agents):
        router.handle(AgentReady(f"a{number}", 0, float(number), skills_of(number)), 0.0)
    start = time.process_time()
    for number in range(decisions):
        now = 1e6 + number
        request = Submit(f"i{number}", f"VQ{number % QUEUES}", target_of(number), now, number)
        for output in router.handle(request, now):
            assert isinstance(output, Reserve)
            router.handle(Confirm(output.interaction, output.attempt), now)
            version += 1
            skills = skills_of(int(output.agent[1:]))
            router.handle(AgentReady(output.agent, version, now, skills), now)
    return (time.process_time() - start) / decisions


def with_waiting(waiting: int, decisions: int) -> float:
    """CPU seconds per routed call (submit, agent ready, reserve, confirm) with `waiting` in the queues."""
    router = fresh_router()
    for number in range(waiting):
        queue = f"VQ{number % QUEUES}"
        router.handle(Submit(f"w{number}", queue, target_of(number), float(number), number), 0.0)
    start = time.process_time()
    for number in range(decisions):
        now = 1e7 + number
        request = Submit(f"i{number}", f"VQ{number % QUEUES}", target_of(number), now, waiting + number)
        router.handle(request, now)
        outputs = router.handle(AgentReady(f"a{number % 50}", number, now, skills_of(number)), now)
        for output in outputs:
            assert isinstance(output, Reserve)
            router.handle(Confirm(output.interaction, output.attempt), now)
    return (time.process_time() - start) / decisions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000)
    options = parser.parse_args()
    rows = [("agents logged in", n, with_agents(n, options.decisions)) for n in AGENTS]
    rows += [("interactions waiting", n, with_waiting(n, options.decisions)) for n in WAITING]
    table = [(f"{n:,} {what}", seconds * 1e6, f"{1 / seconds:,.0f}") for what, n, seconds in rows]
    figures = [
        {
            "metric": f"routing decision, {label}",
            "value": micros,
            "unit": "us",
            "peer": None,
            "peer_value": None,
        }
        for label, micros, _ in table
    ]
    columns = ("present", "us of CPU per decision", "decisions/s")
    report("router", "The router core: cost of a routed call", columns, table, figures)


if __name__ == "__main__":
    main()
