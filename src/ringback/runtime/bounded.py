"""A table of so many entries at the most, for what is remembered of names that anybody can bring."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(OrderedDict[K, V]):
    """What is written is the newest; with too many in it the oldest goes.

    An OrderedDict knows its oldest. A dict looks for it among the holes that all those before have left, the
    longer the larger it once was.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)
