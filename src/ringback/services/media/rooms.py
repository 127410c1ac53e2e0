"""The conference rooms of a media node, by name."""

from __future__ import annotations

from weakref import WeakValueDictionary

from ringback.media.room import Room, Seat


class Rooms:
    """A room is there as long as somebody sits in it."""

    def __init__(self) -> None:
        self._rooms: WeakValueDictionary[str, Room] = WeakValueDictionary()

    def enter(self, name: str) -> Seat:
        """A seat in a room, which is opened if need be."""
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room()
        return room.enter()
