"""The health of the platform's nodes, as their heartbeats tell it."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from ringback.domain.permissions import Action
from ringback.runtime.service import HEARTBEATS, Heartbeat
from ringback.services.engagement.management.api import Call, Operation
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_FRESH_S = 10.0


class NodeHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One service on one node. alive: its last sign is fresh. checks: what it needs, and if it is there."""

    service: str
    node: str
    alive: bool
    ready: bool
    checks: dict[str, bool]
    listeners: dict[str, str]
    started: datetime
    seen: datetime
    uptime_s: float


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All services of all nodes. version: of the node that answers."""

    version: str
    at: datetime
    nodes: list[NodeHealth]


class HealthRoom:
    """The handler of `/api/v1/health`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def operations(self) -> list[Operation]:
        """What can be asked."""
        return [
            Operation(
                "GET", "health", "getHealth", "How the nodes are.", self._health, Action.SEE_HEALTH, Health
            )
        ]

    async def _health(self, call: Call) -> Health:
        nodes: list[NodeHealth] = []
        if call.scope:
            flat = await self._ctx.valkey.using("ges-15").call("HGETALL", HEARTBEATS)
            beats = [msgspec.json.decode(value, type=Heartbeat) for value in flat[1::2]]
            nodes = [_node(beat, call.now) for beat in sorted(beats, key=lambda beat: (beat.name, beat.node))]
        return Health(version=version("ringback"), at=moment(call.now), nodes=nodes)


def _node(beat: Heartbeat, now: float) -> NodeHealth:
    alive = beat.at > now - _FRESH_S
    return NodeHealth(
        service=beat.name,
        node=beat.node,
        alive=alive,
        ready=alive and beat.ready,
        checks=beat.checks,
        listeners=beat.listeners,
        started=moment(beat.started),
        seen=moment(beat.at),
        uptime_s=max(0.0, beat.at - beat.started),
    )
