"""The supervisor on real processes: keeps alive, drains, stops."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ringback.runtime import supervisor as module
from ringback.runtime.embedded import EmbeddedValkey
from ringback.runtime.supervisor import ChildSpec, Supervisor, SupervisorError

IMPORTS = "import os, signal, socket, sys, time\n"
READY = IMPORTS + "os.write(int(os.environ['RINGBACK_READY_FD']), b'1')\n"
POLITE = IMPORTS + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n" + READY + "time.sleep(60)\n"
STUBBORN = IMPORTS + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + "time.sleep(60)\n"


class Watched:
    """A supervisor whose news can be waited for."""

    def __init__(self, folder: Path, *, drain_s: float = 5.0) -> None:
        self.folder = folder
        self.news: list[str] = []
        self._came = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.supervisor = Supervisor(drain_s=drain_s, say=self._say)
        self.running: asyncio.Task[None] | None = None

    def spec(self, name: str, code: str, **more: float) -> ChildSpec:
        """A child that runs Python code."""
        return ChildSpec(name, (sys.executable, "-S", "-c", code), self.folder / f"{name}.log", **more)

    async def up(self, *specs: ChildSpec) -> None:
        """Start and wait until all are ready."""

        async def bring_up() -> None:
            await self.supervisor.start_children(specs)
            self._say("up")

        await self.run(bring_up)
        await self.said("up")

    async def run(self, bring_up: Callable[[], Awaitable[None]]) -> None:
        """Run in the background."""
        self.running = asyncio.create_task(self.supervisor.run(bring_up))

    async def said(self, words: str) -> str:
        """Wait for a line of news with these words."""
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: any(words in line for line in self.news))
        return next(line for line in self.news if words in line)

    async def ended(self) -> None:
        """Wait for the end of the supervisor."""
        assert self.running is not None
        await asyncio.wait_for(self.running, 10)

    def _say(self, line: str) -> None:
        self.news.append(line)
        task = asyncio.ensure_future(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._came:
            self._came.notify_all()

    def pids(self) -> list[int]:
        """Process numbers of the children."""
        return [child.pid for child in self.supervisor._children if child.pid]


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    """A supervisor with short pauses; ended by two signals if a test has left it running."""
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    made = Watched(tmp_path)
    yield made
    if made.running and not made.running.done():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        await made.ended()


def alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_child_that_dies_is_started_again_and_told_in_one_line(watched: Watched) -> None:
    os.mkfifo(watched.folder / "again")
    announce = f"open({str(watched.folder / 'again')!r}, 'w').close()\n"
    marker = watched.folder / "once"
    code = (
        "import os\n"
        f"first = not os.path.exists({str(marker)!r})\n"
        f"open({str(marker)!r}, 'w').close()\n" + READY + f"if not first: {announce}" + "time.sleep(60)\n"
    )
    await watched.up(watched.spec("worker", code))
    (first,) = watched.pids()
    os.kill(first, signal.SIGKILL)
    assert "killed by SIGKILL" in await watched.said("worker has ended")
    await asyncio.wait_for(asyncio.to_thread((watched.folder / "again").read_text), 10)
    (second,) = watched.pids()
    assert second != first


async def test_the_pause_before_a_new_start_doubles(watched: Watched) -> None:
    await watched.up(watched.spec("unhappy", READY))
    assert "in 0.01 s" in await watched.said("exit code 0); starting it again in 0.01 s")
    assert "in 0.04 s" in await watched.said("in 0.04 s")


async def test_the_first_ctrl_c_drains_all_children_and_says_so(watched: Watched) -> None:
    await watched.up(watched.spec("one", POLITE), watched.spec("two", POLITE))
    pids = watched.pids()
    os.kill(os.getpid(), signal.SIGINT)
    await watched.ended()
    assert "Draining: up to 5 s" in watched.news[1]
    assert watched.news[2:] == ["two has stopped; 1 of 2 left.", "one has stopped; 0 of 2 left."]
    assert not any(map(alive, pids))


async def test_a_second_ctrl_c_stops_at_once(watched: Watched) -> None:
    await watched.up(watched.spec("stubborn", STUBBORN))
    os.kill(os.getpid(), signal.SIGINT)
    await watched.said("Draining")
    os.kill(os.getpid(), signal.SIGINT)
    await watched.ended()
    assert watched.news[-1] == "Stopping at once."
    assert not any(map(alive, watched.pids()))


async def test_a_child_that_does_not_drain_in_time_is_killed(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KILL_AFTER_S", 0.05)
    watched.supervisor._drain_s = 0.05
    await watched.up(watched.spec("stubborn", STUBBORN))
    os.kill(os.getpid(), signal.SIGTERM)
    await watched.ended()
    assert "stubborn did not end in time" in watched.news[-1]
    assert not any(map(alive, watched.pids()))


async def test_a_child_that_never_gets_ready_is_an_error_with_its_last_words(watched: Watched) -> None:
    spec = watched.spec("broken", "import sys; sys.exit('ringback: what is wrong')")
    await watched.run(lambda: watched.supervisor.start_children([spec]))
    with pytest.raises(SupervisorError, match=r"broken ended at once \(exit code 1\): ringback: what is"):
        await watched.ended()


async def test_a_child_that_takes_too_long_to_get_ready_is_an_error(watched: Watched) -> None:
    slow = watched.spec("slow", "import time; time.sleep(60)", ready_timeout=0.05)
    await watched.run(lambda: watched.supervisor.start_children([slow]))
    with pytest.raises(SupervisorError, match=r"slow was not ready within 0\.05 s"):
        await watched.ended()
    assert not any(map(alive, watched.pids()))


async def test_ctrl_c_while_starting_stops_what_has_started(watched: Watched) -> None:
    specs = [watched.spec("one", POLITE), watched.spec("slow", "import time; time.sleep(60)")]

    async def bring_up() -> None:
        await watched.supervisor.start_children(specs[:1])
        watched._say("one is up")
        await watched.supervisor.start_children(specs[1:])

    await watched.run(bring_up)
    await watched.said("one is up")
    os.kill(os.getpid(), signal.SIGINT)
    await watched.ended()
    assert not any(map(alive, watched.pids()))


async def test_a_server_that_dies_is_started_again_with_its_data(watched: Watched) -> None:
    server = EmbeddedValkey(watched.folder / "valkey")

    async def bring_up() -> None:
        await watched.supervisor.start_servers([server])
        watched._say("up")

    await watched.run(bring_up)
    await watched.said("up")
    await server.command("SET", "kept", "yes")
    os.kill(server.pid, signal.SIGKILL)
    await watched.said("Valkey has ended (killed by SIGKILL)")
    await watched.said("Valkey runs again")
    assert await server.command("EXISTS", "kept") == "1"


async def test_servers_end_after_the_children(watched: Watched) -> None:
    server = EmbeddedValkey(watched.folder / "valkey")
    needs = (
        IMPORTS + "def last(*_):\n"
        "    socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, last)\n" + READY + "time.sleep(60)\n"
    )

    async def bring_up() -> None:
        await watched.supervisor.start_servers([server])
        spec = watched.spec("needs", needs)
        command = (*spec.command, str(server.port))
        await watched.supervisor.start_children([ChildSpec("needs", command, spec.log)])
        watched._say("up")

    await watched.run(bring_up)
    await watched.said("up")
    child = watched.supervisor._children[0]
    os.kill(os.getpid(), signal.SIGTERM)
    await watched.ended()
    assert await child.wait() == 7
    assert not server.running


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from ringback.runtime.supervisor import ChildSpec, Supervisor\n"
        f"spec = ChildSpec('c', (sys.executable, '-S', '-c', {POLITE!r}), pathlib.Path(sys.argv[1], 'log'))\n"
        "supervisor = Supervisor(drain_s=1, say=print)\n"
        "async def bring_up():\n"
        "    await supervisor.start_children([spec])\n"
        "    print(supervisor._children[0].pid, flush=True)\n"
        "asyncio.run(supervisor.run(bring_up))\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    gone = os.pidfd_open(child)
    parent.kill()
    await parent.wait()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(gone, ended.set)
    await asyncio.wait_for(ended.wait(), 20)
    asyncio.get_running_loop().remove_reader(gone)
    os.close(gone)
