"""One press that is told in two ways counts once: some telephones send RFC 4733 and INFO for each key."""

from __future__ import annotations

from collections import deque

TWICE_TOLD_S = 2.0
"""So far apart the two may be: an INFO is sent when the key is let go, or waits for the one before it."""
_MOST = 32


class Presses:
    """The keys of one caller. Each that came in one way takes away one such key that comes in the other."""

    def __init__(self) -> None:
        self._single: deque[tuple[float, str, bool]] = deque(maxlen=_MOST)
        """Those of the last seconds that were told in one way: when, which, and whether by SIP."""

    def is_new(self, key: str, now: float, *, by_sip: bool) -> bool:
        """Whether the key counts; False for the second word of a press that has counted."""
        while self._single and self._single[0][0] < now - TWICE_TOLD_S:
            self._single.popleft()
        for told in self._single:
            if told[1:] == (key, not by_sip):
                self._single.remove(told)
                return False
        self._single.append((now, key, by_sip))
        return True
