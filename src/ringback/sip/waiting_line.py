"""New calls that wait because there is more to do than can be done (RFC 6357 5.2, RFC 7339). Pure.

Who came last is taken first: most calls then are as quick as ever, and the few that have waited too long are
refused, where in a queue all would be late and asked for again.
"""

from __future__ import annotations

from typing import Any

Key = tuple[str, ...]


class Held:
    """An INVITE that waits; `since` is when it came in, `data` what it was on the wire."""

    __slots__ = ("data", "key", "request", "since", "source")

    def __init__(self, key: Key, data: bytes, request: Any, source: Any, since: float) -> None:
        self.key, self.data, self.request, self.source, self.since = key, data, request, source, since


class WaitingLine:
    """INVITEs by the key of the transaction that they will have.

    They may wait for `patience_s` seconds. Where the line has stood for longer than that it is no burst that
    will be worked off: then they are refused after `short_s`.
    """

    def __init__(self, patience_s: float, short_s: float, room: int) -> None:
        self._patience_s = patience_s
        self._short_s = short_s
        self._room = room
        self._stands_since = 0.0
        self._held: dict[Key, Held] = {}
        self._data: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._held)

    def has(self, data: bytes) -> bool:
        """True for an INVITE that waits already: its sender repeats it."""
        return data in self._data

    def put(self, held: Held, now: float) -> None:
        """Let an INVITE wait; one that waits already keeps its place."""
        if not self._held:
            self._stands_since = now
        if held.key not in self._held:
            self._held[held.key] = held
            self._data.add(held.data)

    def newest(self) -> Held:
        """Take out the one that came last. Raises KeyError where nobody waits."""
        held = self._held.popitem()[1]
        self._data.discard(held.data)
        return held

    def take(self, key: Key) -> Held | None:
        """Take out the one with this key, if it waits."""
        held = self._held.pop(key, None)
        if held is not None:
            self._data.discard(held.data)
        return held

    def given_up(self, now: float) -> list[Held]:
        """Take out those that have waited too long, and the oldest of more than there is room for."""
        found: list[Held] = []
        stands = now - self._stands_since > self._patience_s
        patience_s = self._short_s if stands else self._patience_s
        for held in self._held.values():
            if held.since + patience_s > now and len(self._held) - len(found) <= self._room:
                break
            found.append(held)
        for held in found:
            self.take(held.key)
        return found
