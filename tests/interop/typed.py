"""Phones for the terminal, driven by their commands: what a person types, and what they say."""

import asyncio
import contextlib
import re
import signal
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

LIMIT_S = 30.0
_RATE = 8000


class Typed:
    """A running program; :func:`typed` makes one."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._heard = ""  # everything it has said; `says` reads on from where it stopped
        self._read = 0

    async def does(self, command: str) -> None:
        """Type a command."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{command}\n".encode())
        await self._child.stdin.drain()

    async def says(self, pattern: str, limit_s: float = LIMIT_S) -> re.Match[str]:
        """Wait for words, beginning after those that the last wait found."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._says(re.compile(pattern))
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in {self._heard[self._read :][-800:]!r}") from None

    async def _says(self, pattern: re.Pattern[str]) -> re.Match[str]:
        while not (found := pattern.search(self._heard, self._read)):
            assert self._child.stdout is not None
            more = await self._child.stdout.read(4096)
            assert more, f"it has ended: {self._heard[-800:]}"
            self._heard += more.decode(errors="replace")
        self._read = found.end()
        return found

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """While it does nothing: it answers late what it is asked meanwhile."""
        self._child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._child.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def typed(
    *command: str, goodbye: str, env: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process of a program, which is told to end and waited for."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env=env
    )
    try:
        yield child
        await Typed(child).does(goodbye)
        await asyncio.wait_for(child.wait(), LIMIT_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def recorded(path: Path, samples: bytes) -> None:
    """A file with 16-bit samples at 8 kHz, in place of a microphone."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples)
