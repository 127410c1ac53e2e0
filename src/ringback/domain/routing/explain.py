"""Why an interaction is where it is, in words and figures."""

from __future__ import annotations

from collections.abc import Callable

from .messages import Explanation
from .pool import Index
from .queue import Interaction


def explain(interaction: Interaction, state: str, position: int) -> Explanation:
    """The story of an interaction; `state` is `waiting`, `reserved` or how it left."""
    request, indexes = interaction.request, interaction.indexes
    return Explanation(
        interaction=request.interaction,
        state=state,
        queue=request.queue,
        position=position,
        priority=request.priority,
        arrived=request.arrived,
        targets=tuple(index.expression.key for index in indexes),
        agent=interaction.agent,
        staff=_most(indexes, lambda index: index.staff),
        ready=_most(indexes, lambda index: len(index.ready)),
        excluded=tuple(interaction.excluded),
        history=tuple(interaction.history),
    )


def _most(indexes: tuple[Index, ...], count: Callable[[Index], int]) -> int:
    return max(map(count, indexes), default=0)
