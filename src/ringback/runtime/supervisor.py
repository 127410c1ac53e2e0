"""Starts servers and child processes, keeps them alive, and ends them in order.

What dies is started again after a pause that doubles. The first SIGINT or SIGTERM drains: the children get
SIGTERM and time to finish their work, the servers end after them. A second signal stops all at once.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from ringback.runtime.embedded import EmbeddedError, EmbeddedServer
from ringback.runtime.supervisor_child import Child, ChildSpec, SupervisorError, ending

__all__ = ["ChildSpec", "Supervisor", "SupervisorError"]

FIRST_PAUSE_S = 0.2
LAST_PAUSE_S = 10.0
STEADY_S = 30.0
"""Who has lived this long starts again after the first pause."""
KILL_AFTER_S = 5.0
"""Added to the drain limit before a child that does not end is killed."""


class Kept(Protocol):
    """What the supervisor can keep alive."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def wait(self) -> int: ...


class Supervisor:
    """Keeps servers and children alive from `run` until a signal.

    `drain_s`: seconds that children get to finish; `say`: where one-line news for people go.
    """

    def __init__(self, *, drain_s: float, say: Callable[[str], None]) -> None:
        self._drain_s = drain_s
        self._say = say
        self._servers: list[EmbeddedServer] = []
        self._children: list[Child] = []
        self._keepers: set[asyncio.Task[None]] = set()
        self._signals: asyncio.Queue[int] = asyncio.Queue()

    async def start_servers(self, servers: Sequence[EmbeddedServer]) -> None:
        """Start servers side by side and keep them alive. Raises `EmbeddedError`."""
        self._servers.extend(servers)
        results = await asyncio.gather(*(server.start() for server in servers), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        for server in servers:
            self._keep(server)

    async def start_children(self, specs: Sequence[ChildSpec]) -> None:
        """Start children one after the other, each when the one before is ready, and keep them alive.

        Raises `SupervisorError` when one does not get ready.
        """
        for spec in specs:
            child = Child(spec)
            self._children.append(child)
            await child.start()
            await child.wait_ready()
            self._keep(child)

    async def run(self, bring_up: Callable[[], Awaitable[None]]) -> None:
        """Run `bring_up`, then keep all alive until a signal; drain and stop.

        What `bring_up` raises is raised here after everything has been stopped.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signals.put_nowait, number)
        try:
            if await self._brought_up(bring_up):
                await self._signals.get()
            await self._drain_or_second_signal()
        finally:
            await self._stop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _brought_up(self, bring_up: Callable[[], Awaitable[None]]) -> bool:
        """Whether `bring_up` ended before a signal came."""
        up = asyncio.ensure_future(bring_up())
        first = asyncio.create_task(self._signals.get())
        await asyncio.wait({up, first}, return_when=asyncio.FIRST_COMPLETED)
        finished = up.done()
        await _cancel(up, first)
        if finished:
            up.result()
        return finished

    async def _drain_or_second_signal(self) -> None:
        await _cancel(*self._keepers)
        drain = asyncio.create_task(self._drain())
        second = asyncio.create_task(self._signals.get())
        done, _ = await asyncio.wait({drain, second}, return_when=asyncio.FIRST_COMPLETED)
        if drain not in done:
            self._say("Stopping at once.")
        await _cancel(drain, second)

    async def _drain(self) -> None:
        """End the children in the reverse of the order in which they started.

        Who asks ends before who is asked, so that the last calls still find everything they need.
        """
        living = [child for child in reversed(self._children) if child.running]
        if not living:
            return
        self._say(f"Draining: up to {self._drain_s:g} s for calls to end (Ctrl-C again stops at once).")
        deadline = time.monotonic() + self._drain_s
        for left, child in zip(reversed(range(len(living))), living, strict=True):
            child.terminate()
            if await _ends_within(child, max(0.0, deadline - time.monotonic()) + KILL_AFTER_S):
                self._say(f"{child.name} has stopped; {left} of {len(living)} left.")
            else:
                self._say(f"{child.name} did not end in time: killing it.")
                child.kill()

    async def _stop(self) -> None:
        """End everything that is left: children at once, then the servers, cleanly."""
        await _cancel(*self._keepers)
        for child in self._children:
            child.kill()
        await asyncio.gather(*(child.wait() for child in self._children if child.running))
        await asyncio.gather(*(server.stop() for server in self._servers))

    def _keep(self, kept: Kept) -> None:
        task = asyncio.create_task(self._keep_alive(kept), name=f"keep-{kept.name}")
        self._keepers.add(task)
        task.add_done_callback(self._keepers.discard)

    async def _keep_alive(self, kept: Kept) -> None:
        pause = FIRST_PAUSE_S
        while True:
            since = time.monotonic()
            code = await kept.wait()
            if time.monotonic() - since > STEADY_S:
                pause = FIRST_PAUSE_S
            self._say(f"{kept.name} has ended ({ending(code)}); starting it again in {pause:g} s.")
            pause = await self._start_again(kept, pause)

    async def _start_again(self, kept: Kept, pause: float) -> float:
        """Start it after the pause, as often as it takes; the pause for the next time."""
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_S)
            try:
                await kept.start()
            except (EmbeddedError, OSError) as error:
                self._say(f"{kept.name} does not start: {error} Trying again in {pause:g} s.")
            else:
                self._say(f"{kept.name} runs again.")
                return pause


async def _ends_within(child: Child, seconds: float) -> bool:
    """Whether the child ends before the time is over."""
    try:
        await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _cancel(*tasks: asyncio.Future[object] | asyncio.Future[None] | asyncio.Future[int]) -> None:
    """Cancel what still runs and wait for its end; errors stay in the tasks."""
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
