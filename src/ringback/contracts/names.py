"""T-Library's spelling of attribute names: `conn_id` is `ConnID` on the wire."""

from __future__ import annotations

_WORDS = {
    "id": "ID",
    "dn": "DN",
    "uuid": "UUID",
    "ani": "ANI",
    "dnis": "DNIS",
}
_KEPT = {"id", "time"}


def tlib(name: str) -> str:
    """Return the wire name of a field; `id` (the event's name) and `time` stay as they are."""
    if name in _KEPT:
        return name
    return "".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))
