"""Why an interaction is where it is, in words and figures."""

from __future__ import annotations

from collections.abc import Callable

from .messages import Explanation, Moment
from .plans import Want
from .queue import WAITING, Interaction, Note
from .standing import Index
from .thresholds import Threshold

WORDS: dict[str, str] = {
    "queued": "queued in {}",
    "priority": "priority {}",
    "returned": "returned from {}: {}",
    "left": "left: {}",
    "step": "step {}: {}",
    "moved": "moved from {} to {}",
    "diverted": "sent to {} for {}",
    "resumed": "still reserved for {} after a restart",
}


def explain(
    interaction: Interaction,
    position: int,
    failing: Callable[[Threshold, Index], str],
) -> Explanation:
    """The story of an interaction; its state is `waiting`, `reserved` or how it left."""
    request, wants = interaction.request, interaction.plan.wants
    waits = interaction.state == WAITING and not interaction.outcome
    return Explanation(
        interaction=request.interaction,
        state=interaction.outcome or interaction.state,
        queue=interaction.queue.name,
        position=position,
        priority=interaction.priority,
        arrived=request.arrived,
        targets=tuple(want.text for want in wants),
        agent=interaction.agent,
        staff=max((want.index.staff for want in wants), default=0),
        ready=max((len(want.index.ready) for want in wants), default=0),
        excluded=tuple(interaction.excluded),
        history=tuple(Moment(note[0], _words(note)) for note in _story(interaction)),
        reasons=tuple(_reason(want, interaction, failing) for want in wants) if waits else (),
        media=request.media,
    )


def _story(interaction: Interaction) -> tuple[Note, ...]:
    """How it came, what has happened to it lately, and how it left."""
    story = interaction.history
    if interaction.queued is not None:
        story = ((interaction.queued, "queued", interaction.request.queue), *story)
    return (*story, (interaction.left, "left", interaction.outcome)) if interaction.outcome else story


def _words(note: Note) -> str:
    kind, figures = note[1], note[2:]
    if kind != "reserved":
        return WORDS[kind].format(*figures)
    name, target, seconds, ready, others = figures
    text = f"reserved {name} for {target}: ready for {seconds:.1f} s, 1 of {ready}"
    return f"{text}; before {', '.join(others)}" if others else text


def _reason(want: Want, interaction: Interaction, failing: Callable[[Threshold, Index], str]) -> str:
    """Why this target has not taken the interaction yet."""
    index = want.index
    if want.threshold is not None and (words := failing(want.threshold, index)):
        return f"{want.text}: {words}"
    if index.staff == 0:
        return f"{want.text}: nobody is logged in"
    busy, away = index.working - len(index.ready), index.staff - index.working
    text = f"{want.text}: {index.staff} logged in, {len(index.ready)} ready, {busy} busy, {away} not ready"
    ahead = _ahead(interaction, index)
    if ahead:
        text += f"; {ahead} ahead"
    if index.ready and interaction.excluded:
        text += f"; {', '.join(interaction.excluded)} had it and come last"
    return text


def _ahead(interaction: Interaction, index: Index) -> int:
    """Who waits for the same agents and comes earlier, in the interaction's own line."""
    lines = (line for line in interaction.lines if line.index is index)
    return sum(line.places.rank(interaction.place) for line in lines)
