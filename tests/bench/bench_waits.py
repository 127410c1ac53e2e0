"""What a promised wait costs, by the number of agents at work and of callers in line.

`make bench-waits`. Pure CPU of the predictor beside the router core: an answer to somebody who asks, and all
that it does for one call from its arrival to its end (watch, promise, judge, learn). Neither must grow with
what is merely present.
"""

import argparse
import time

from stand import report

from ringback.domain.routing import Router
from ringback.domain.routing.messages import (
    AgentBusy,
    AgentReady,
    Confirm,
    Input,
    QueueDefined,
    Reserve,
    Submit,
)
from ringback.domain.routing.waiting import Experience, Prediction, Promises

AGENTS = (10, 300, 3_000, 30_000)
WAITING = (10, 1_000, 100_000)
QUEUES = 20


class Centre:
    """`agents` who are all busy, and `waiting` callers in line, in 20 queues; every agent serves two."""

    def __init__(self, agents: int, waiting: int) -> None:
        self.core = Router(lease=1e9)
        self.experience = Experience()
        self.promises = Promises(self.core, self.experience)
        self.now, self.count, self.queues = 0.0, 0, min(QUEUES, agents)
        self.watching = 0.0
        for number in range(self.queues):
            self.take(QueueDefined(f"VQ{number}", f"Skill{number}>=1"))
        self.agents = [
            (f"a{n}", {f"Skill{n % self.queues}": 1, f"Skill{(n + 1) % self.queues}": 1})
            for n in range(agents)
        ]
        for _ in range(4):
            for number in range(max(agents, 40 * QUEUES)):
                self.submit(number)
                self.ready(number)
        for number in range(waiting):
            self.submit(number)

    def take(self, event: Input) -> None:
        self.count += 1
        outputs = self.core.handle(event, self.now)
        began = time.process_time()
        self.promises.watch(event, outputs, self.now)
        self.watching += time.process_time() - began
        for output in outputs:
            if isinstance(output, Reserve):
                skills = self.agents[int(output.agent[1:])][1]
                self.take(AgentBusy(output.agent, self.count, skills))
                self.take(Confirm(output.interaction, output.attempt))

    def submit(self, number: int) -> None:
        self.now += 0.01
        queue = number % self.queues
        self.take(Submit(f"i{self.count}", f"VQ{queue}", (f"Skill{queue}>=1",), self.now, self.count))

    def ready(self, number: int) -> None:
        self.now += 0.01
        name, skills = self.agents[number % len(self.agents)]
        self.take(AgentReady(name, self.count, self.now, skills))


def costs(agents: int, waiting: int, asked: int) -> tuple[float, float]:
    """CPU seconds of an answer, and of the predictor's work for one call."""
    centre = Centre(agents, waiting)
    centre.experience.records.clear()  # waits as short as here are better told by the simple estimate
    began = time.process_time()
    for number in range(asked):
        queue = f"VQ{number % centre.queues}"
        position = len(centre.core.queues[queue].waiting) + 1
        answer = centre.promises.told(queue, 0, position, centre.now).answer
        assert isinstance(answer, Prediction)
    answered = (time.process_time() - began) / asked
    centre.watching = 0.0
    for number in range(asked):
        centre.submit(number)
        centre.ready(number)
    return answered, centre.watching / asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asked", type=int, default=5_000)
    options = parser.parse_args()
    rows = [(f"{n:,} agents, 1,000 waiting", *costs(n, 1_000, options.asked)) for n in AGENTS]
    rows += [(f"300 agents, {n:,} waiting", *costs(300, n, options.asked)) for n in WAITING]
    table = [(label, answer * 1e6, call * 1e6) for label, answer, call in rows]
    figures = [
        {"metric": f"{what}, {label}", "value": value, "unit": "us", "peer": None, "peer_value": None}
        for label, *values in table
        for what, value in zip(("wait told", "predictor's work for a call"), values, strict=True)
    ]
    columns = ("present", "us of CPU per answer", "us of CPU per call")
    report("waits", "The predictor of waiting times", columns, table, figures)


if __name__ == "__main__":
    main()
