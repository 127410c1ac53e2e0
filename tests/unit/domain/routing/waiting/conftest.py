"""Call logs of small call centres, with the random numbers of a seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ringback.domain.routing.waiting import LoggedCall

DAY = 86400.0


@dataclass
class Class:
    """Callers of one kind: `rate` a second at a time (at most `most`), means of service and patience."""

    queue: str
    most: float
    service: float
    priority: int = 0
    patience: float | None = None
    rate: Callable[[float], float] | None = None


@dataclass
class Centre:
    """Servers by the queues that they take; `absent` says who is away when."""

    servers: list[frozenset[str]]
    classes: list[Class]
    days: float = 4.0
    absent: Callable[[int, float], bool] = lambda server, now: False
    seed: int = 1
    log: list[LoggedCall] = field(default_factory=list)

    def run(self) -> list[LoggedCall]:
        self.random = random.Random(self.seed)
        self.events: list[tuple[float, int, int]] = []
        self.calls: list[tuple[float, Class]] = []
        for kind in self.classes:
            self.arrivals(kind)
        for number, (at, _) in enumerate(self.calls):
            self.events.append((at, 1, number))
        for minute in range(int(self.days * 1440)):
            self.events.append((minute * 60.0, 0, -1))
        heapq.heapify(self.events)
        self.idle = dict.fromkeys(range(len(self.servers)))
        self.lines: dict[str, list[tuple[int, float, int]]] = {}
        self.settled: set[int] = set()
        while self.events:
            self.step(*heapq.heappop(self.events))
        return self.log

    def arrivals(self, kind: Class) -> None:
        now = self.random.expovariate(kind.most)
        while now < self.days * DAY:
            if kind.rate is None or self.random.random() * kind.most < kind.rate(now):
                self.calls.append((now, kind))
            now += self.random.expovariate(kind.most)

    def step(self, now: float, what: int, number: int) -> None:
        if what == 0:
            for server in list(self.idle) if number < 0 else [number]:
                self.idle[server] = None
                self.take_next(server, now)
        elif what == 1:
            kind = self.calls[number][1]
            free = [s for s in self.idle if kind.queue in self.servers[s] and not self.absent(s, now)]
            if free:
                self.serve(free[0], number, now)
                return
            heapq.heappush(self.lines.setdefault(kind.queue, []), (-kind.priority, now, number))
            if kind.patience:
                gone = now + self.random.expovariate(1 / kind.patience)
                heapq.heappush(self.events, (gone, 2, number))
        elif number not in self.settled:
            self.settled.add(number)
            at, kind = self.calls[number]
            self.log.append(LoggedCall(at, kind.queue, kind.priority, False, now, now, now, ""))

    def take_next(self, server: int, now: float) -> None:
        if self.absent(server, now):
            return
        lines = [self.lines[queue] for queue in self.servers[server] if queue in self.lines]
        for line in lines:
            while line and line[0][2] in self.settled:
                heapq.heappop(line)
        waiting = [line for line in lines if line]
        if waiting:
            self.serve(server, heapq.heappop(min(waiting))[2], now)

    def serve(self, server: int, number: int, now: float) -> None:
        del self.idle[server]
        self.settled.add(number)
        at, kind = self.calls[number]
        end = now + self.random.expovariate(1 / kind.service)
        self.log.append(LoggedCall(at, kind.queue, kind.priority, True, now, now, end, f"s{server}"))
        heapq.heappush(self.events, (end, 0, server))


@pytest.fixture(scope="session")
def call_log() -> Callable[..., list[LoggedCall]]:
    """Makes the log of a centre of `servers` equal servers (or sets of queues), and classes as given."""

    def make(
        servers: int | list[frozenset[str]], *classes: dict[str, object], **more: object
    ) -> list[LoggedCall]:
        kinds = [Class(**kind) for kind in classes]  # type: ignore[arg-type]
        if isinstance(servers, int):
            servers = [frozenset(kind.queue for kind in kinds)] * servers
        return Centre(servers, kinds, **more).run()  # type: ignore[arg-type]

    return make
