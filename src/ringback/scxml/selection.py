"""Which transitions are taken and which states they leave and enter: SCXML appendix D, pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .model import Block, Document, Transition

History = Mapping[int, tuple[int, ...]]
"""For each history state that has been left: the states to return to."""


def select_transitions(
    document: Document,
    configuration: Iterable[int],
    history: History,
    event: str | None,
    holds: Callable[[Transition], bool],
) -> list[Transition]:
    """The optimally enabled transition set (`selectTransitions`, `selectEventlessTransitions`).

    `event` None means eventless transitions; `holds` evaluates a condition.
    """
    active = sorted(configuration)
    enabled: list[Transition] = []
    for index in active:
        if document.states[index].kind not in ("atomic", "final"):
            continue
        found = _first_enabled(document, index, event, holds)
        if found is not None and found not in enabled:
            enabled.append(found)
    if len(enabled) < 2:
        return enabled
    return _remove_conflicts(document, active, history, enabled)


def _first_enabled(
    document: Document, index: int, event: str | None, holds: Callable[[Transition], bool]
) -> Transition | None:
    for transition in document.meant(index, event):
        if holds(transition):
            return transition
    return None


def _remove_conflicts(
    document: Document, active: list[int], history: History, enabled: list[Transition]
) -> list[Transition]:
    kept: list[Transition] = []
    exits = {id(t): exit_set(document, active, history, [t]) for t in enabled}
    for candidate in enabled:
        rivals = [t for t in kept if exits[id(t)] & exits[id(candidate)]]
        source = candidate.source
        if all(document.states[rival.source].contains(source) for rival in rivals):
            kept = [t for t in kept if t not in rivals]
            kept.append(candidate)
    return kept


def effective_targets(document: Document, transition: Transition, history: History) -> list[int]:
    """Targets with history states replaced by what they stand for (`getEffectiveTargetStates`)."""
    found: dict[int, None] = {}
    for target in transition.targets:
        state = document.states[target]
        if state.kind != "history":
            found[target] = None
        elif target in history:
            found.update(dict.fromkeys(history[target]))
        elif state.initial is not None:
            found.update(dict.fromkeys(effective_targets(document, state.initial, history)))
    return list(found)


def transition_domain(document: Document, transition: Transition, history: History) -> int | None:
    """The compound state inside which the transition moves (`getTransitionDomain`)."""
    targets = effective_targets(document, transition, history)
    if not targets:
        return None
    source = document.states[transition.source]
    inside = all(source.contains(target) for target in targets)
    if transition.internal and source.kind == "compound" and inside:
        return source.index
    return least_common_ancestor(document, [transition.source, *targets])


def least_common_ancestor(document: Document, states: list[int]) -> int:
    """The nearest compound state, or the root, that contains all of them (`findLCCA`)."""
    for ancestor in document.ancestors(states[0]):
        candidate = document.states[ancestor]
        if candidate.kind != "compound" and ancestor:
            continue
        if all(candidate.contains(state) for state in states[1:]):
            return ancestor
    return 0


def exit_set(
    document: Document, configuration: Iterable[int], history: History, transitions: list[Transition]
) -> set[int]:
    """The active states that the transitions leave (`computeExitSet`)."""
    leaving: set[int] = set()
    for transition in transitions:
        domain = transition_domain(document, transition, history) if transition.targets else None
        if domain is not None:
            container = document.states[domain]
            leaving.update(state for state in configuration if container.contains(state))
    return leaving


class EntrySet:
    """The states to enter and what to execute on the way (`computeEntrySet`)."""

    def __init__(self, document: Document, history: History) -> None:
        self.document = document
        self.history = history
        self.states: set[int] = set()
        self.default_entry: set[int] = set()
        self.history_content: dict[int, Block] = {}

    def add_transition(self, transition: Transition) -> None:
        """Add all states that this transition enters."""
        for target in transition.targets:
            self._add_descendants(target)
        domain = transition_domain(self.document, transition, self.history)
        for target in effective_targets(self.document, transition, self.history):
            self._add_ancestors(target, domain)

    def _add_descendants(self, index: int) -> None:
        state = self.document.states[index]
        if state.kind == "history":
            self._add_history(index)
            return
        self.states.add(index)
        if state.kind == "compound" and state.initial is not None:
            self.default_entry.add(index)
            for target in state.initial.targets:
                self._add_descendants(target)
            for target in state.initial.targets:
                self._add_ancestors(target, index)
        elif state.kind == "parallel":
            self._add_regions(index)

    def _add_history(self, index: int) -> None:
        state = self.document.states[index]
        recorded = self.history.get(index)
        if recorded is None and state.initial is not None:
            self.history_content[state.parent] = state.initial.content
            recorded = state.initial.targets
        for target in recorded or ():
            self._add_descendants(target)
        for target in recorded or ():
            self._add_ancestors(target, state.parent)

    def _add_ancestors(self, index: int, stop: int | None) -> None:
        for ancestor in self.document.ancestors(index):
            if ancestor == stop or ancestor == 0:
                return
            self.states.add(ancestor)
            if self.document.states[ancestor].kind == "parallel":
                self._add_regions(ancestor)

    def _add_regions(self, index: int) -> None:
        for child in self.document.states[index].children:
            region = self.document.states[child]
            if child not in self.states and not any(region.contains(state) for state in self.states):
                self._add_descendants(child)
