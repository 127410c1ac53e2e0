"""Scripts that only declare functions: running them changes nothing else, so it can wait for an engine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from ringback.sandbox import Engine, Limits, SandboxError, prelude, source

from .plain import Function, compile_function

PRELUDE = prelude(source(__package__, "prelude.js"))
PARTS = {part: source(__package__, f"prelude_{part}.js") for part in ("library", "lists", "store")}
PART_OF = {
    "library": ("library",),
    "know": ("library",),
    "asked": ("library",),
    "openList": ("lists",),
    "bindItem": ("lists",),
    "closeList": ("lists",),
    "save": ("graph", "store"),
    "load": ("graph", "store"),
    "adopt": ("graph", "store"),
    "names": ("graph", "store"),
}
_SPACE = re.compile(r"(?:[\s;]|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*", re.DOTALL)
_LONGEST = 20_000
_TRIAL = Limits(script_seconds=0.05, memory_bytes=4 * 1024 * 1024)


@lru_cache(maxsize=256)
def declared(script: str) -> Mapping[str, Function | None] | None:
    """The functions of a script that declares functions and does nothing else; None for any other script.

    A function without a value can be called by an engine only.
    """
    if len(script) > _LONGEST or "function" not in script:
        return None
    texts = texts_of(script)
    if texts is None:
        return None
    rest = script
    for text in sorted(texts.values(), key=len, reverse=True):
        before, found, after = rest.partition(text)
        if not found:
            return None
        rest = f"{before} {after}"
    if not _SPACE.fullmatch(rest):
        return None
    return MappingProxyType({name: compile_function(text) for name, text in texts.items()})


@lru_cache(maxsize=256)
def texts_of(script: str) -> Mapping[str, str] | None:
    """The source texts of the functions that a script leaves in an empty engine; None: it leaves more."""
    engine = Engine(_TRIAL, PRELUDE, PARTS, PART_OF)
    try:
        engine.run(script)
        saved = json.loads(engine.call("save"))
    except SandboxError:
        return None
    finally:
        engine.close()
    table, found = saved["table"], {}
    for name, value in table[saved["root"]["r"]]["o"]:
        entry = table[value["r"]] if isinstance(value, dict) and "r" in value else {}
        if "f" not in entry:
            return None
        found[name] = entry["f"]
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def built_in() -> frozenset[str]:
    """The global names that an engine has from the beginning."""
    engine = Engine(_TRIAL, PRELUDE, PARTS, PART_OF)
    try:
        return frozenset(json.loads(engine.call("names")))
    finally:
        engine.close()
