"""Why calls and other requests are answered 503, for the operator: counted each, logged once per burst."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.sip_proxy.metrics import ProxyMetrics


class Why(StrEnum):
    """The reason of a 503, as the metric and the log name it."""

    OVERLOAD = "overload"
    """This process does not keep up (`overload_delay_s`, `overload_transactions`)."""
    DRAINING = "draining"
    """This process is being stopped."""
    SOURCE_RATE = "source-rate"
    """Too many requests per second of one source."""
    SOURCE_CALLS = "source-calls"
    """Too many calls of one source at a time."""
    ALL_CALLS = "all-calls"
    """Too many calls at a time in this process."""
    TENANT_LIMIT = "tenant-limit"
    TRUNK_LIMIT = "trunk-limit"
    NO_NODE = "no-node"
    """No cluster node, or none with room, stands in the directory."""
    NODE = "node"
    """All nodes that were asked have refused, or did not answer."""
    NO_MEDIA = "no-media"
    """No media node stands in the directory."""
    NO_WEBRTC = "no-webrtc-gateway"
    NO_GATEWAY = "no-gateway"
    """Of a trunk no gateway is found, or all are full."""
    NO_WAY = "no-way"
    """A name in a Contact leads nowhere."""
    LOOKUP = "lookup"
    """Configuration or bindings could not be asked for."""


_QUIET_S = 10.0
"""What follows within so many seconds belongs to the same burst."""
_LONGEST_S = 60.0
"""A longer burst is told of again."""


@dataclass(slots=True)
class Burst:
    """Refusals for one reason, soon after one another; times in seconds of one clock."""

    why: Why
    began: float
    last: float
    count: int = 1


class Bursts:
    """Tells the first of a burst, and how many it was in the end. Pure."""

    def __init__(self) -> None:
        self._under_way: dict[Why, Burst] = {}

    def note(self, why: Why, now: float) -> bool:
        """Count a refusal; True if it is the first of a burst."""
        burst = self._under_way.get(why)
        if burst is None:
            self._under_way[why] = Burst(why, now, now)
            return True
        burst.last = now
        burst.count += 1
        return False

    def over(self, now: float) -> list[Burst]:
        """The bursts that are over, or were long enough to be told of; nearly always none."""
        if not self._under_way:
            return []
        ended = [
            burst
            for burst in self._under_way.values()
            if now - burst.last >= _QUIET_S or now - burst.began >= _LONGEST_S
        ]
        for burst in ended:
            del self._under_way[burst.why]
        return ended


class Refusals:
    """What this proxy answers 503: the count of each reason, and a line of the log for each burst."""

    def __init__(self, ctx: Context, metrics: ProxyMetrics) -> None:
        self._ctx = ctx
        self._counts = metrics.refused.counts
        self._bursts = Bursts()

    def turn(self, why: Why) -> None:
        """A request is refused."""
        self._counts[(why.value,)] += 1
        if self._bursts.note(why, self._ctx.monotonic()):
            self._ctx.log.warning("requests_refused", reason=why.value)

    def look(self) -> None:
        """Tell of bursts that are over; to be called now and then."""
        for burst in self._bursts.over(self._ctx.monotonic()):
            seconds = round(burst.last - burst.began, 1)
            self._ctx.log.warning(
                "requests_were_refused", reason=burst.why.value, count=burst.count, seconds=seconds
            )
