"""Answering challenges as a client: proxies and a registrar may all ask (RFC 3261 22.2, 22.3). Pure."""

from __future__ import annotations

from collections.abc import Callable

from ringback.sip.digest import DigestClient, realm_of, says_stale
from ringback.sip.message import Response

_MOST = 4
"""So often one request is tried anew: two who ask, and both may call a nonce stale."""
_HEADERS = (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization"))

Asked = tuple[str, str]
"""The header of the answer, and the realm."""


class Challenges:
    """What has asked for a password on the way of a request, and of those that follow it.

    Who asks again found our answer wrong: it is not tried again unless only its nonce was too old (22.2).
    """

    __slots__ = ("_answered", "_asked", "_digest", "tries")

    def __init__(self, digest: DigestClient) -> None:
        self._digest = digest
        self._asked: dict[Asked, list[str]] = {}
        self._answered: frozenset[Asked] = frozenset()
        self.tries = 0
        """How often the request under way was challenged and is tried anew."""

    def hear(self, response: Response) -> bool:
        """Note what a 401 or 407 asks for; false where another try would come to nothing."""
        found: dict[Asked, list[str]] = {}
        for asks, answers in _HEADERS:
            for value in response.get_all(asks):
                if (realm := realm_of(value)) is not None:
                    found.setdefault((answers, realm), []).append(value)
        in_vain = any(who in self._answered and not says_stale(values) for who, values in found.items())
        if not found or in_vain or self.tries >= _MOST:
            return False
        self._asked.update(found)
        self._answered = self._answered.union(found)
        self.tries += 1
        return True

    def answers(self, method: str, uri: str, random: Callable[[], str]) -> list[tuple[str, str]]:
        """The headers for the next try; `random` gives a cnonce for each."""
        made = [
            (header, self._digest.answer(values, method, uri, random()))
            for (header, _), values in self._asked.items()
        ]
        return [(header, value) for header, value in made if value is not None]

    def settled(self) -> None:
        """The request is through, or was refused: the next one may be challenged again."""
        self._answered, self.tries = frozenset(), 0

    def forget(self) -> None:
        """Say nothing until somebody asks again."""
        self._asked = {}
