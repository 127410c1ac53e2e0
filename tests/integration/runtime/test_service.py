import asyncio
from typing import ClassVar

import msgspec

from ringback.runtime.service import HEARTBEATS, Heartbeat, Service, ServiceHost
from ringback.runtime.settings import CommonSettings


class Sample(Service):
    name: ClassVar[str] = "config"
    happened: ClassVar[list[str]] = []

    async def start(self) -> None:
        self.happened.append("start")

    async def drain(self) -> None:
        self.happened.append("drain")
        await asyncio.Event().wait()  # work that never ends

    async def stop(self) -> None:
        self.happened.append("stop")


def _host(valkey_url: str, *kinds: type[Service]) -> ServiceHost:
    Sample.happened.clear()
    return ServiceHost(kinds, CommonSettings(valkey_url=valkey_url, node="n9"), env={})


async def test_a_service_is_announced_while_it_runs_and_withdrawn_after(valkey_url: str) -> None:
    host = _host(valkey_url, Sample)
    await host.start()
    async with asyncio.timeout(20):
        while not (raw := await host.process.valkey.call("HGET", HEARTBEATS, "config@n9")):
            await asyncio.sleep(0.01)
    assert msgspec.json.decode(raw, type=Heartbeat).ready
    reader = await host.process.valkey.dedicated("reader")
    await host._withdraw()
    assert await reader.call("HGET", HEARTBEATS, "config@n9") is None
    await host.stop()


async def test_draining_ends_at_its_limit_even_when_work_does_not(valkey_url: str) -> None:
    host = _host(valkey_url, Sample)
    await host.start()
    await asyncio.wait_for(host.drain(0.05), 2)
    assert not host.services["config"].ctx.ready
    await host.stop()
    assert Sample.happened == ["start", "drain", "stop"]


async def test_a_task_that_crashes_is_logged_and_harms_no_other(valkey_url: str) -> None:
    host = _host(valkey_url, Sample)
    await host.start()
    ctx = host.services["config"].ctx
    going_on = asyncio.Event()

    async def crash() -> None:
        raise ValueError("in a task")

    async def work() -> None:
        going_on.set()

    await ctx.spawn(crash(), "crash")
    ctx.spawn(work(), "work")
    await asyncio.wait_for(going_on.wait(), 2)
    await host.stop()
