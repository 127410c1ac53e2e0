"""Messages made wrong on purpose, the same ones for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_WORDS = (
    *(bytes([byte]) for byte in b'\r\n\x00"<>;,:[]%@= \t\\*\xff\xc3~0'),
    *b"%00 -1 4294967296 1e9 SIP/2.0 z9hG4bK ;lr ;tag= ;branch= sip: sips: tel: urn:service:sos".split(),
    *(b"Via: ", b"Route: ", b"Content-Length: ", b"CSeq: ", b"Contact: *\r\n", b"v: ", b"l: "),
    *(b"[::1]", b"\r\n", b"\r\n ", b"\r\n\r\n", b"\xe2\x82\xac", b"()"),
)
_NUMBER = re.compile(rb"\d+")
_NUMBERS = (
    b"0",
    b"-1",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"99999999999999999999",
)
_MAX = 8192


class Mutator:
    """Takes one of the seeds and changes a few things in it."""

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        self._seeds = seeds
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            self._flip,
            self._put,
            self._cut,
            self._repeat,
            self._number,
            self._line,
            self._splice,
        )

    def next(self) -> bytes:
        """One more message."""
        data = self._random.choice(self._seeds)
        for _ in range(self._random.choice((1, 1, 2, 3, 5, 8))):
            data = self._random.choice(self._ways)(data)[:_MAX]
        return data

    def _at(self, data: bytes) -> int:
        return self._random.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        changed = bytearray(data)
        if changed:
            changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed)

    def _put(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self._random.choice(_WORDS) + data[at:]

    def _cut(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + data[at + self._random.choice((1, 2, 8, 64, _MAX)) :]

    def _repeat(self, data: bytes) -> bytes:
        at = self._at(data)
        part = data[at : at + self._random.choice((1, 4, 32, 256))]
        return data[:at] + part * self._random.choice((2, 3, 40)) + data[at:]

    def _number(self, data: bytes) -> bytes:
        found = list(_NUMBER.finditer(data))
        if not found:
            return data
        match = self._random.choice(found)
        return data[: match.start()] + self._random.choice(_NUMBERS) + data[match.end() :]

    def _line(self, data: bytes) -> bytes:
        """Lines swapped, doubled or lost."""
        lines = data.split(b"\r\n")
        first, second = (self._random.randrange(len(lines)) for _ in range(2))
        how = self._random.randrange(3)
        if how == 0:
            lines[first], lines[second] = lines[second], lines[first]
        elif how == 1:
            lines.insert(second, lines[first])
        else:
            del lines[first]
        return b"\r\n".join(lines)

    def _splice(self, data: bytes) -> bytes:
        other = self._random.choice(self._seeds)
        return data[: self._at(data)] + other[self._at(other) :]
