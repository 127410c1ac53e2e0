"""`ringback sip trace`: watch the messages of a call on all services, then draw them."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from ringback.commands.joining import joined_settings
from ringback.commands.showing import people
from ringback.commands.siptools.ladder import Arrow, draw, pair
from ringback.commands.siptools.pcap import capture
from ringback.contracts.sip_trace import NAMES, STREAM, WANTED, WANTED_S, TracedMessage
from ringback.runtime.context import Context, Process
from ringback.runtime.streams import StreamEntry, StreamTail

_SETTLE_S = 1.0
"""Services look for wishes twice a second."""
_LINGER_S = 1.2
"""So late a service may tell of a message: it learns now and then only whose it was."""


def trace(data: Path | None, words: list[str], *, seconds: float, pcap: Path | None, whole: bool) -> int:
    """Print messages as they pass, at the end the ladder; the exit code is 1 if nothing was seen."""
    console = people()
    watch = _Watch(console, words, seconds, whole=whole)
    try:
        asyncio.run(watch.run(data))
    except KeyboardInterrupt:
        console.print()
    arrows = pair(watch.messages)
    if not arrows:
        console.print(f"No message held {' or '.join(words)}.")
        return 1
    console.print("\n".join(draw(arrows, console.width if console.is_terminal else None)), soft_wrap=True)
    if pcap is not None:
        pcap.write_bytes(capture(arrows))
        console.print(f"{len(arrows)} messages in {pcap}")
    return 0


class _Watch:
    """Keeps the wish alive and gathers what is seen."""

    def __init__(self, console: Console, words: list[str], seconds: float, *, whole: bool) -> None:
        self.messages: list[TracedMessage] = []
        self._console = console
        self._words = words
        self._seconds = seconds
        self._whole = whole
        self._shown: set[int] = set()

    async def run(self, data: Path | None) -> None:
        process = Process(joined_settings(data))
        ctx = Context(process, "ringback")
        try:
            await ctx.valkey.start()
            await ctx.valkey.call("DEL", NAMES)
            await ctx.valkey.call("SET", WANTED, msgspec.json.encode(self._words), "EX", WANTED_S)
            StreamTail(ctx, [STREAM], self._take).start()
            await asyncio.sleep(_SETTLE_S)
            self._console.print(f"Watching for {' or '.join(self._words)}; Ctrl-C draws the ladder.")
            await self._stay(ctx)
        finally:
            with suppress(Exception):
                await ctx.valkey.call("DEL", WANTED, NAMES)
            await process.stop()

    async def _stay(self, ctx: Context) -> None:
        ends = time.monotonic() + self._seconds
        while (left := ends - time.monotonic()) > 0:
            await ctx.valkey.call("SET", WANTED, msgspec.json.encode(self._words), "EX", WANTED_S)
            await ctx.valkey.call("EXPIRE", NAMES, WANTED_S)
            await asyncio.sleep(min(left, WANTED_S / 3))
            self._show()
        await asyncio.sleep(_LINGER_S)
        self._show()

    async def _take(self, entry: StreamEntry) -> None:
        self.messages.append(entry.json(TracedMessage))
        asyncio.get_running_loop().call_later(_LINGER_S, self._show)

    def _show(self) -> None:
        """Print what both sides have had time to tell of."""
        settled = time.time() - _LINGER_S
        arrows = [arrow for arrow in pair(self.messages) if arrow.time <= settled]
        for arrow in arrows:
            if id(arrow.message) in self._shown:
                continue
            self._shown.add(id(arrow.message))
            self._console.print(line(arrow), soft_wrap=True)
            if self._whole:
                self._console.print(arrow.message.data.decode("utf-8", "replace"))


def line(arrow: Arrow) -> str:
    """One message in one line."""
    clock = datetime.fromtimestamp(arrow.time, UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"{clock}  {arrow.sender} → {arrow.receiver}  {arrow.label}  {arrow.call_id}"
