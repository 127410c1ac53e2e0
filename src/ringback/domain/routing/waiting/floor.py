"""What can be seen of the floor: who waits in which line, who serves, and in what rhythm.

Fed with four kinds of event (`enter`, `leave`, `serve`, `finish`); times are seconds. Nothing is known of a
server but what it has served so far: it belongs to the queues whose calls it took, and it is present while it
serves and for some minutes after.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from math import exp

Call = str | int
"""What names a call."""

PRESENT_FOR = 240.0
"""Seconds after its last call for which a server counts as present."""
MOST_LINES = 16
"""Lines of one queue; a further priority shares the line whose own is nearest, so that looking costs the same
whatever priorities callers come with."""
DAY = 86400.0
DAY_PART = 1800.0
ARRIVAL_MEMORY = 900.0
"""Seconds over which the rate of arrivals is averaged."""
_CYCLE_GAIN, _PACE_GAIN, _DAY_GAIN, _LEAVE_DECAY = 0.00003, 0.05, 0.01, 0.9995


@dataclass(slots=True)
class Entry:
    """A call that waits: since when, and its place when it came (1: next of its own queue)."""

    line: Line
    since: float
    place: int


@dataclass(slots=True)
class Line:
    """Those of one priority in one queue: served in order of arrival."""

    queue: Queue
    priority: int
    waiting: OrderedDict[Call, Entry] = field(default_factory=OrderedDict)
    last_wait: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=10))
    pace: float = 0.0
    served: int = 0
    day_parts: dict[int, float] = field(default_factory=dict)
    _arrivals: float = 0.0
    _arrived_at: float = 0.0

    def count_arrival(self, now: float) -> None:
        """One more has come, whether or not it has to wait."""
        self._arrivals = self._arrivals * self._left_of_it(now) + 1.0
        self._arrived_at = now

    def arrival_rate(self, now: float) -> float:
        """Calls a second, of late."""
        return self._arrivals * self._left_of_it(now) / ARRIVAL_MEMORY

    def _left_of_it(self, now: float) -> float:
        """What is left since the last arrival; a clock that was set back takes nothing away."""
        return exp(min(0.0, self._arrived_at - now) / ARRIVAL_MEMORY)

    def head_age(self, now: float) -> float:
        """Seconds that the first in line has waited; 0 when nobody waits."""
        return max(0.0, now - next(iter(self.waiting.values())).since) if self.waiting else 0.0

    def learn(self, entry: Entry, waited: float) -> None:
        """A call that had to wait so many seconds is served."""
        self.last_wait = waited
        self.recent.append(waited)
        self.served += 1
        self.pace += max(_PACE_GAIN, 1 / self.served) * (waited / entry.place - self.pace)
        part = day_part(entry.since)
        usual = self.day_parts.get(part, waited)
        self.day_parts[part] = usual + _DAY_GAIN * (waited - usual)


@dataclass(slots=True, eq=False)
class Queue:
    """A queue: its lines by priority, and what is known of those who serve it.

    `together`: how many of the `present` servers serve the other queue as well.
    """

    name: str
    lines: dict[int, Line] = field(default_factory=dict)
    waiting: int = 0
    present: int = 0
    together: dict[Queue, int] = field(default_factory=dict)
    cycle: float = 0.0
    cycles: int = 0
    served: int = 0
    quits: deque[float] = field(default_factory=lambda: deque(maxlen=32))
    running_since: float = 0.0
    abandoned: float = 0.0
    waited: float = 1.0

    @property
    def quit_interval(self) -> float:
        """Mean seconds between two departures while somebody waits, over the last 32; 0 when none."""
        return sum(self.quits) / len(self.quits) if self.quits else 0.0

    @property
    def impatience(self) -> float:
        """Calls lost for each second that a caller waits."""
        return self.abandoned / self.waited


@dataclass(slots=True)
class Server:
    """Somebody, or something, that takes calls."""

    queues: list[Queue] = field(default_factory=list)
    started: float = 0.0
    finished: float = 0.0
    call: Call | None = None
    present: bool = False


def day_part(now: float) -> int:
    """The half hour of the day."""
    return int(now % DAY // DAY_PART)


class Floor:
    """All queues, lines and servers of one tenant, or of one log."""

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self.servers: dict[str, Server] = {}
        self.entries: dict[Call, Entry] = {}
        self._resting: deque[tuple[float, Server]] = deque()

    def line(self, queue: str, priority: int) -> Line:
        """The line of that queue and priority, made when it is first named."""
        found = self.queues.get(queue)
        if found is None:
            found = self.queues[queue] = Queue(queue)
        line = found.lines.get(priority)
        if line is not None:
            return line
        if len(found.lines) >= MOST_LINES:
            return found.lines[min(found.lines, key=lambda level: abs(level - priority))]
        line = found.lines[priority] = Line(found, priority)
        return line

    def arrive(self, queue: str, priority: int, now: float) -> Line:
        """A call has come; it may be served at once."""
        line = self.line(queue, priority)
        line.count_arrival(now)
        return line

    def enter(self, call: Call, line: Line, now: float) -> Entry:
        """The call has to wait."""
        queue = line.queue
        if not queue.waiting:
            queue.running_since = now
        queue.waiting += 1
        place = 1 + self.ahead(queue, line.priority)
        entry = self.entries[call] = line.waiting[call] = Entry(line, now, place)
        return entry

    def leave(self, call: Call, now: float, *, served: bool) -> Entry | None:
        """The call no longer waits: it is served, or it has gone. None: it was not waiting."""
        entry = self.entries.pop(call, None)
        if entry is None:
            return None
        line, queue = entry.line, entry.line.queue
        del line.waiting[call]
        queue.waiting -= 1
        waited = max(0.0, now - entry.since)
        queue.quits.append(max(0.0, now - queue.running_since))
        queue.running_since = now
        queue.waited = queue.waited * _LEAVE_DECAY + waited
        queue.abandoned = queue.abandoned * _LEAVE_DECAY + (not served)
        if served:
            line.learn(entry, waited)
        return entry

    def reprioritize(self, call: Call, priority: int) -> None:
        """A waiting call moves to another line of its queue, behind those who wait there."""
        entry = self.entries.get(call)
        if entry is not None:
            del entry.line.waiting[call]
            entry.line = self.line(entry.line.queue.name, priority)
            entry.line.waiting[call] = entry

    def clear(self) -> None:
        """Nobody waits and nobody serves; what has been learned stays."""
        self.entries.clear()
        self.servers.clear()
        self._resting.clear()
        for queue in self.queues.values():
            queue.waiting = queue.present = 0
            queue.together.clear()
            for line in queue.lines.values():
                line.waiting.clear()

    def serve(self, name: str, call: Call, line: Line, now: float, *, waited: bool) -> None:
        """A server takes a call; `waited`: it comes from the line, so the server was in demand."""
        server = self.servers.get(name)
        if server is None:
            server = self.servers[name] = Server()
        elif waited and now - server.finished < PRESENT_FOR:
            self._learn_cycle(server, max(0.0, now - server.started))
        if line.queue not in server.queues:
            present = server.present
            _set_present(server, False)
            server.queues.append(line.queue)
            _set_present(server, present)
        _set_present(server, True)
        line.queue.served += 1
        if not waited:
            line.last_wait = 0.0
        server.started, server.call = now, call

    def finish(self, name: str, call: Call, now: float) -> None:
        """The server's call has ended; of another call than the one it serves nothing is learned."""
        server = self.servers.get(name)
        if server is None or server.call != call:
            return
        server.finished, server.call = now, None
        self._resting.append((now, server))

    def look(self, now: float) -> None:
        """Forget the servers that have been idle for long."""
        resting = self._resting
        while resting and resting[0][0] < now - PRESENT_FOR:
            finished, server = resting.popleft()
            if server.present and server.call is None and server.finished == finished:
                _set_present(server, False)

    def ahead(self, queue: Queue, priority: int) -> int:
        """How many of the queue's own callers a new one of this priority finds before it."""
        return sum(len(line.waiting) for level, line in queue.lines.items() if level >= priority)

    def pressure(self, queue: Queue, priority: int, now: float) -> tuple[float, float, float]:
        """What stands before a new call over all queues, each counted with the share of servers in common.

        Those of at least its priority; all; and the arrivals a second of higher priority.
        """
        before, everybody, overtaking = 0.0, 0.0, 0.0
        for other, together in (queue.together or {queue: 1}).items():
            share = together / max(1, queue.present)
            for level, line in other.lines.items():
                count = len(line.waiting) * share
                everybody += count
                if level >= priority:
                    before += count
                if level > priority:
                    overtaking += share * line.arrival_rate(now)
        return before, everybody, overtaking

    def _learn_cycle(self, server: Server, seconds: float) -> None:
        for queue in server.queues:
            queue.cycles += 1
            queue.cycle += max(_CYCLE_GAIN, 1 / queue.cycles) * (seconds - queue.cycle)


def _set_present(server: Server, present: bool) -> None:
    """The server has come, or has gone: counted for each of its queues, and for each two of them."""
    if server.present == present:
        return
    server.present = present
    step = 1 if present else -1
    for queue in server.queues:
        queue.present += step
        for other in server.queues:
            count = queue.together.get(other, 0) + step
            if count:
                queue.together[other] = count
            else:
                queue.together.pop(other, None)
