"""What the script of the bindings is asked, and what it says (`bindings.lua`). Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ringback.contracts.events import DnEvent, dns_stream
from ringback.contracts.sip import Binding, bindings_key, expiries_key
from ringback.runtime.streams import MAXLEN
from ringback.services.registrar.bindings import Change
from ringback.services.registrar.refused import Refused

_binding = msgspec.json.Decoder(Binding).decode


class Stored(NamedTuple):
    """The bindings after a change, and the event that it caused."""

    bindings: list[Binding]
    event: DnEvent | None


class Wording:
    """Writes the keys and arguments of the script; `limit`: how many bindings a number may have."""

    def __init__(self, node: str, limit: int) -> None:
        self._node = node
        self._limit = limit
        self._events: dict[tuple[str, str], bytes] = {}
        """Of each tenant and reason the event that a change may cause; the script fills in the rest."""

    def to(
        self, tenant: str, dn: str, changes: tuple[Change, ...], reason: str, now: float
    ) -> tuple[tuple[str, ...], list[str | bytes | int]]:
        """The keys and the arguments."""
        event = self._events.get((tenant, reason))
        if event is None:
            made = DnEvent(id="", time=now, tenant=tenant, server=self._node, this_dn="", reason=reason)
            event = self._events[(tenant, reason)] = msgspec.json.encode(made)
        args: list[str | bytes | int] = [int(now * 1000), dn, self._limit, event, MAXLEN]
        for change in changes:
            args += (change.id, change.call_id, change.cseq, change.expires_at, change.value)
        return (bindings_key(tenant, dn), expiries_key(tenant), dns_stream(tenant)), args


def read_reply(reply: list[bytes], changes: tuple[Change, ...]) -> Stored:
    """The bindings that these changes leave. Raises Refused."""
    verdict, sent = reply[0], reply[1]
    if verdict == b"out_of_order":
        raise Refused(500, "CSeq out of order")
    if verdict == b"too_many":
        raise Refused(403, "Too many bindings")
    if len(changes) == 1:
        bindings = [changes[0].binding] if changes[0].expires_at else []
    else:
        # The last word on a binding counts, as in the script.
        last = {change.id: change for change in changes}
        bindings = [change.binding for change in last.values() if change.expires_at]
    bindings += [_binding(row) for row in reply[2:]]
    return Stored(bindings, msgspec.json.decode(sent, type=DnEvent) if sent else None)
