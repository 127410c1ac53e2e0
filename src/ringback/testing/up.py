"""``ringback up`` as a child of a test: the real command with its processes, on an address of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ringback.commands.joining import environment
from ringback.runtime.context import Context, Process
from ringback.runtime.service import HEARTBEATS, Heartbeat
from ringback.runtime.settings import CommonSettings, load_settings
from ringback.testing.check_world import World, until

_UP = "Ringback is up"
_START_S = 90.0
_STOP_S = 30.0


class Up:
    """The platform between ``async with`` and its end; ``world`` drives it."""

    def __init__(
        self, data: Path, host: str, *, processes: int = 1, env: Mapping[str, str] | None = None
    ) -> None:
        self._data = data
        self._command = ("-m", "ringback", "up", "--data", str(data), "--host", host)
        self._processes = processes
        self._env = {**os.environ, **(env or {})}
        self._killed: set[int] = set()
        self._child: asyncio.subprocess.Process | None = None
        self._said: deque[str] = deque(maxlen=60)
        self._reader: asyncio.Task[None] | None = None
        self._joined: Process | None = None
        self._world: World | None = None

    async def __aenter__(self) -> Self:
        arguments = (*self._command, "--processes", str(self._processes))
        out = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=self._env, stdout=out, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(_START_S):
                await self._wait_until_up()
            self._reader = asyncio.create_task(self._drain())
            await self._join()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def world(self) -> World:
        """The platform from the outside."""
        assert self._world is not None
        return self._world

    async def nodes(self) -> dict[str, list[Heartbeat]]:
        """The processes by name, with the services that each runs."""
        assert self._joined is not None
        flat = await self._joined.valkey.call("HVALS", HEARTBEATS)
        beats = [msgspec.json.decode(value, type=Heartbeat) for value in flat]
        fresh = [beat for beat in beats if beat.at > self._joined.now() - 6.0]
        return {node: [b for b in fresh if b.node == node] for node in sorted({b.node for b in fresh})}

    async def kill(self, node: str) -> None:
        """``kill -9`` one process."""
        pid = (await self.nodes())[node][0].pid
        self._killed.add(pid)
        os.kill(pid, signal.SIGKILL)

    async def whole(self, timeout: float = 40.0) -> None:
        """Wait until every service is ready, in processes that have not been killed."""
        count = self._processes

        def met(nodes: dict[str, list[Heartbeat]]) -> bool:
            beats = [beat for node in nodes.values() for beat in node]
            pids = {beat.pid for beat in beats}
            alive = not pids & self._killed
            return len(nodes) == count and alive and all(beat.ready for beat in beats)

        await until(self.nodes, met, timeout)

    @property
    def said(self) -> str:
        """The last lines of its output."""
        return "".join(self._said)

    async def _wait_until_up(self) -> None:
        assert self._child is not None and self._child.stdout is not None
        while line := (await self._child.stdout.readline()).decode():
            self._said.append(line)
            if _UP in line:
                return
        raise RuntimeError(f"the platform ended before it was up:\n{self.said}")

    async def _drain(self) -> None:
        assert self._child is not None and self._child.stdout is not None
        while line := await self._child.stdout.readline():
            self._said.append(line.decode())

    async def _join(self) -> None:
        joined = {**self._env, **environment(self._data)}
        common = load_settings(CommonSettings, "common", joined)
        common = msgspec.structs.replace(common, node="test", kafka_bootstrap="")
        self._joined = Process(common, env=joined)
        await self._joined.start(needs_postgres=False)
        self._world = World(Context(self._joined, "test"))

    async def _end(self) -> None:
        if self._joined is not None:
            await self._joined.stop()
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            self._child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._child.wait(), _STOP_S)
            except TimeoutError:
                self._child.kill()
                await self._child.wait()
        if self._reader is not None:
            await self._reader
