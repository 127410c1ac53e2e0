"""Lists of targets, read once and shared by all interactions that ask for the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from .messages import VOICE
from .pool import AgentPool
from .skills import Expression
from .standing import Index
from .targets import Target, read_target
from .thresholds import Threshold

IDLE_PLANS = 256
MAX_TARGETS = 64

_read: Callable[[str], Target] = lru_cache(maxsize=4096)(read_target)


class Want:
    """One target of a plan: agents (`index`), or a device, whose index nobody ever joins."""

    __slots__ = ("device", "index", "line_key", "source", "text", "threshold", "weight")

    def __init__(self, target: Target, index: Index) -> None:
        self.source = target.text
        self.text = index.key
        self.index = index
        self.device = target.device
        self.threshold: Threshold | None = target.threshold
        self.line_key = target.threshold.key if target.threshold else ""
        self.weight = target.weight


class Plan:
    """Targets in the order in which they are tried. `plain`: agents alone, without thresholds."""

    __slots__ = ("key", "plain", "users", "wants")

    def __init__(self, key: tuple[str, tuple[str, ...]], wants: tuple[Want, ...]) -> None:
        self.key = key
        self.wants = wants
        self.plain = not any(want.device or want.threshold for want in wants)
        self.users = 0


class Plans:
    """All plans in use; the last ones without users are kept warm."""

    def __init__(self, pool: AgentPool, expand: Callable[[str, Expression], Expression]) -> None:
        self._pool = pool
        self._expand = expand
        self.known: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self.idle: OrderedDict[tuple[str, tuple[str, ...]], Plan] = OrderedDict()

    def open(self, media: str, targets: tuple[str, ...]) -> Plan:
        """The plan of these targets; `close` it once for each time. Raises ExpressionError."""
        key = (media, targets)
        plan = self.known.get(key)
        if plan is None:
            plan = self.known[key] = Plan(key, self._make(media, targets))
        elif not plan.users:
            self.idle.pop(key, None)
        plan.users += 1
        return plan

    def close(self, plan: Plan) -> None:
        """One user less."""
        plan.users -= 1
        if not plan.users:
            self.unused(plan)

    def unused(self, plan: Plan) -> None:
        """Its last user has gone."""
        if self.known.get(plan.key) is not plan:  # its groups have changed meanwhile
            self._let_go(plan)
            return
        self.idle[plan.key] = plan
        if len(self.idle) > IDLE_PLANS:
            key, oldest = self.idle.popitem(last=False)
            del self.known[key]
            self._let_go(oldest)

    def renew(self) -> None:
        """Groups or queues have changed: plans are read anew for whoever comes now."""
        idle, self.idle = self.idle, OrderedDict()
        self.known.clear()
        for plan in idle.values():
            self._let_go(plan)

    def _let_go(self, plan: Plan) -> None:
        for want in plan.wants:
            if not want.device:
                self._pool.close(want.index)

    def _make(self, media: str, targets: tuple[str, ...]) -> tuple[Want, ...]:
        read = [_read(text) for text in dict.fromkeys(targets[:MAX_TARGETS])]
        expanded = [each.expression and self._expand(each.text, each.expression) for each in read]
        wants: dict[tuple[str, str], Want] = {}
        for target, expression in zip(read, expanded, strict=True):
            if expression is None:
                index = Index(f"device:{target.device}", None, media or VOICE)
            else:
                index = self._pool.open(expression, media)
            want = Want(target, index)
            if wants.setdefault((want.text, want.line_key), want) is not want and expression is not None:
                self._pool.close(index)
        return tuple(wants.values())
