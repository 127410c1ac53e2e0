"""A dialog as a JSON value, and back (in another process, perhaps with another version of this library)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ringback.sandbox import Json, SandboxError

from .document import Document
from .events import Audio, Mark, Part, Pause, Text
from .scopes import Chain
from .state import Context, Frame, Item, Queued, Wait

if TYPE_CHECKING:
    from .machine import Machine

VERSION = 1
_PARTS: Mapping[str, type[Any]] = {"audio": Audio, "text": Text, "mark": Mark, "pause": Pause}
_PLAIN = ("session", "prompt_timeout", "numbers", "fetches", "plays", "gone", "told", "ended", "now")


def save(machine: Machine) -> Json:
    """See `Interpreter.snapshot`."""
    return {
        "version": VERSION,
        "documents": {key: {"url": each.url, "text": each.text} for key, each in machine.documents.items()},
        "contexts": [asdict(context) for context in machine.contexts],
        "queue": [{"part": _saved_part(each.part), "bargein": each.bargein} for each in machine.queue],
        "wait": asdict(machine.wait) if machine.wait is not None else None,
        "scopes": machine.scopes.save(),
        **{name: getattr(machine, name) for name in _PLAIN},
    }


def load(machine: Machine, saved: Json) -> Machine:
    """Fill a fresh machine with what was saved. Raises SandboxError."""
    if saved.get("version") != VERSION:
        raise SandboxError(f"a snapshot of version {saved.get('version')!r} cannot be read")
    for name in _PLAIN:
        setattr(machine, name, saved[name])
    for each in saved["documents"].values():
        document = Document(each["text"], each["url"], machine.limits)
        machine.documents[document.key] = document
    machine.contexts = [_context(each) for each in saved["contexts"]]
    machine.queue = [Queued(_part(each["part"]), each["bargein"]) for each in saved["queue"]]
    machine.wait = Wait(**saved["wait"]) if saved["wait"] is not None else None
    machine.scopes.load(saved["scopes"], _chains(machine))
    return machine


def _chains(machine: Machine) -> dict[int, Chain]:
    """What the functions of each scope see: its chain up to itself."""
    found: dict[int, Chain] = {}
    for context in machine.contexts:
        chain = machine.chain(context)
        for place, scope in enumerate(chain):
            found.setdefault(scope, chain[: place + 1])
    return found


def _context(saved: dict[str, Json]) -> Context:
    items = [Item(**item) for item in saved["items"]]
    frames = [Frame(**frame) for frame in saved["frames"]]
    return Context(**{**saved, "items": items, "frames": frames, "form": Item(**saved["form"])})


def _saved_part(part: Part) -> Json:
    return {"kind": type(part).__name__.lower(), **asdict(part)}


def _part(saved: dict[str, Json]) -> Part:
    fields = {name: value for name, value in saved.items() if name != "kind"}
    found: Part = _PARTS[saved["kind"]](**fields)
    return found
