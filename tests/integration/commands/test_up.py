"""`ringback up` as people run it: a first start, a fault, Ctrl-C, a second start."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from ringback.testing.servers import private_host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs loopback addresses of its own")


class Terminal:
    """A `ringback up` whose output can be waited for."""

    def __init__(self, data: Path, host: str) -> None:
        self.data = data
        self.host = host
        self.lines: list[str] = []
        self.process: asyncio.subprocess.Process

    async def start(self, *more: str) -> None:
        """Start and wait for the banner."""
        self.process = await asyncio.create_subprocess_exec(
            *command("up", "--data", str(self.data), "--host", self.host, *more),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment(),
        )
        await self.reads("Ringback is up after")

    async def reads(self, words: str) -> str:
        """Read until a line holds these words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip())
                if words in line:
                    return line
        pytest.fail("\n".join([f"never said {words!r}", *self.lines]))

    async def interrupted(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        await self.reads("Stopped. Your data is in")
        return await self.process.wait()

    def found(self, pattern: str) -> str:
        """The first group of a pattern in the output."""
        match = re.search(pattern, "\n".join(self.lines))
        assert match is not None, self.lines
        return match[1]


def command(*arguments: str) -> tuple[str, ...]:
    """A command line of ours."""
    return (sys.executable, "-m", "ringback", *arguments)


def environment() -> dict[str, str]:
    """The environment without the platform's variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    return kept | {"COLUMNS": "100", "NO_COLOR": "1"}


async def output(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments), stdout=asyncio.subprocess.PIPE, env=environment()
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_a_platform_comes_up_survives_a_kill_stops_and_comes_back_as_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Terminal(data, private_host())
    await first.start("--processes", "2")
    try:
        rows = json.loads(await output("connections", "--json", "--data", str(data)))
        assert len(rows) == 77
        assert set(rows[0]) == {"id", "source", "destination", "protocol", "port", "built", "messages"}
        assert "up to date" in await output("migrate", "--data", str(data))
        await a_killed_node_comes_back(first)
    finally:
        code = await first.interrupted()
    assert code == 0
    assert not (data / "platform.json").exists()

    second = Terminal(data, private_host())
    await second.start()
    assert await second.interrupted() == 0
    for secret in (r"x-api-key: (\S+)'", r"1001 +(\S+)", r"2001 +(\S+)"):
        assert second.found(secret) == first.found(secret)


async def a_killed_node_comes_back(terminal: Terminal) -> None:
    """Kill the first child with -9 and read that it is started again."""
    nodes = nodes_of(terminal.process.pid)
    assert len(nodes) == 2
    os.kill(nodes[0], signal.SIGKILL)
    await terminal.reads("has ended (killed by SIGKILL); starting it again")
    await terminal.reads("runs again")


def nodes_of(pid: int) -> list[int]:
    """The service processes that a `ringback up` has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in children if b"ringback\0run" in Path(f"/proc/{each}/cmdline").read_bytes()]
