"""Nodes of engagement as processes of their own that can be killed, and the sessions that dial for them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from ringback.contracts.callbacks import STREAM, session_id
from ringback.runtime.context import Context
from ringback.runtime.streams import StreamConsumer, StreamEntry
from ringback.testing.platform import SECRET, ServiceHarness

from .ground import Ground

_PORT = 3050
_SAME_REPLY = {"X-Ringback-Cluster": SECRET}


class Node:
    """One `ringback run engagement`."""

    def __init__(self, ground: Ground, valkey_url: str, host: str, folder: Path) -> None:
        self.host = host
        self.base = f"http://{host}:{_PORT}"
        self.kills = 0
        self._log = folder / f"{host}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._env = {
            **os.environ,
            "RINGBACK_HOST": host,
            "RINGBACK_NODE": f"node-{host}",
            "RINGBACK_DATA": str(folder),
            "RINGBACK_VALKEY_URL": valkey_url,
            "RINGBACK_POSTGRES_DSN": ground.dsn,
            "RINGBACK_CLUSTER_SECRET": SECRET,
            "RINGBACK_LOG_LEVEL": "warning",
            "RINGBACK_AUTH_HOST": ground.host,
            "RINGBACK_ORCHESTRATION_HOST": ground.host,
            "RINGBACK_TENANT_HOST": ground.host,
        }

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start it, and wait until it is ready."""
        command = (sys.executable, "-m", "ringback", "run", "engagement")
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=self._env, stdout=log, stderr=log
            )
        async with asyncio.timeout(60):
            while not await self._ready(session):
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self.kills += 1

    async def stop(self) -> None:
        """End it, however it is."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text()[-3000:]
        try:
            async with session.get(f"{self.base}/ready") as reply:
                return reply.status == 200
        except OSError:
            return False


class Platform:
    """Requests to any of the nodes, repeated at another until one answers."""

    def __init__(self, nodes: Sequence[Node], session: aiohttp.ClientSession, chance: random.Random) -> None:
        self._nodes = nodes
        self._session = session
        self._chance = chance
        self.repeated = 0

    async def post(self, path: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
        """The answer, which is a 200 in the end."""
        data = msgspec.json.encode(body)
        while True:
            node = self._chance.choice(self._nodes)
            try:
                async with self._session.post(node.base + path, data=data, headers=headers) as reply:
                    answer: dict[str, Any] = msgspec.json.decode(await reply.read())
                    if reply.status == 200:
                        return answer
                    assert reply.status >= 500, answer
            except (aiohttp.ClientError, OSError):
                pass
            self.repeated += 1
            await asyncio.sleep(0.05)


class Sessions:
    """Orchestration: two members of the group that reads the stream; a session is begun once, then it dials.

    dialled: how often each number was dialled. entries: how often each attempt was told.
    """

    def __init__(self, platform: Platform, readers: Sequence[ServiceHarness]) -> None:
        self._platform = platform
        self._readers = readers
        self.entries: Counter[str] = Counter()
        self.dialled: Counter[str] = Counter()
        self.finished: set[str] = set()
        self.refused: list[str] = []

    def start(self) -> None:
        """Begin to read."""
        for reader in self._readers:
            ctx = Context(reader.process, "orchestration")
            StreamConsumer(ctx, [STREAM], "orchestration", self._begin_by(ctx)).start()

    def _begin_by(self, ctx: Context) -> Any:
        async def begin(entry: StreamEntry) -> None:
            fields = {name: value.decode() for name, value in entry.fields.items()}
            sid = session_id(fields["callback_id"], int(fields["attempt"]))
            self.entries[sid] += 1
            if await ctx.valkey.call("SET", f"session:{sid}", ctx.node, "NX") is not None:
                ctx.spawn(self._session(fields, sid), "session")

        return begin

    async def _session(self, entry: dict[str, str], sid: str) -> None:
        if not await self._step(entry, sid, 1, "DIALLING"):
            self.refused.append(sid)
            return
        self.dialled[entry["number"]] += 1
        await self._step(entry, sid, 2, "PROCESSING")
        await self._step(entry, sid, 3, "COMPLETED", reason="AGENT_CONNECTED")
        self.finished.add(entry["callback_id"])

    async def _step(self, entry: dict[str, str], sid: str, number: int, state: str, reason: str = "") -> bool:
        body = {
            "attempt": int(entry["attempt"]),
            "step": number,
            "session_id": sid,
            "state": state,
            "time": 0.0,
            "reason": reason,
        }
        path = f"/internal/callbacks/{entry['tenant']}/{entry['callback_id']}/steps"
        return bool((await self._platform.post(path, body, _SAME_REPLY))["go_on"])
