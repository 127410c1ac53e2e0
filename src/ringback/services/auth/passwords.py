"""Passwords: argon2, and a pause for a name that is guessed at."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ringback.runtime.bounded import Bounded

_REMEMBERED = 10_000


class Passwords:
    """Hashing in threads, two at a time: each takes some 100 ms and 64 MB."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._room = asyncio.Semaphore(2)
        # Verified when a name is unknown, so that the answer takes as long as for a wrong password.
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash to store."""
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; `stored` None: there is no such user."""
        if stored is None and not self._nobody:
            self._nobody = await self.hash("nobody")
        async with self._room:
            right = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until: float = 0.0


class Guesses:
    """Counts wrong passwords in a row by user name; after `limit` the name waits `wait_s` seconds."""

    def __init__(self, limit: int, wait_s: float) -> None:
        self._limit = limit
        self._wait_s = wait_s
        self._names = Bounded[str, _Failures](_REMEMBERED)

    def must_wait(self, name: str, now: float) -> float:
        """Seconds until the next try is allowed; 0 when it is allowed now."""
        failures = self._names.get(name)
        return max(0.0, failures.until - now) if failures else 0.0

    def wrong(self, name: str, now: float) -> None:
        """Note a wrong password."""
        failures = self._names[name] = self._names.get(name) or _Failures()
        failures.count += 1
        if failures.count >= self._limit:
            failures.count, failures.until = 0, now + self._wait_s

    def right(self, name: str) -> None:
        """Note a right password."""
        self._names.pop(name, None)
