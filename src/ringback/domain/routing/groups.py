"""Groups of groups, of places and of virtual queues, and the targets that name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .messages import GroupDefined
from .skills import AtPlace, Either, Every, Expression, ExpressionError, Group, Named, join

MAX_MEMBERS = 10_000
_SHOWN = 12
"""Names that a message tells of a path that leads through more."""


class GroupCycle(ValueError):
    """A group that contains itself; `path` leads from the group back to it."""

    def __init__(self, path: Sequence[str]) -> None:
        shown = path if len(path) <= _SHOWN else (*path[: _SHOWN - 2], "…", path[-1])
        super().__init__("contains itself: " + " > ".join(shown))
        self.path = tuple(path)


def closure(name: str, inner: Mapping[str, Sequence[str]]) -> list[str]:
    """A group and all groups inside it, each once, itself first. Raises GroupCycle with the path."""
    found: dict[str, None] = {}
    path: dict[str, None] = {}
    work: list[tuple[str, bool]] = [(name, False)]
    while work:
        group, done = work.pop()
        if done:
            path.popitem()
            continue
        if group in path:
            names = list(path)
            raise GroupCycle([*names[names.index(group) :], group])
        if group in found:
            continue
        found[group] = None
        path[group] = None
        work.append((group, True))
        work += [(each, False) for each in reversed(inner.get(group, ()))]
    return list(found)


class Groups:
    """What the configuration says of groups."""

    def __init__(self) -> None:
        self._defined: dict[str, GroupDefined] = {}
        self._inner: dict[str, tuple[str, ...]] = {}

    def all(self) -> list[GroupDefined]:
        """The definitions, those inside others first: they can be given again in this order."""
        names = dict.fromkeys(each for name in self._defined for each in reversed(closure(name, self._inner)))
        return [self._defined[name] for name in names if name in self._defined]

    def define(self, group: GroupDefined) -> bool:
        """Take a definition; False when it was so already. Raises GroupCycle and keeps what it had."""
        if self._defined.get(group.group) == group:
            return False
        closure(group.group, {**self._inner, group.group: group.groups})
        self._defined[group.group] = group
        self._inner[group.group] = group.groups
        return True

    def expand(
        self, text: str, expression: Expression, served_by: Callable[[str], Expression | None]
    ) -> Expression:
        """The expression with groups and queues looked up. Raises ExpressionError for what is unknown."""
        if isinstance(expression, Every | Either):
            parts = [self.expand(text, part, served_by) for part in expression.parts]
            return join(type(expression), parts)
        if isinstance(expression, Group) and self._inner.get(expression.name):
            return join(Either, [Group(each) for each in closure(expression.name, self._inner)])
        if isinstance(expression, Named):
            return join(Either, self._members(text, expression, served_by))
        return expression

    def _members(
        self, text: str, named: Named, served_by: Callable[[str], Expression | None]
    ) -> list[Expression]:
        if named.kind == "Q":
            return [_served(text, named.name, served_by)]
        groups = closure(named.name, self._inner)
        defined = [self._defined[each] for each in groups if each in self._defined]
        if named.kind == "GP":
            found: list[Expression] = [AtPlace(place) for each in defined for place in each.places]
        else:
            found = [_served(text, queue, served_by) for each in defined for queue in each.queues]
        if not found:
            raise ExpressionError(text, 0, f"no group {named.key} is known")
        return found[:MAX_MEMBERS]

    def queues(self, name: str) -> list[str]:
        """The virtual queues of a group, each once; empty when there is no such group."""
        groups = closure(name, self._inner)
        members = (self._defined[each].queues for each in groups if each in self._defined)
        return list(dict.fromkeys(queue for queues in members for queue in queues))


def _served(text: str, queue: str, served_by: Callable[[str], Expression | None]) -> Expression:
    found = served_by(queue)
    if found is None:
        raise ExpressionError(text, 0, f"nobody serves a virtual queue {queue[:64]!r}")
    return found
