"""Identifiers that must be unique in space and time (RFC 3261 8.1.1.4, 8.1.1.7, 19.3)."""

from __future__ import annotations

from collections.abc import Callable

BRANCH_COOKIE = "z9hG4bK"


_POOL = 4096


class RandomPool:
    """Random bytes from the operating system, asked for a page at a time: each question is a system call."""

    __slots__ = ("_bytes", "_next", "_read")

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._bytes = b""
        self._next = 0

    def __call__(self, count: int) -> bytes:
        """The next `count` bytes; none is given out twice."""
        end = self._next + count
        if end > len(self._bytes):
            self._bytes, self._next, end = self._read(max(_POOL, count)), 0, count
        taken = self._bytes[self._next : end]
        self._next = end
        return taken


class IdSource:
    """Makes branches, tags and Call-IDs from a random source: a function from a byte count to bytes."""

    __slots__ = ("_random",)

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random

    def branch(self) -> str:
        """A Via branch with the magic cookie and 96 random bits (RFC 3261 8.1.1.7)."""
        return BRANCH_COOKIE + self._random(12).hex()

    def tag(self) -> str:
        """A From or To tag with 64 random bits (RFC 3261 19.3 asks for 32)."""
        return self._random(8).hex()

    def call_id(self, host: str = "") -> str:
        """A Call-ID with 128 random bits, followed by @host where one is given (RFC 3261 8.1.1.4)."""
        unique = self._random(16).hex()
        return f"{unique}@{host}" if host else unique

    def number(self) -> int:
        """A 31-bit number for a first CSeq or a SDP session id."""
        return int.from_bytes(self._random(4), "big") >> 1
