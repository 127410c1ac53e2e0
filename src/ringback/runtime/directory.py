"""Directories of nodes: who is alive, and where. An entry lives as long as it is announced."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ringback.runtime.valkey import Commands, Script

T = TypeVar("T")

_FORGET = Script(
    "if redis.call('EXISTS', KEYS[2]) == 0 then return redis.call('SREM', KEYS[1], ARGV[1]) end return 0"
)
"""A node that has announced itself since it was looked for stays."""


def _key(kind: str, node: str) -> str:
    return f"ringback:nodes:{kind}:{node}"


async def announce(valkey: Commands, kind: str, node: str, entry: msgspec.Struct, ttl_s: float) -> None:
    """Write or refresh the entry of one node; call it at least every third of `ttl_s` seconds."""
    await valkey.call("SET", _key(kind, node), msgspec.json.encode(entry), "PX", int(ttl_s * 1000))
    await valkey.call("SADD", f"ringback:nodes:{kind}", node)


async def withdraw(valkey: Commands, kind: str, node: str) -> None:
    """Remove the entry of a node that stops."""
    await valkey.call("DEL", _key(kind, node))
    await valkey.call("SREM", f"ringback:nodes:{kind}", node)


async def list_nodes(valkey: Commands, kind: str, entry: type[T]) -> dict[str, T]:
    """Return the living nodes of a kind by name; the dead are forgotten on the way."""
    names = [name.decode() for name in await valkey.call("SMEMBERS", f"ringback:nodes:{kind}")]
    if not names:
        return {}
    values = await valkey.call("MGET", *(_key(kind, name) for name in names))
    living = {}
    for name, value in zip(names, values, strict=True):
        if value is None:
            await valkey.script(_FORGET, [f"ringback:nodes:{kind}", _key(kind, name)], [name])
        else:
            living[name] = msgspec.json.decode(value, type=entry)
    return living
