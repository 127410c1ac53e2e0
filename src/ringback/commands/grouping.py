"""Which services share a process under `ringback up --processes N`."""

from collections.abc import Mapping, Sequence

WEIGHTS: Mapping[str, int] = {
    "sip_cluster": 6,
    "media": 5,
    "sip_proxy": 4,
    "orchestration": 4,
    "tenant": 3,
    "engagement": 3,
    "rq": 2,
    "agent_state": 2,
}
"""Shares of the work of a busy platform; every other service weighs 1."""


def spread(services: Sequence[str], processes: int) -> list[list[str]]:
    """Split the services into at most `processes` groups, the heaviest group as light as possible.

    The order stays: a service starts after those that it asks.
    """
    wanted = max(1, min(processes, len(services)))
    loads = [WEIGHTS.get(name, 1) for name in services]
    limit = next(
        limit for limit in range(max(loads), sum(loads) + 1) if len(_filled(services, limit)) <= wanted
    )
    groups = _filled(services, limit)
    while len(groups) < wanted:
        groups = _halve_heaviest(groups)
    return groups


def _filled(services: Sequence[str], limit: int) -> list[list[str]]:
    """Fill one group after the other, none heavier than `limit`."""
    groups: list[list[str]] = []
    room = 0
    for name in services:
        load = WEIGHTS.get(name, 1)
        if load > room:
            groups.append([])
            room = limit
        groups[-1].append(name)
        room -= load
    return groups


def _halve_heaviest(groups: list[list[str]]) -> list[list[str]]:
    """Split the heaviest group that has more than one service."""
    at = max((i for i, group in enumerate(groups) if len(group) > 1), key=lambda i: _weight(groups[i]))
    heavy = groups[at]
    cut = min(range(1, len(heavy)), key=lambda i: max(_weight(heavy[:i]), _weight(heavy[i:])))
    return [*groups[:at], heavy[:cut], heavy[cut:], *groups[at + 1 :]]


def _weight(group: Sequence[str]) -> int:
    return sum(WEIGHTS.get(name, 1) for name in group)
