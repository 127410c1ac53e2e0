"""A conference room: each seat hears all the others. No I/O, no clock: whoever pulls a seat's frame sets the
pace.
"""

from __future__ import annotations

from ringback.media.g711 import FRAME_SAMPLES, pcm_to_ulaw
from ringback.media.mixer import mix

_FRAME_BYTES = 2 * FRAME_SAMPLES
_KEPT_FRAMES = 5
"""How much of a speaker waits for a listener, at most: what is older is dropped, or delay would grow."""


class Room:
    """The seats of one conference."""

    def __init__(self) -> None:
        self._seats: list[Seat] = []

    def __len__(self) -> int:
        """Seats that are taken."""
        return len(self._seats)

    def enter(self) -> Seat:
        """A seat for somebody who comes in."""
        seat = Seat(self)
        self._seats.append(seat)
        return seat

    def spread(self, speaker: Seat, pcm: bytes) -> None:
        """Let all the others hear what one says."""
        for seat in self._seats:
            if seat is not speaker:
                seat.hear(speaker, pcm)

    def leave(self, leaver: Seat) -> None:
        """A seat is given up; a second time it does nothing."""
        if leaver in self._seats:
            self._seats.remove(leaver)
            for seat in self._seats:
                seat.forget(leaver)


class Seat:
    """One party in a room; as an audio source it gives what this party hears."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._heard: dict[Seat, bytearray] = {}

    def speak(self, pcm: bytes) -> None:
        """Say a piece of audio (16-bit pcm) of any length."""
        self._room.spread(self, pcm)

    def hear(self, speaker: Seat, pcm: bytes) -> None:
        """Keep what somebody says until the next frames are pulled."""
        kept = self._heard.setdefault(speaker, bytearray())
        kept += pcm
        del kept[: max(0, len(kept) - _KEPT_FRAMES * _FRAME_BYTES)]

    def forget(self, speaker: Seat) -> None:
        """Somebody has left."""
        self._heard.pop(speaker, None)

    def leave(self) -> None:
        """Give the seat up."""
        self._room.leave(self)

    def next_frame(self) -> bytes:
        """The next 20 ms of mu-law; silence when nobody says anything."""
        frames = []
        for kept in self._heard.values():
            if len(kept) >= _FRAME_BYTES:
                frames.append(bytes(kept[:_FRAME_BYTES]))
                del kept[:_FRAME_BYTES]
        return pcm_to_ulaw(mix(frames) or bytes(_FRAME_BYTES))
