"""The log of a tenant's routing decisions: a bounded stream in Valkey, and how it is read.

What happened in one turn of the loop is one entry of `{t}:router:log`, a JSON list of records. The log is
written beside the routing: when Valkey is away or slow the log stops and the routing goes on; it begins anew
with the next router. While it is full it always holds a checkpoint, so that what is left can be replayed. A
router of more than CHECKPOINT_MOST agents and interactions is not written down, which would hold it up.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from ringback.domain.routing import Router, messages
from ringback.domain.routing.checkpoint import size, take
from ringback.domain.routing.log import Began, Entry, Record, encode
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.runtime.valkey import Commands, ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

FLUSH_S = 0.1
MOST_WAITING = 50_000
PAGE = 500
CHECKPOINTS = 4
"""While the log is full it holds about so many."""
CHECKPOINT_MOST = 10_000
"""Which take about 40 milliseconds and 2.5 MB."""


def log_stream(tenant: str) -> str:
    """The stream of decisions."""
    return f"{{{tenant}}}:router:log"


class DecisionLog:
    """Collects what one router does, and writes it."""

    def __init__(self, ctx: Context, valkey: Commands, tenant: str, length: int, began: Began) -> None:
        self._ctx = ctx
        self._valkey = valkey
        self._stream = log_stream(tenant)
        self._length = length
        self._records: list[Record] = [began]
        self._broken = length == 0
        self._every = max(1, length // CHECKPOINTS)
        self._written = 0
        self._writing: asyncio.Task[None] | None = None

    def wants_checkpoint(self, core: Router) -> bool:
        """Whether the state is to be written down now."""
        return self._written >= self._every and not self._broken and size(core) <= CHECKPOINT_MOST

    def checkpoint(self, core: Router, at: float) -> None:
        """Write the state down: a replay can begin here."""
        self._written = 0
        self._records.append(take(core, at))

    def add(self, at: float, event: messages.Input | None, outputs: list[messages.Output]) -> None:
        """Remember one turn of the router."""
        if self._broken:
            return
        self._records.append(Entry(at, event, outputs))
        if len(self._records) > MOST_WAITING:
            self._give_up("too much at once")
        elif self._writing is None:
            self._writing = self._ctx.spawn(self._write(), "decision-log")

    def _give_up(self, why: str) -> None:
        self._broken, self._records = True, []
        self._ctx.log.warning("decision_log_stopped", reason=why)

    async def _write(self) -> None:
        try:
            await asyncio.sleep(FLUSH_S)
            records, self._records = self._records, []
            for start in range(0, len(records), PAGE):
                body = encode(records[start : start + PAGE])
                await self._valkey.call("XADD", self._stream, "MAXLEN", "~", self._length, "*", "e", body)
                self._written += 1
        except (ValkeyUnavailable, ValkeyError) as error:
            self._give_up(str(error))
        except asyncio.CancelledError:
            self._broken, self._records = True, []  # the service stops: nothing would await another task
            raise
        finally:
            self._writing = None
            if self._records and not self._broken:
                self._writing = self._ctx.spawn(self._write(), "decision-log")


class DecisionPages:
    """HTTP: the log, a page at a time, the oldest first."""

    def __init__(self, ctx: Context, server: HttpServer) -> None:
        self._ctx = ctx
        server.route("GET", "/decisions/{tenant}", self._page, connection="voice-8")

    async def _page(self, request: HttpRequest) -> HttpResponse:
        """`after`: where the page before has ended (its header X-Cursor). Lines of JSON."""
        tenant = request.path_param("tenant")
        if tenant not in self._ctx.common.tenants:
            raise HttpError(404, "unknown_tenant", "no such tenant is served here")
        after = request.query.get("after", "-")
        start = f"({after}" if after != "-" else after
        valkey = self._ctx.valkey.using("voice-14")
        try:
            rows = await valkey.call("XRANGE", log_stream(tenant), start, "+", "COUNT", PAGE)
        except ValkeyError:
            raise HttpError(400, "bad_cursor", "after is what X-Cursor said") from None
        lines = [_lines(row[1][1]) for row in rows]
        cursor = rows[-1][0].decode() if rows else ""
        return HttpResponse(
            b"".join(lines), content_type="application/x-ndjson", headers={"X-Cursor": cursor}
        )


def _lines(batch: bytes) -> bytes:
    with suppress(msgspec.MsgspecError):
        return b"".join(bytes(each) + b"\n" for each in msgspec.json.decode(batch, type=list[msgspec.Raw]))
    return b""
