"""In which order the bindings of a number are tried (RFC 3261 16.6, RFC 5626 7). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ringback.contracts.sip import Binding


def target_sets(bindings: Iterable[Binding]) -> list[list[Binding]]:
    """Bindings of equal q together, those of a higher q before those of a lower.

    A phone with several flows is tried on the newest; the others come in later sets, for the case that the
    flow has failed: never two of one phone at the same time.
    """
    levels: dict[float, list[Binding]] = {}
    for binding in bindings:
        levels.setdefault(binding.q, []).append(binding)
    return [group for q in sorted(levels, reverse=True) for group in _by_flow(levels[q])]


def _by_flow(level: list[Binding]) -> list[list[Binding]]:
    """The newest flow of each phone, then the second of each that has one, and so on."""
    seen: dict[str, int] = {}
    groups: list[list[Binding]] = []
    for binding in sorted(level, key=lambda item: -item.expires_at):
        place = seen.get(binding.instance, 0) if binding.instance else 0
        if binding.instance:
            seen[binding.instance] = place + 1
        if place == len(groups):
            groups.append([])
        groups[place].append(binding)
    return groups
